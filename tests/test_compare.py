"""`gan-restore compare-gans`, as a user calls it, on toy faces; and what it is made of."""

import json

import jax
import numpy as np
import pytest
from conftest import small_config
from PIL import Image

from gan_restore import cli, compare, operators, train, weights
from gan_restore.data import toy_faces
from gan_restore.models import classifier
from gan_restore.restorers import classical

SMALL = ["image_size=16", "factor=4", "classes=10", "batch_size=4", "steps=4", "log_every=2"]
SMALL += ["width=4", "checkpoint_every=2", "sample_every=4"]


def compare_gans(capsys, workdir, *options):
  command = ["compare-gans", "--datasets", "celeba", "--celeba", "toy_faces", "--limit", "20"]
  command += [arg for value in SMALL for arg in ("--set", value, "--judge-set", value)]
  status = cli.main([str(a) for a in (*command, "--workdir", workdir, *options)])
  return status, *capsys.readouterr()


def test_trains_what_is_missing_and_measures_it_once(capsys, tmp_path, monkeypatch):
  status, output, _ = compare_gans(capsys, tmp_path, "--models", "gan,resgan")
  assert status == 0
  rows = json.loads((tmp_path / "comparison.json").read_text())
  names = ["real", "coarse", "bicubic", "lanczos", "gan", "resgan"]
  assert [row["model"] for row in rows] == names
  assert all(row["images"] == 20 for row in rows)
  by_name = {row["model"]: row for row in rows}
  assert by_name["coarse"]["psnr"] < by_name["bicubic"]["psnr"]
  assert "own_accuracy" in by_name["resgan"] and "own_accuracy" not in by_name["gan"]
  for name in ("gan", "resgan"):
    assert {"seed": 0, "steps": 4, "batch_size": 4}.items() <= by_name[name].items()
  assert f"{by_name['gan']['loss']:.2f}/{by_name['gan']['accuracy']:.3f}" in output
  assert Image.open(tmp_path / "celeba.png").size == (4 * 16 * 2, 8 * 16 * 2)
  assert (tmp_path / "celeba-resgan.png").exists()

  # Another seed later: only it is trained; what was measured stays as it is.
  finished = []
  finish = train.finish
  monkeypatch.setattr(
    train,
    "finish",
    lambda config, workdir: (finished.append(workdir.name), finish(config, workdir)),
  )
  status, output, _ = compare_gans(capsys, tmp_path, "--models", "resgan", "--seeds", "0,1")
  assert status == 0 and finished == ["classifier", "resgan-1"]
  again = json.loads((tmp_path / "comparison.json").read_text())
  assert again[: len(rows)] == rows and [row["seed"] for row in again[len(rows) :]] == [1]
  assert again[-1]["accuracy"] != rows[-1]["accuracy"] or again[-1]["psnr"] != rows[-1]["psnr"]
  assert "±" in output


def test_the_console_refuses(capsys, tmp_path):
  status, _, error = compare_gans(capsys, tmp_path, "--models", "biggan")
  assert status == 2 and "unknown models biggan; there are: gan, dcgan" in error
  status, _, error = compare_gans(capsys, tmp_path, "--datasets", "svhn")
  assert status == 2 and "unknown set 'svhn'; there are: mnist" in error
  assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
  """A classifier of toy faces, trained for a hundred steps."""
  config = small_config("classifier", steps=150, batch_size=16, width=8, image_size=32)
  config.update(checkpoint_every=150, sample_every=150, ema_decay=0.9, learning_rate=3e-3)
  workdir = tmp_path_factory.mktemp("judge")
  train.train(config, workdir)
  return weights.load(workdir)


def test_the_judge_learns(judge):
  """From a coin's 0.5, each attribute counting by its two answers alike, to 0.6 and more."""
  source = toy_faces.ToyFaces("test", 32)
  fresh = classifier.init(judge.config, jax.random.key(0))
  balanced = lambda variables: dict(classifier.evaluate(judge.config, variables, source, 128))
  before, after = (balanced(v)["balanced_accuracy"] for v in (fresh, judge.variables))
  assert after > 0.6 and after > before + 0.08


def test_measure_is_of_the_restored_images_and_the_padding_does_not_count(judge):
  source = toy_faces.ToyFaces("test", 32)
  perfect = lambda y, A, label: classical.damaged(y, A)
  values = compare.measure(perfect, judge, source, 1, 70)  # With a factor of 1, nothing is lost.
  wanted = dict(classifier.evaluate(judge.config, judge.variables, source, 70))
  for name, value in wanted.items():
    np.testing.assert_allclose(values[name], value, rtol=1e-6)
  coarse = compare.measure(perfect, judge, source, 8, 70)
  assert coarse["balanced_accuracy"] < values["balanced_accuracy"] and coarse["psnr"] < 30


def test_the_crossing_of_two_curves():
  rows = [{"step": 10 * i, "a": 3.0 - i, "b": 0.5 * i} for i in range(1, 5)]
  assert compare.crossing(rows, "a", "b") == 20  # 3 - i meets i / 2 at i = 2.
  assert compare.crossing(rows[2:], "a", "b") is None
  assert compare.crossing([{"step": 1, "a": 0.0}], "a", "b") is None


def test_a_classifier_restores_nothing(judge):
  with pytest.raises(classical.UnsupportedOperatorError, match="classifier"):
    judge.family.restore(judge, np.zeros((1, 32, 32, 3), np.float32), operators.denoise())


def test_sigterm_stops_a_comparison_without_measuring_half_a_training(tmp_path, monkeypatch):
  config = small_config("gan", steps=8)
  stopped = train.init_state(config).replace(step=np.int32(5))
  monkeypatch.setattr(train, "train", lambda config, workdir: stopped)
  with pytest.raises(InterruptedError, match="stopped and saved at step 5 of 8"):
    train.finish(config, tmp_path)
