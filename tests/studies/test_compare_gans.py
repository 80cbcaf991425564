"""Tests `gan-restore compare-gans` on toy faces, and the functions behind it."""

import json

import numpy as np
import pytest
from helpers import picture_size, run

from gan_restore.data import toy_faces
from gan_restore.models import classifier
from gan_restore.restorers import classical
from gan_restore.studies import compare_gans
from gan_restore.training import loop

SMALL = ["image_size=16", "factor=4", "classes=10", "batch_size=4", "steps=4", "log_every=2"]
SMALL += ["width=4", "checkpoint_every=2", "sample_every=4"]


def compare(capsys, workdir, *options):
  command = ["compare-gans", "--datasets", "celeba", "--celeba", "toy_faces", "--limit", "20"]
  command += [arg for value in SMALL for arg in ("--set", value, "--judge-set", value)]
  return run(capsys, *command, "--workdir", workdir, *options)


@pytest.mark.slow
def test_trains_what_is_missing_and_measures_it_once(capsys, tmp_path, monkeypatch):
  status, output, _ = compare(capsys, tmp_path, "--models", "gan,resgan")
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
  assert picture_size(tmp_path / "celeba.png") == (4 * 16 * 2, 8 * 16 * 2)
  assert (tmp_path / "celeba-resgan.png").exists()

  # With another seed later, only this seed is trained. The other scores do not change.
  finished = []
  finish = loop.finish
  monkeypatch.setattr(
    loop,
    "finish",
    lambda config, workdir: (finished.append(workdir.name), finish(config, workdir)),
  )
  status, output, _ = compare(capsys, tmp_path, "--models", "resgan", "--seeds", "0,1")
  assert status == 0 and finished == ["classifier", "resgan-1"]
  again = json.loads((tmp_path / "comparison.json").read_text())
  assert again[: len(rows)] == rows and [row["seed"] for row in again[len(rows) :]] == [1]
  assert again[-1]["accuracy"] != rows[-1]["accuracy"] or again[-1]["psnr"] != rows[-1]["psnr"]
  assert "±" in output

  # Measurements of other numbers of images are not mixed with these.
  status, output, _ = compare(capsys, tmp_path, "--models", "resgan", "--limit", "8")
  assert status == 0 and "±" not in output
  again = json.loads((tmp_path / "comparison.json").read_text())

  # With other fields it is another comparison.
  status, _, error = compare(capsys, tmp_path, "--models", "resgan", "--set", "learning_rate=0.01")
  assert status == 2 and "holds a run whose learning_rate is 0.0002; it must be 0.01" in error
  assert json.loads((tmp_path / "comparison.json").read_text()) == again


def test_what_is_wrong_is_found_before_the_trainings(capsys, tmp_path):
  for options, message in (
    (["--set", "factor=2"], "gan-0 has the factor 2, and the classifier 4"),
    (["--set", "width=0"], "config.width is 0"),
    (["--datasets", "celeba,mnits"], "mnits"),
  ):
    status, _, error = compare(capsys, tmp_path / "runs", "--models", "gan", *options)
    assert status == 2 and message in error and not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_measure_is_of_the_restored_images_and_the_padding_does_not_count(learned_classifier):
  source = toy_faces.ToyFaces("test", 16)
  perfect = lambda y, A, label: classical.damaged(y, A)
  values = compare_gans.measure(
    perfect, learned_classifier, source, 1, 70
  )  # A factor of 1 loses nothing.
  wanted = dict(classifier.evaluate(learned_classifier, source, 70))
  for name, value in wanted.items():
    np.testing.assert_allclose(values[name], value, rtol=1e-6)
  coarse = compare_gans.measure(perfect, learned_classifier, source, 8, 70)
  assert coarse["balanced_accuracy"] < values["balanced_accuracy"] and coarse["psnr"] < 30


def test_the_crossing_of_two_curves():
  rows = [{"step": 10 * i, "a": 3.0 - i, "b": 0.5 * i} for i in range(1, 5)]
  assert compare_gans.crossing(rows, "a", "b") == 20  # 3 - i meets i / 2 at i = 2.
  assert compare_gans.crossing(rows[2:], "a", "b") is None
  assert compare_gans.crossing([{"step": 1, "a": 0.0}], "a", "b") is None
