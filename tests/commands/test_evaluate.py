import json

import numpy as np
import pytest
from conftest import ROOT
from helpers import picture_size, run
from PIL import Image

from gan_restore import cli
from gan_restore.commands import options
from gan_restore.data import framing
from gan_restore.degradations import tasks
from gan_restore.restorers import fitted
from gan_restore.restorers.result import Result


def test_evaluate_takes_size_and_factor_from_the_methods(capsys, digits, prior, tmp_path):
  options = ["--dataset", "toy_faces", "--limit", "2", "--tasks", "coarsen"]
  scores = tmp_path / "scores"
  status, _, error = run(capsys, "evaluate", *options, "--methods", f"{digits},{prior}")
  assert status == 2 and "the methods cannot be compared, their sizes differ" in error
  status, _, _ = run(capsys, "evaluate", *options, "--methods", "bicubic,lanczos", "--out", scores)
  assert status == 0
  assert [r["method"] for r in json.loads((scores / "table.json").read_text())] == [
    "bicubic",
    "lanczos",
  ]


def test_evaluate_prints_a_table(capsys, photos, tmp_path):
  """The method `mean` is first fitted to the training images."""
  for i in range(3, 6):
    (photos / f"{i}.png").write_bytes((photos / f"{i - 3}.png").read_bytes())
  options = ["--dataset", f"folder:{photos}", "--data-dir", tmp_path / "tfds", "--limit", "3"]
  options += ["--tasks", "inpaint,super_resolve", "--methods", "damaged,mean,biharmonic,bicubic"]
  status, output, _ = run(capsys, "evaluate", *options, "--out", tmp_path)
  assert status == 0
  rows = json.loads((tmp_path / "table.json").read_text())
  assert {(r["task"], r["method"]) for r in rows} == {
    ("inpaint", "damaged"),
    ("inpaint", "mean"),
    ("inpaint", "biharmonic"),
    ("super_resolve", "damaged"),
    ("super_resolve", "bicubic"),
  }
  full, _, compact = output[output.index("| task |") :].split("\n\n")
  assert full.count("\n") == len(rows) + 1 and compact.count("\n") == 2 + 4


@pytest.fixture
def aligned_faces(tmp_path):
  """Two pictures in CelebA's layout, of noise, with a bright square at the left eye."""
  folder = tmp_path / "celeba"
  (folder / "img_align_celeba").mkdir(parents=True)
  rng = np.random.default_rng(0)
  for i in range(2):
    pixels = rng.integers(0, 128, (218, 178, 3), np.uint8)
    pixels[105:120, 60:80] = 255
    Image.fromarray(pixels).save(folder / "img_align_celeba" / f"{i}.png")
  (folder / "list_eval_partition.txt").write_text("0.png 2\n1.png 2\n")
  return folder


def test_evaluate_says_where_the_faces_are(aligned_faces, tmp_path, monkeypatch):
  """With the frame of the data set, with random frames, and without."""
  frames = []

  def restore(y, A, frame=None):
    frames.append(frame)
    return Result(image=y, generated=y)

  monkeypatch.setattr(options, "methods", lambda *_: {"ours": restore})
  command = ["evaluate", "--dataset", f"folder:{aligned_faces}", "--tasks", "denoise"]
  command += ["--data-dir", str(tmp_path / "tfds"), "--methods", "ours"]
  for more in ([], ["--framing", "random"], ["--framing", "random", "--frame", "unknown"]):
    assert cli.main([*command, *more]) == 0
  np.testing.assert_array_equal(frames[0], np.stack(2 * [framing.aligned(64, 64)]))
  assert frames[1].shape == (2, 2, 3) and abs(frames[1] - frames[0]).max() > 0.01
  assert frames[2] is None


