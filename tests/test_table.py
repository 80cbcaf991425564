import csv
import json

import jax
import numpy as np
import pytest
from conftest import small_config

from gan_restore import data, models, perceptual, restorers, table, tasks, weights
from gan_restore.restorers.result import Result


@pytest.fixture(scope="module")
def source():
  return data.load("toy_faces", "test", 32)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
  monkeypatch.setattr(table, "BATCH", 4)


DAMAGES = {name: tasks.get(name) for name in ("inpaint", "denoise:0.2")}


class Counting:
  """A restorer that counts its batches."""

  def __init__(self, name):
    self.restorer, self.batches = restorers.load(name), 0

  def __call__(self, y, A):
    result = self.restorer(y, A)
    self.batches += 1
    return result


def run(source, out, methods=None, damages=None, **options):
  methods = methods or {name: restorers.load(name) for name in ("damaged", "biharmonic")}
  options = {"settings": {"split": "test"}, "limit": 10} | options
  return table.run(methods, damages or DAMAGES, source, out, **options)


def without_seconds(rows):
  return [{name: v for name, v in row.items() if name != "seconds"} for row in rows]


def test_rows_files_and_intervals(source, tmp_path):
  rows = run(source, tmp_path)
  wanted = [("inpaint", m, o) for m in ("damaged", "biharmonic") for o in ("raw", "composited")]
  cells = [(r["task"], r["method"], r["output"]) for r in rows if r["output"] != "result"]
  assert cells == [*wanted, ("denoise:0.2", "damaged", "raw")]
  assert json.loads((tmp_path / "table.json").read_text()) == rows
  with (tmp_path / "images.csv").open() as file:
    images = [
      r for r in csv.DictReader(file) if r["task"] == "inpaint" and r["method"] == "damaged"
    ]
  assert [int(r["image"]) for r in images] == list(range(10))
  psnr = [float(r["composited/psnr"]) for r in images]
  row = rows[1]
  np.testing.assert_allclose(row["psnr"], np.mean(psnr), rtol=1e-6)
  error = np.std(psnr) / np.sqrt(10)
  np.testing.assert_allclose(row["psnr_low"], row["psnr"] - 1.96 * error, atol=0.3 * error)
  np.testing.assert_allclose(row["psnr_high"], row["psnr"] + 1.96 * error, atol=0.3 * error)
  assert (tmp_path / "pictures.png").stat().st_size > 1000


def test_an_interrupted_table_goes_on(source, tmp_path):
  method = Counting("damaged")
  denoise = {"denoise:0.2": DAMAGES["denoise:0.2"]}

  def breaks(y, A):
    if method.batches == 2:
      raise KeyboardInterrupt
    return method(y, A)

  with pytest.raises(KeyboardInterrupt):
    run(source, tmp_path, {"m": breaks}, denoise)
  rows = run(source, tmp_path, {"m": method}, denoise)
  assert method.batches == 3
  whole = run(source, tmp_path / "whole", {"m": restorers.load("damaged")}, denoise)
  assert without_seconds(rows) == without_seconds(whole)
  run(source, tmp_path, {"m": method}, denoise)
  assert method.batches == 3  # Nothing is left.
  rows = run(source, tmp_path, {"m": method}, denoise, limit=14)
  assert method.batches == 5 and rows[0]["images"] == 14  # The last batch had two images.


def test_shards_make_the_whole(source, tmp_path):
  run(source, tmp_path / "a", shard=(0, 2))
  rows = run(source, tmp_path / "a", shard=(1, 2))
  assert without_seconds(rows) == without_seconds(run(source, tmp_path / "b"))
  with pytest.raises(ValueError, match="shard 2 of 2"):
    run(source, tmp_path / "c", shard=(2, 2))


def test_tables_of_other_settings_are_not_mixed(source, tmp_path):
  run(source, tmp_path)
  with pytest.raises(ValueError, match="holds a table with split 'test', not 'validation'"):
    run(source, tmp_path, settings={"split": "validation"})
  with pytest.raises(ValueError, match="holds a table with seed 0, not 1"):
    run(source, tmp_path, seed=1)


def test_a_judge_compares_with_the_original(source, tmp_path):
  """Of a restorer that returns the originals it agrees wholly, at no distance."""
  config = small_config(family="classifier", classes=5, image_size=32, width=4, augment="")
  variables = models.get("classifier").init(config, jax.random.key(0))
  judge = weights.Trained(variables, config)
  x = np.stack([source[i]["image"] for i in range(4)]).astype(np.float32) / 255 + 1e-5
  originals = {"originals": lambda y, A: Result(image=x, generated=x)}
  denoise = {"denoise:0.2": DAMAGES["denoise:0.2"]}
  (row,) = run(
    source, tmp_path / "a", originals, denoise, scorers=[perceptual.judge(judge)], limit=4
  )
  assert row["agreement"] == 1 and row["frechet_judge"] < 1e-6
  (row,) = run(
    source,
    tmp_path / "b",
    {"d": restorers.load("damaged")},
    denoise,
    scorers=[perceptual.judge(judge)],
    limit=4,
  )
  assert row["frechet_judge"] > 1e-4


def test_a_method_may_be_a_path(source, tmp_path):
  run(source, tmp_path / "out", {"/a/weights.file": restorers.load("damaged")}, limit=2)
  names = [path.name for path in (tmp_path / "out" / "batches" / "inpaint").iterdir()]
  assert names == ["%2Fa%2Fweights.file"]


def test_the_table_for_people(source, tmp_path):
  rows = run(source, tmp_path)
  lines = table.compact(rows)
  assert [line["method"] for line in lines] == ["damaged", "biharmonic"]
  assert lines[0]["inpaint"] == f"{rows[2]['psnr']:.2f} / {rows[2]['ssim']:.3f}"
  assert "denoise:0.2" in lines[0] and "denoise:0.2" not in lines[1]


def test_the_shipped_judge_sees_less_in_a_damaged_face(tmp_path):
  """On drawn faces, which it never saw, it still answers otherwise when half is missing."""
  faces = data.load("toy_faces", "test", 64)
  judge = weights.load_judge("celeba")
  assert judge.image_shape == (64, 64, 3) and judge.config.classes == 40
  methods = {name: restorers.load(name) for name in ("damaged", "biharmonic")}
  rows = run(
    faces,
    tmp_path,
    methods,
    {"inpaint": tasks.get("inpaint", mask="pixels")},
    scorers=[perceptual.judge(judge)],
    limit=8,
  )
  agreement = {row["method"]: row["agreement"] for row in rows if row["output"] == "result"}
  assert 0.5 < agreement["damaged"] < agreement["biharmonic"] <= 1
  with pytest.raises(weights.WeightsError, match="wanted a classifier"):
    weights.load_judge(str(weights.shipped()["dcgan"]))
