import csv
import json

import numpy as np
import pytest
from helpers import untrained

from gan_restore import data, hub, shipped
from gan_restore.degradations import tasks
from gan_restore.evaluation import metrics, perceptual
from gan_restore.restorers.result import Result
from gan_restore.studies import table
from gan_restore.training import weights


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
    self.restorer, self.batches = hub.load(name), 0

  def __call__(self, y, A):
    result = self.restorer(y, A)
    self.batches += 1
    return result


def run(source, out, methods=None, damages=None, **options):
  methods = methods or {name: hub.load(name) for name in ("damaged", "biharmonic")}
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


def test_an_interrupted_table_resumes(source, tmp_path):
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
  whole = run(source, tmp_path / "whole", {"m": hub.load("damaged")}, denoise)
  assert without_seconds(rows) == without_seconds(whole)
  run(source, tmp_path, {"m": method}, denoise)
  assert method.batches == 3  # Nothing is left to compute.
  rows = run(source, tmp_path, {"m": method}, denoise, limit=14)
  assert method.batches == 5 and rows[0]["images"] == 14  # The last batch had two images.
  path = next((tmp_path / "batches").rglob("00000.npz"))
  with np.load(path) as stored:
    columns = {name: stored[name] for name in stored.files if not name.startswith("result")}
  np.savez(path, **columns)  # As a version stored it that did not score the result.
  run(source, tmp_path, {"m": method}, denoise, limit=14)
  assert method.batches == 6


def test_shards_make_the_whole(source, tmp_path):
  run(source, tmp_path / "a", shard=(0, 2))
  rows = run(source, tmp_path / "a", shard=(1, 2))
  assert without_seconds(rows) == without_seconds(run(source, tmp_path / "b"))
  with pytest.raises(ValueError, match="shard is 2 of 2"):
    run(source, tmp_path / "c", shard=(2, 2))


def test_tables_of_other_settings_are_not_mixed(source, tmp_path):
  run(source, tmp_path)
  with pytest.raises(ValueError, match="a table whose split is 'test'; it must be 'validation'"):
    run(source, tmp_path, settings={"split": "validation"})
  with pytest.raises(ValueError, match="holds a table whose seed is 0; it must be 1"):
    run(source, tmp_path, seed=1)
  with pytest.raises(ValueError, match="a table whose batch_size is"):  # Its files are batches.
    run(source, tmp_path, batch_size=1)


def test_a_classifier_compares_with_the_original(source, tmp_path):
  """For a restorer that returns the originals, the agreement is 1 and the Fréchet distance is 0."""
  trained = untrained("classifier", classes=5, image_size=32, width=4, augment="")
  classify = lambda x: trained.family.features_and_logits(trained, x)
  scorer = perceptual.agreement(classify, exclusive=False)
  x = np.stack([source[i]["image"] for i in range(4)]).astype(np.float32) / 255 + 1e-5
  originals = {"originals": lambda y, A: Result(image=x, generated=x)}
  denoise = {"denoise:0.2": DAMAGES["denoise:0.2"]}
  (row,) = run(source, tmp_path / "a", originals, denoise, scorers=[scorer], limit=4)
  assert row["agreement"] == 1 and row["frechet_judge"] < 1e-6
  damaged = {"d": hub.load("damaged")}
  (row,) = run(source, tmp_path / "b", damaged, denoise, scorers=[scorer], limit=4)
  assert row["frechet_judge"] > 1e-4


def test_exclusive_classes_agree_by_the_largest_logit():
  """Not by the signs of the logits, which would agree for two of the three classes."""
  logits = {0: [3.0, -1.0, -2.0], 1: [0.5, 1.0, -2.0]}
  classify = lambda x: (x, np.array([logits[int(i)] for i in x], np.float32))
  one, other = np.array([0, 0]), np.array([0, 1])
  by_class = perceptual.agreement(classify, exclusive=True)(one, other)["agreement"]
  np.testing.assert_array_equal(by_class, [1, 0])
  by_sign = perceptual.agreement(classify, exclusive=False)(one, other)["agreement"]
  np.testing.assert_allclose(by_sign, [1, 2 / 3], rtol=1e-6)
  assert metrics.decide(np.array([[0.2, -1]]), exclusive=False).tolist() == [[1, 0]]


@pytest.mark.slow
def test_compositions_are_drawn(source, tmp_path):
  """Draws a task whose y has another shape. A cell without a score is null in the file."""
  damages = {name: tasks.get(name) for name in ("blur:1+super_resolve:2", "colorize+denoise:0.05")}
  rows = run(
    source, tmp_path, {"damaged": hub.load("damaged"), "tv": hub.load("tv")}, damages, limit=2
  )
  assert [(row["task"], row["method"]) for row in rows] == [
    (task, method) for task in damages for method in ("damaged", "tv")
  ]
  assert (tmp_path / "pictures.png").stat().st_size > 1000
  border = np.zeros((32, 32))
  border[:3] = 1
  run(
    source,
    tmp_path / "b",
    {"d": hub.load("damaged")},
    {"b": tasks.get("inpaint", mask=border)},
    limit=2,
  )
  assert json.loads((tmp_path / "b" / "table.json").read_text())[0]["ssim_hole"] is None


def test_a_method_may_be_a_path(source, tmp_path):
  run(source, tmp_path / "out", {"/a/weights.file": hub.load("damaged")}, limit=2)
  names = [path.name for path in (tmp_path / "out" / "batches" / "inpaint").iterdir()]
  assert names == ["%2Fa%2Fweights.file"]


def test_the_table_for_people(source, tmp_path):
  rows = run(source, tmp_path)
  lines = table.compact(rows)
  assert [line["method"] for line in lines] == ["damaged", "biharmonic"]
  assert lines[0]["inpaint"] == f"{rows[2]['psnr']:.2f} / {rows[2]['ssim']:.3f}"
  assert "denoise:0.2" in lines[0] and "denoise:0.2" not in lines[1]


@pytest.mark.slow
def test_the_shipped_classifier_agrees_less_on_a_damaged_face(tmp_path):
  """On drawn faces, which are not in its training data, its decisions change if half is missing."""
  faces = data.load("toy_faces", "test", 64)
  methods = {name: hub.load(name) for name in ("damaged", "biharmonic")}
  task = {"inpaint": tasks.get("inpaint", mask="pixels")}
  rows = run(faces, tmp_path, methods, task, scorers=[hub.load_judge("celeba")], limit=8)
  agreement = {row["method"]: row["agreement"] for row in rows if row["output"] == "result"}
  assert 0.5 < agreement["damaged"] < agreement["biharmonic"] <= 1
  with pytest.raises(weights.WeightsError, match="a judge is a classifier or an embedding"):
    hub.load_judge(shipped.weights()["dcgan"])
