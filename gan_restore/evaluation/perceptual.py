"""Scores that networks give: agreement of a classifier, LPIPS, and features for Fréchet distances.

Each function here makes a scorer: (images, originals), both [N, H, W, C] in [0, 1], -> {score:
[N], or features [N, D] of the images}. Features are returned under the name of the score that is
computed from them: their Fréchet distance to the features of the originals.

`fid` and `lpips` run PyTorch networks (the extra `perceptual`), with weights files that the user
has: nothing is downloaded here.
"""

import importlib
import os
import pickle
from collections.abc import Callable

import jax
import numpy as np

from gan_restore.evaluation import metrics

Scorer = Callable[[jax.Array, jax.Array], dict[str, jax.Array]]


def agreement(classify: Callable, exclusive: bool) -> Scorer:
  """Makes a scorer of a classifier, which compares its decisions on restorations and originals.

  The scores are `agreement` [N], the share of its decisions that are the same for both, and
  `frechet_judge`, the Fréchet distance of its features. (FID is the same distance with the features
  of another network.)

  Args:
    classify: Images [N, H, W, C] in [0, 1] -> (features [N, D], logits [N, classes]).
    exclusive: Whether the classes exclude each other, so that the decision is the largest logit.
      Otherwise they are attributes, each of which is decided by the sign of its logit.

  Returns:
    The scorer.
  """

  def scorer(images, originals):
    features, logits = classify(images)
    _, wanted = classify(originals)
    label = metrics.decide(wanted, exclusive)
    return {"agreement": metrics.accuracy(logits, label), "frechet_judge": features}

  return scorer


def fid(path: str | os.PathLike) -> Scorer:
  """`fid`: the features [N, 2048] of Inception (Heusel et al. 2017), by torch-fidelity.

  Args:
    path: Inception's weights, torch-fidelity's `weights-inception-2015-12-05-6726825d.pth`.

  Raises:
    ValueError: If the extra `perceptual` is not installed.
    OSError: If there is no such file.
  """
  torch, extractor = _load("torch", "torch_fidelity.feature_extractor_inceptionv3")
  network = extractor.FeatureExtractorInceptionV3(
    "inception", ["2048"], feature_extractor_weights_path=os.fspath(path)
  )

  def scorer(images, originals):
    del originals
    pixels = np.round(255 * np.clip(_three(images), 0, 1)).astype(np.uint8)
    return {"fid": network(torch.from_numpy(pixels))[0].numpy()}

  return scorer


def lpips(path: str | os.PathLike) -> Scorer:
  """`lpips` [N], a distance to the original (R. Zhang et al. 2018), by the package of its authors.

  Args:
    path: AlexNet's weights, torchvision's `alexnet-owt-7be5be79.pth`; the layers above them come
      with the package.

  Raises:
    ValueError: If the extra `perceptual` is not installed, or the file is of another network.
    OSError: If there is no such file.
  """
  torch, torchvision, package = _load("torch", "torchvision", "lpips")
  trunk = torchvision.models.alexnet(weights=None)
  try:
    trunk.load_state_dict(torch.load(path, weights_only=True))
  except (RuntimeError, pickle.UnpicklingError, AttributeError, TypeError) as error:
    raise ValueError(f"{path} does not hold AlexNet's weights") from error
  network = package.LPIPS(net="alex", pnet_rand=True, verbose=False)
  for part in network.net.children():
    for number, layer in part.named_children():
      layer.load_state_dict(trunk.features[int(number)].state_dict())
  network.requires_grad_(False)

  def scorer(images, originals):
    pair = [torch.from_numpy(_three(x)) for x in (images, originals)]
    return {"lpips": network(*pair, normalize=True)[:, 0, 0, 0].numpy()}

  return scorer


def _load(*names: str) -> list:
  """Modules of the extra, which are slow to import and rarely needed."""
  try:
    return [importlib.import_module(name) for name in names]
  except ImportError as error:
    raise ValueError(f"{error}: pip install 'gan_restore[perceptual]'") from error


def _three(x) -> np.ndarray:
  """[N, H, W, 1 or 3] -> float32 [N, 3, H, W]."""
  x = np.asarray(x, np.float32).transpose(0, 3, 1, 2)
  return np.ascontiguousarray(np.broadcast_to(x, (len(x), 3, *x.shape[2:])))
