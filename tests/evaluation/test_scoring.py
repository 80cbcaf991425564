import jax
import numpy as np
import pytest
from helpers import filled_with_white
from skimage import metrics as reference

from gan_restore import data, hub
from gan_restore.degradations import operators, tasks
from gan_restore.evaluation import metrics as our_metrics
from gan_restore.evaluation import scoring
from gan_restore.restorers.result import Result


@pytest.fixture(scope="module")
def source():
  return data.load("toy_faces", "test", 32)


def scores(name, task, source, **options):
  result = scoring.evaluate(hub.load(name), tasks.get(task), source, **options)
  result.pop("seconds")
  return result


def test_scores_are_scikit_images(source):
  got = scores("bicubic", "super_resolve", source, limit=5, batch_size=4)
  x = np.stack([source[i]["image"] for i in range(5)]).astype(np.float32) / 255
  y, A = tasks.get("super_resolve").corrupt(x, jax.random.key(0))
  image = np.asarray(hub.load("bicubic")(y, A).image)
  wanted = np.mean(
    [reference.peak_signal_noise_ratio(b, a, data_range=1) for a, b in zip(image, x)]
  )
  np.testing.assert_allclose(got["raw/psnr"], wanted, rtol=1e-4)
  assert got["images"] == 5


@pytest.mark.parametrize("task,method", [("denoise", "tv"), ("inpaint", "biharmonic")])
def test_no_score_depends_on_the_batch_size(task, method, source):
  """Every image counts once, and its damage does not depend on the batch."""
  one, other = (scores(method, task, source, limit=7, batch_size=b) for b in (3, 7))
  assert one.keys() == other.keys()
  for name in one:
    np.testing.assert_allclose(one[name], other[name], rtol=1e-5, err_msg=name)


def test_the_seed_decides_the_damage(source):
  a, b, c = (scores("damaged", "denoise", source, limit=2, seed=s) for s in (0, 0, 1))
  assert a == b != c


def test_inpainting_is_scored_raw_composited_and_as_returned(source):
  got = scores("damaged", "inpaint", source, limit=3)
  for output in ("raw", "composited", "result"):
    assert {f"{output}/{s}" for s in ("psnr", "ssim", "psnr_hole", "ssim_hole")} <= got.keys()
  assert abs(got["composited/psnr"] - got["composited/psnr_hole"] - 10 * np.log10(4)) < 1e-3


def test_outputs_that_are_the_same_image_are_scored_once(source):
  """The raw image that keeps y is also that with the known pixels pasted back."""
  measured = []

  def scorer(images, originals):
    measured.append(images)
    return {"brightness": np.asarray(images).mean((1, 2, 3))}

  run = lambda restorer: scoring.evaluate(
    restorer, tasks.get("inpaint"), source, limit=3, scorers=[scorer]
  )
  kept = run(filled_with_white)
  assert len(measured) == 2  # The originals, and the image.
  for score in ("psnr", "brightness"):
    assert kept["raw/" + score] == kept["composited/" + score] == kept["result/" + score]
  changed = run(lambda y, A: Result(image=filled_with_white(y, A).image, generated=0 * y))
  assert len(measured) == 6 and changed["raw/brightness"] == 0 < changed["result/brightness"]


def test_sharpness_is_relative_to_the_originals(source):
  """For a restorer that returns the original it is 1; for one that returns half of it, 1/2."""
  x = np.stack([source[i]["image"] for i in range(3)]).astype(np.float32) / 255
  for image, wanted in ((x, 1.0), (x / 2, 0.5)):
    restorer = lambda y, A, image=image: Result(image=image, generated=image)
    got = scoring.evaluate(restorer, tasks.get("inpaint"), source, limit=3, batch_size=3)
    np.testing.assert_allclose(got["raw/sharpness"], wanted, rtol=1e-4)
  # An image without a gradient in the hole is left out.
  columns = {"gradient": np.array([1.0, np.nan]), "raw/gradient": np.array([0.5, np.nan])}
  assert scoring.means(columns | {"seconds": np.zeros(2)})["raw/sharpness"] == 0.5


def test_seconds_are_an_image_that_was_restored(source):
  """Two images are not padded to a batch of 64, and 66 are two batches of 64 rows."""
  sizes = []

  def restorer(y, A):
    sizes.append(len(y))
    return Result(image=y, generated=y)

  scoring.evaluate(restorer, tasks.get("denoise"), source, limit=2)
  assert sizes == [2]
  scoring.evaluate(restorer, tasks.get("denoise"), source, limit=5, batch_size=4)
  assert sizes == [2, 4, 4]


@pytest.mark.parametrize(
  "task",
  [
    "blur:1+super_resolve:2",
    "inpaint+denoise:0.05",
    "colorize:luma",
    "poisson",
    "motion_blur:5+denoise:auto@0.05+jpeg:40",
    "salt_and_pepper+jpeg:50",
    "denoise:auto",
  ],
)
def test_compositions_are_scored(task, source):
  """Compositions with a hole are also scored in the hole.

  Only a task that is a hole alone has known pixels that can be pasted back.
  """
  got = scores("damaged", task, source, limit=3)
  assert got["raw/psnr"] > 5 and "composited/psnr" not in got
  assert ("raw/psnr_hole" in got) == ("inpaint" in task)


def test_a_score_that_no_image_has_is_nan_and_others_are_means(source):
  """A hole closer than 5 pixels to the border contains the centre of no SSIM window."""
  border = np.zeros((32, 32))
  border[:3] = 1
  restorer = hub.load("damaged")
  got = scoring.evaluate(restorer, tasks.get("inpaint", mask=border), source, limit=2)
  assert np.isnan(got["raw/ssim_hole"]) and np.isfinite(got["raw/psnr_hole"])
  columns = {"raw/x": np.array([1.0, np.nan, 3.0]), "seconds": np.zeros(3)}
  assert scoring.means(columns)["raw/x"] == 2


def test_features_are_compared_as_their_name_says():
  """The share of those that find their original, or the Fréchet distance."""
  originals = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
  images = originals + [
    [0.0, 0.1],
    [0.0, 0.1],
    [0.0, -0.9],
    [0.0, 0.1],
  ]  # The third is the first's.
  columns = {name: images for name in ("raw/found_x", "raw/frechet_x")}
  columns |= {"found_x": originals, "frechet_x": originals, "seconds": np.zeros(4)}
  means = scoring.means(columns)
  assert means["raw/found_x"] == 0.75
  assert means["raw/frechet_x"] == our_metrics.frechet_distance(images, originals) > 0.01


def test_each_image_may_have_a_mask_of_its_own(source):
  x = np.stack([source[i]["image"] for i in range(2)]).astype(np.float32) / 255
  holes = np.zeros((2, 32, 32), np.float32)
  holes[0, :8] = holes[1, -8:] = 1
  own = [tasks.get("inpaint+denoise:0.1", mask=hole) for hole in holes]
  y, A = scoring.damage(own, x, 0, 0)
  np.testing.assert_array_equal(operators.missing(A, x.shape)[..., 0], holes)
  alone, _ = scoring.damage(own[1], x[1:], 1, 0)
  np.testing.assert_array_equal(y[1:], alone)