def test_evaluate_whole_pictures(photos, tmp_path, monkeypatch, capsys):
  """Each at its own size, cropped to multiples of 8."""
  shapes = []

  def restore(y, A):
    shapes.append(y.shape)
    return Result(image=y, generated=y)

  monkeypatch.setattr(options, "methods", lambda *_: {"ours": restore})
  command = ["evaluate", "--dataset", f"folder:{photos}", "--tasks", "denoise", "--split", "all"]
  command += ["--data-dir", str(tmp_path / "tfds"), "--methods", "ours"]
  assert cli.main([*command, "--size", "own"]) == 0
  own = {picture_size(path) for path in photos.glob("*.png")}
  assert {shape[1:3] for shape in shapes} == {(h - h % 8, w - w % 8) for w, h in own}
  for options_, message in (
    (["--size", "8"], "it must be own, or a whole number >= 16"),
    (["--size", "own", "--framing", "random"], "needs a --size in pixels"),
    (["--size", "own", "--methods", "mean"], "cannot be fitted to --size own"),
    (["--methods", "mean"], "fitted to training images, which --split all has"),
  ):
    monkeypatch.undo()
    assert cli.main([*command, "--methods", "tv", *options_]) == 2
    assert message in capsys.readouterr().err


def test_evaluate_takes_its_options_from_a_config(capsys, monkeypatch):
  monkeypatch.chdir(ROOT)
  command = ["evaluate", "--config", "configs/tables/map_restoration.py", "--dataset", "toy_faces"]
  command += ["--methods", "damaged,tv", "--tasks", "denoise,quantize", "--limit", "2"]
  status, output, _ = run(capsys, *command)
  assert status == 0
  last = output.split("\n\n")[-1].splitlines()
  assert last[0] == "| method | denoise | quantize | inpaint | super_resolve | colorize |"
  assert [line.split(" | ")[0] for line in last[2:]] == [
    f"| {name}"
    for name in ("damaged", "tv", *(f"{n} (the paper's)" for n in ("LR", "Ours", "Sparse", "TV")))
  ]
  assert "| 23.63 / 0.809 | 22.67 / 0.787 |" in last[-2]


def test_evaluate_does_not_mix_factors(capsys, tmp_path):
  options = ["--dataset", "toy_faces", "--limit", "2", "--tasks", "coarsen", "--out", tmp_path]
  assert run(capsys, "evaluate", *options, "--methods", "bicubic")[0] == 0
  status, _, error = run(capsys, "evaluate", *options, "--methods", "resgan:celeba,bicubic")
  assert status == 2 and "holds a table whose factor is None; it must be 8" in error


def test_evaluate_refuses_unknown_options(capsys, tmp_path):
  config = tmp_path / "table.py"
  config.write_text(
    "import ml_collections\n"
    "def get_config():\n  return ml_collections.ConfigDict({'method': 'tv'})\n"
  )
  with pytest.raises(SystemExit, match="2"):
    cli.main(["evaluate", "--config", str(config)])
  assert "there is no option method" in capsys.readouterr().err


def test_evaluate_refuses_images_that_the_judge_cannot_measure(capsys):
  command = ["evaluate", "--dataset", "toy_faces", "--size", "32", "--judge", "celeba"]
  status, _, error = run(
    capsys, *command, "--methods", "damaged", "--tasks", "denoise", "--limit", "2"
  )
  assert status == 2 and "a multiple of this size; these are [32, 32, 3]" in error


@pytest.mark.parametrize(
  "options,message",
  [
    (["--judge", "celeba, celeba"], "two judges of one kind: celeba and celeba; give one"),
    (["--judge", "identity", "--framing", "random"], "identity measures aligned faces"),
    (["--judge", "dlib", "--framing", "random"], "dlib measures aligned faces"),
    (["--judge", "dlib", "--size", "own"], "dlib measures aligned faces"),
    (["--judge", "dilb"], "dilb: no such weights file or training workdir"),
  ],
)
def test_judges_that_cannot_be(capsys, aligned_faces, options, message):
  command = ["evaluate", "--dataset", f"folder:{aligned_faces}", "--methods", "damaged"]
  status, _, error = run(capsys, *command, "--tasks", "denoise", *options)
  assert status == 2 and message in error


