import json

import jax
import numpy as np
import pytest
from conftest import small_config
from skimage import metrics as reference

from gan_restore import data, evaluation, restorers, tasks, train, weights
from gan_restore.models import dcgan
from gan_restore.restorers.result import Result


@pytest.fixture(scope="module")
def source():
  return data.load("toy_faces", "test", 32)


def scores(name, task, source, **options):
  result = dict(evaluation.evaluate(restorers.load(name), tasks.get(task), source, **options))
  result.pop("seconds")
  return result


def test_scores_are_scikit_images(source):
  got = scores("bicubic", "super_resolve", source, limit=5, batch_size=4)
  x = np.stack([source[i]["image"] for i in range(5)]).astype(np.float32) / 255
  y, A = tasks.get("super_resolve").corrupt(x, jax.random.key(0))
  image = np.asarray(restorers.load("bicubic")(y, A).image)
  wanted = np.mean(
    [reference.peak_signal_noise_ratio(b, a, data_range=1) for a, b in zip(image, x)]
  )
  np.testing.assert_allclose(got["raw/psnr"], wanted, rtol=1e-4)
  assert got["images"] == 5


@pytest.mark.parametrize("task,method", [("denoise", "tv"), ("inpaint", "biharmonic")])
def test_no_score_depends_on_the_batch_size(task, method, source):
  """Every image counts once, and is damaged alike in any batch."""
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


def test_sharpness_is_relative_to_the_originals(source):
  """Of a restorer that returns the original it is 1, of one that returns its half 1/2."""
  x = np.stack([source[i]["image"] for i in range(3)]).astype(np.float32) / 255
  for image, wanted in ((x, 1.0), (x / 2, 0.5)):
    restorer = lambda y, A, image=image: Result(image=image, generated=image)
    got = dict(evaluation.evaluate(restorer, tasks.get("inpaint"), source, limit=3, batch_size=3))
    np.testing.assert_allclose(got["raw/sharpness"], wanted, rtol=1e-4)


def test_rows_are_one_for_each_output(source):
  scores = evaluation.evaluate(
    restorers.load("damaged"), tasks.get("inpaint"), source, limit=2, batch_size=2
  )
  rows = evaluation.rows(scores)
  assert [row["output"] for row in rows] == ["raw", "composited", "result"]
  assert all({"psnr", "ssim_hole", "sharpness", "seconds", "images"} <= row.keys() for row in rows)


def test_a_run_is_scored_and_its_best_checkpoint_exported(tmp_path, monkeypatch):
  config = small_config(steps=8, keep_every=4, dataset="toy_faces")
  train.train(config, tmp_path)
  values = iter([20.0, 10.0])
  monkeypatch.setattr(dcgan, "evaluate", lambda *args: iter([("psnr", next(values)), ("x", 1.0)]))
  got = evaluation.evaluate_run(config, tmp_path)
  assert got == {"4": {"psnr": 20.0, "x": 1.0}, "8": {"psnr": 10.0, "x": 1.0}}
  assert json.loads((tmp_path / "evaluation.json").read_text()) == got
  best = weights.load(tmp_path / "weights.safetensors")
  state, _ = evaluation.Checkpoints(tmp_path).restore(
    4, jax.eval_shape(lambda: train.init_state(config))
  )
  for a, b in zip(jax.tree.leaves(state.ema), jax.tree.leaves(best.variables)):
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
  evaluation.evaluate_run(config, tmp_path)  # Scores are kept: nothing is left to draw from.


def test_a_run_without_checkpoints(tmp_path):
  with pytest.raises(ValueError, match="no checkpoint to evaluate"):
    evaluation.evaluate_run(small_config(), tmp_path)
