"""The shipped networks restore faces that were not in their training data."""

import pathlib

import numpy as np
import pytest
from PIL import Image

from gan_restore import data, hub
from gan_restore.degradations import operators, tasks
from gan_restore.evaluation import metrics, scoring


@pytest.fixture(scope="module")
def scores(real_data, tmp_path_factory):
  source = data.load(
    f"folder:{real_data / 'celeba'}", "test", 64, str(tmp_path_factory.mktemp("tfds"))
  )

  def scores(name, task, limit=32, **options):
    restorer = hub.load(name, **options)
    found = scoring.evaluate(restorer, tasks.get(task), source, limit=limit)
    output = "result" if task.startswith("inpaint") else "raw"
    return found[f"{output}/psnr"], found[f"{output}/ssim"]

  return scores


@pytest.mark.parametrize("name", ["cdcgan", "encoder_dcgan", "unet_gan"])
def test_a_large_hole_is_filled_by_one_pass(scores, name):
  """At least 25 dB, and 3 dB better than biharmonic inpainting."""
  ours, _ = scores(name, "inpaint:center")
  assert ours > 25 and ours > scores("biharmonic", "inpaint:center")[0] + 3


@pytest.mark.slow
def test_large_faces(real_data):
  """`unet_gan:128` fills a hole of 64x64 at least 3 dB better than biharmonic inpainting."""
  folder = real_data / "celeba128"
  split = (folder / "list_eval_partition.txt").read_text().split()
  names = [name for name, part in zip(split[::2], split[1::2]) if part == "2"][:8]
  pictures = [np.asarray(Image.open(folder / "img_align_celeba" / name)) for name in names]
  x = np.stack(pictures)[:, 50:178, 25:153] / np.float32(255)
  A = operators.inpaint(np.pad(np.ones((64, 64), np.float32), 32))
  score = lambda name: metrics.psnr(hub.load(name)(A(x), A).image, x).mean()
  assert score("unet_gan:128") > score("biharmonic") + 3


@pytest.mark.slow
@pytest.mark.parametrize("part", ["eyes", "nose", "lips"])
def test_the_unet_fills_facial_parts(scores, part):
  """1 dB better than biharmonic inpainting and than the mirrored face."""
  ours, _ = scores("unet_gan", f"inpaint:{part}")
  assert all(
    ours > scores(baseline, f"inpaint:{part}")[0] + 1 for baseline in ("biharmonic", "mirror")
  )


@pytest.mark.parametrize(
  "task,baseline,margin,ssim",
  [
    ("inpaint", "biharmonic", 3, 0.81),
    pytest.param("colorize", "damaged", 6, 0.951, marks=pytest.mark.slow),
    pytest.param("super_resolve", "lanczos", 1, 0.75, marks=pytest.mark.slow),
    pytest.param("denoise", "non_local_means", 1.5, 0.88, marks=pytest.mark.slow),
    pytest.param("quantize", "non_local_means", 1.5, 0.87, marks=pytest.mark.slow),
  ],
)
def test_one_prior_is_for_any_damage(scores, task, baseline, margin, ssim):
  """Better than a simple baseline by `margin` dB, with an SSIM of at least `ssim`."""
  psnr, structure = scores("denoiser", task)
  assert psnr > scores(baseline, task)[0] + margin and structure > ssim


@pytest.mark.slow
@pytest.mark.parametrize("task", ["inpaint", "super_resolve", "denoise:0.2"])
def test_a_sample_is_sharp(real_data, task):
  """It has more of the gradients of the originals than the mean, and at most 3.5 dB less PSNR."""
  names = sorted((real_data / "celeba" / "img_align_celeba").glob("00850*.jpg"))
  x = np.stack([np.asarray(Image.open(path))[25:89, 12:76] for path in names]) / np.float32(255)
  y, A = scoring.damage(tasks.get(task), x, 0, 0)
  mean, sample = (hub.load("denoiser")(y, A, fidelity=value).image for value in (1.0, 0.0))
  missing = np.ones((1, 64, 64, 1)) if operators.missing(A, x.shape) is None else A.mask
  original, of_mean, of_sample = (
    float(metrics.gradient_magnitude(image, missing).mean()) for image in (x, mean, sample)
  )
  assert of_mean + 0.1 * original < of_sample < 1.25 * original
  assert metrics.psnr(sample, x).mean() > metrics.psnr(mean, x).mean() - 3.5


@pytest.mark.slow
def test_a_stronger_prior_is_searched_better(scores):
  """With raw G(z), 1.5 dB better than the DCGAN, and with a higher SSIM."""
  few = {"limit": 8, "num_restarts": 1}
  ours, theirs = (scores(name, "super_resolve", **few) for name in ("autoencoder_gan", "map"))
  assert ours[0] > theirs[0] + 1.5 and ours[1] > theirs[1] + 0.05


def test_the_embedding_tells_people_apart_that_it_has_not_seen(real_data):
  """The area under the ROC curve of pairs of test faces is at least 0.85. The judge finds an
  original by a strongly blurred face."""
  folder = real_data / "celeba128"
  table = lambda name: dict(map(str.split, (folder / name).read_text().splitlines()))
  part, who = table("list_eval_partition.txt"), table("identity_CelebA.txt")
  names = sorted(name for name in part if part[name] == "2")[::4]
  pictures = [
    Image.open(folder / "img_align_celeba" / name).crop((25, 50, 153, 178)) for name in names
  ]
  x = np.stack([np.asarray(picture.reduce(2)) for picture in pictures]) / np.float32(255)
  judge = hub.load_judge("identity")
  vectors = np.asarray(judge(x, x)["found"], np.float64)
  rows, columns = np.triu_indices(len(x), 1)
  same = np.array([who[name] for name in names])
  auc, _ = metrics.verification((vectors @ vectors.T)[rows, columns], same[rows] == same[columns])
  assert auc > 0.85
  blurred = np.asarray(operators.blur(2.0)(x))
  assert metrics.found(np.asarray(judge(blurred, x)["found"]), vectors) > 0.9


def test_a_path_is_no_name(tmp_path, monkeypatch):
  """Not even of a folder that is named like shipped weights."""
  monkeypatch.chdir(tmp_path)
  (tmp_path / "dcgan").mkdir()
  with pytest.raises(ValueError, match="dcgan"):
    hub.load(pathlib.Path("dcgan"))
  assert hub.load("dcgan").size == (64, 64)


@pytest.mark.parametrize("name", ["denoiser", "tv"])
def test_an_option_that_there_is_not(name):
  with pytest.raises(TypeError, match=f"{name} has no option shap .did you mean shape"):
    hub.load(name, shap=(64, 64))