def test_a_config_may_name_everything(capsys, tmp_path):
  file = tmp_path / "table.py"
  fields = {
    "dataset": "toy_faces",
    "size": 32,
    "methods": "damaged",
    "tasks": "denoise",
    "limit": 2,
  }
  file.write_text(
    f"import ml_collections\ndef get_config():\n  return ml_collections.ConfigDict({fields})\n"
  )
  assert run(capsys, "evaluate", "--config", str(file))[0] == 0
  status, _, error = run(capsys, "evaluate", "--methods", "damaged")
  assert status == 2 and "--dataset is required" in error
  with pytest.raises(SystemExit, match="2"):
    cli.main(["evaluate", "--limit", "abc"])
  assert "it is abc; it must be a whole number above 0" in capsys.readouterr().err


def test_evaluate_refuses_an_unknown_set(capsys):
  status, _, error = run(capsys, "evaluate", "--dataset", "nothing")
  assert status == 2 and "unknown data set 'nothing'" in error


def test_a_table_of_one_method_with_several_options(capsys, tmp_path):
  command = ["evaluate", "--dataset", "toy_faces", "--limit", "2", "--tasks", "denoise"]
  status, output, _ = run(capsys, *command, "--methods", "tv,tv:tv_weight=1e-4:iterations=5")
  assert status == 0
  lines = output.split("\n\n")[-1].splitlines()[2:]
  names, scores = zip(*(line.strip("| ").split(" | ") for line in lines))
  assert names == ("tv", "tv:tv_weight=1e-4:iterations=5") and scores[0] != scores[1]
  for method, message in [
    ("tv:steps=5", "the method tv has no option steps; its options are tv_weight, iterations"),
    ("map:y=1", "the method map has no option y"),
    ("map:weighted=1", "weighted is 1; it must be true or false"),
    ("sparse:dictionary=1", "the method sparse has no option dictionary"),
    ("map:num_steps=none", "num_steps is 'none'; it must be a number"),
  ]:
    status, _, error = run(capsys, *command, "--methods", method)
    assert status == 2 and message in error and "Traceback" not in error


@pytest.mark.parametrize("command", ["evaluate", "ablation", "compare-gans", "mask-growth"])
def test_a_limit_is_above_0(command, capsys, tmp_path):
  folder = "--workdir" if command in ("ablation", "compare-gans") else "--out"
  with pytest.raises(SystemExit):
    run(capsys, command, folder, tmp_path, "--limit", "0")
  assert "argument --limit: it is 0; it must be a whole number above 0" in capsys.readouterr().err


def test_compositions_of_any_shape_are_scored_and_drawn(capsys, tmp_path):
  command = ["evaluate", "--dataset", "toy_faces", "--limit", "2", "--methods", "damaged"]
  command += ["--tasks", "blur:1+super_resolve:2,inpaint:eyes+denoise:0.05,colorize:map_paper"]
  status, output, _ = run(capsys, *command, "--out", tmp_path)
  assert status == 0 and "blur:1+super_resolve:2" in output
  assert (tmp_path / "pictures.png").exists()


def test_a_config_need_not_lie_in_a_checkout(capsys, tmp_path, monkeypatch):
  """The installed configs have the same names."""
  monkeypatch.chdir(tmp_path)
  command = ["evaluate", "--config", "configs/tables/map_restoration.py", "--dataset", "toy_faces"]
  command += ["--methods", "damaged", "--tasks", "denoise", "--limit", "2"]
  assert run(capsys, *command)[0] == 0


def test_the_shipped_tables_name_methods_and_tasks_that_there_are():
  for path in (ROOT / "configs" / "tables").glob("*.py"):
    if path.stem != "__init__":
      config = options.script(str(path))["get_config"]()
      assert options.methods(config.methods, 0, tuple(fitted.FITTED))
      assert all(tasks.get(name, mask=config.mask) for name in config.tasks.split(","))
