"""The command line, called as a function; one test runs it as a program."""

import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from gan_restore import cli, latent, weights
from gan_restore.commands import restore as restore_command
from gan_restore.data import images


@pytest.fixture(scope="module")
def prior(tmp_path_factory):
  """A file with an untrained prior of the size the command line restores."""
  import jax
  import ml_collections
  from conftest import small_config

  from gan_restore.models import dcgan

  config = ml_collections.FrozenConfigDict(small_config(image_size=64))
  path = tmp_path_factory.mktemp("prior") / "prior.safetensors"
  weights.save(path, weights.Trained(dcgan.init(config, jax.random.key(0)), config))
  return str(path)


@pytest.fixture
def photos(tmp_path, faces):
  folder = tmp_path / "photos"
  folder.mkdir()
  for i in range(3):
    Image.fromarray(images.to_uint8(faces[i])).resize((80 + 10 * i, 100)).save(folder / f"{i}.png")
  return folder


def run(capsys, *arguments):
  status = cli.main([str(a) for a in arguments])
  return status, *capsys.readouterr()


def restore(capsys, prior, out, *arguments):
  search = ["--method", prior, "--steps", "2", "--candidates", "1"]
  return run(capsys, "restore", *arguments, "--out", out, *search)


@pytest.mark.parametrize("task", ["colorize", "super_resolve", "denoise", "quantize"])
def test_restores_a_folder(task, capsys, prior, photos, tmp_path):
  status, _, _ = restore(capsys, prior, tmp_path / "out", photos, "--task", task)
  assert status == 0
  written = sorted(p.name for p in (tmp_path / "out").iterdir())
  assert written == ["0.png", "1.png", "2.png", "sheet.png"]
  assert Image.open(tmp_path / "out" / "0.png").size == (64, 64)
  assert Image.open(tmp_path / "out" / "sheet.png").size == (2 * 2 * 64, 3 * 2 * 64)


def test_inpaints_with_a_mask_of_the_photos_size(capsys, prior, photos, tmp_path):
  mask = np.zeros((100, 80), np.uint8)
  mask[40:60, 30:50] = 255
  Image.fromarray(mask).save(tmp_path / "mask.png")
  photo = photos / "0.png"
  options = ["--task", "inpaint", "--mask", tmp_path / "mask.png"]
  status, _, _ = restore(capsys, prior, tmp_path / "out", photo, *options)
  assert status == 0
  restored = images.to_float(Image.open(tmp_path / "out" / "0.png"))
  wanted = images.to_float(images.crop_and_resample(images.read_image(photo), 64))
  same = np.abs(restored - wanted).max(-1) < 2 / 255
  assert same[:22].all() and same[44:].all()  # Rows outside the hole (30 / 80 * 64 is 24).
  assert not same[28:36, 28:36].all()

  status, _, error = restore(capsys, prior, tmp_path / "out2", photos / "1.png", *options)
  assert status == 1 and "the picture is 90x100, its mask 80x100" in error


def test_a_facial_part_is_a_mask(capsys, photos, tmp_path):
  """Of a picture that is damaged there, unless it would be drawn at random."""
  command = ["restore", photos / "0.png", "--method", "mirror", "--out", tmp_path / "out"]
  status, _, _ = run(capsys, *command, "--mask", "lips")
  assert status == 0
  restored = images.to_float(Image.open(tmp_path / "out" / "0.png"))
  given = images.to_float(images.crop_and_resample(images.read_image(photos / "0.png"), 64))
  changed = np.abs(restored - given).max(-1) > 2 / 255
  assert changed.any() and not changed[:44].any() and not changed[57:].any()
  status, _, error = run(capsys, *command, "--mask", "lips:0.05")
  assert status == 2 and "--mask lips:0.05 is drawn at random" in error


def test_simulate_scores_as_json(capsys, prior, photos, tmp_path):
  options = ["--task", "inpaint", "--mask", "strokes", "--simulate"]
  status, output, _ = restore(capsys, prior, tmp_path / "out", photos, *options)
  assert status == 0 and "psnr_hole" in output
  scores = json.loads((tmp_path / "out" / "results.json").read_text())
  assert len(scores) == 3
  for score in scores.values():
    assert set(score) == {"psnr", "ssim", "psnr_hole", "ssim_hole"}
    assert score["psnr"] > score["psnr_hole"]
  assert Image.open(tmp_path / "out" / "sheet.png").size == (3 * 2 * 64, 3 * 2 * 64)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
  """A file with an untrained ResGAN of 28x28 grey images, factor 4."""
  import jax
  import ml_collections
  from conftest import small_config

  from gan_restore.models import resgan

  config = small_config("resgan", "mnist", image_size=28, channels=1, factor=4)
  config = ml_collections.FrozenConfigDict(config)
  path = tmp_path_factory.mktemp("digits") / "digits.safetensors"
  weights.save(path, weights.Trained(resgan.init(config, jax.random.key(0)), config))
  return str(path)


def test_any_damage_is_restored_without_saying_how(capsys, photos, tmp_path):
  """By the denoiser; of several draws, where they differ is a picture too."""
  command = ["restore", photos / "0.png", "--task", "super_resolve", "--simulate"]
  status, output, _ = run(capsys, *command, "--out", tmp_path / "mean")
  assert status == 0 and "psnr" in output
  draws = ["--candidates", "2", "--choice", "best", "--spread"]
  assert run(capsys, *command, *draws, "--out", tmp_path / "draws")[0] == 0
  assert np.asarray(Image.open(tmp_path / "draws" / "spread" / "0.png")).max() > 0
  status, _, error = run(capsys, *command, "--steps", "9", "--out", tmp_path / "none")
  assert status == 2 and "steps is no option of the method denoiser" in error


def test_a_method_brings_its_size_channels_and_task(capsys, digits, photos, tmp_path):
  """Few pixels, the same enlarged, and a picture that is reduced to them first, are one input."""
  rng = np.random.default_rng(0)
  few = rng.integers(0, 256, (7, 7), np.uint8)
  folder = tmp_path / "digits"
  folder.mkdir()
  Image.fromarray(few).save(folder / "few.png")
  Image.fromarray(few.repeat(4, 0).repeat(4, 1)).save(folder / "coarse.png")
  Image.fromarray(few.repeat(20, 0).repeat(20, 1)).save(folder / "large.png")
  status, _, _ = run(capsys, "restore", folder, "--method", digits, "--out", tmp_path / "out")
  assert status == 0
  found = [np.asarray(Image.open(tmp_path / "out" / f"{name}.png")) for name in ("few", "coarse")]
  assert found[0].shape == (28, 28)
  np.testing.assert_array_equal(*found)
  np.testing.assert_array_equal(found[0], Image.open(tmp_path / "out" / "large.png"))
  options = ["--method", digits, "--simulate", "--out", tmp_path / "scores"]
  status, output, _ = run(capsys, "restore", photos, *options)
  assert status == 0 and "psnr" in output

  method = ["--method", digits, "--out", tmp_path / "none"]
  status, _, error = run(capsys, "restore", folder, "--task", "denoise", *method)
  assert status == 2 and "resgan is for Coarsen or SuperResolve only; A is Denoise" in error
  status, _, error = run(capsys, "restore", folder, "--out", tmp_path / "none")
  assert status == 2 and "--task is needed: denoiser is for several" in error


def test_evaluate_takes_size_and_factor_from_the_methods(capsys, digits, prior, tmp_path):
  options = ["--dataset", "toy_faces", "--limit", "2", "--tasks", "coarsen"]
  scores = tmp_path / "scores"
  status, _, error = run(capsys, "evaluate", *options, "--methods", f"{digits},{prior}")
  assert status == 2 and "the methods cannot be compared, their shapes differ" in error
  status, _, _ = run(capsys, "evaluate", *options, "--methods", "bicubic,lanczos", "--out", scores)
  assert status == 0
  assert [r["method"] for r in json.loads((scores / "table.json").read_text())] == [
    "bicubic",
    "lanczos",
  ]


def test_a_mask_says_what_the_task_is(capsys, photos, tmp_path):
  options = ["--method", "cdcgan", "--mask", "center", "--out", tmp_path / "out"]
  assert run(capsys, "restore", photos / "0.png", *options)[0] == 0
  picture = np.asarray(Image.open(tmp_path / "out" / "0.png"))
  assert picture.shape == (64, 64, 3) and picture[16:48, 16:48].std() > 5


def test_more_pictures_than_a_batch(capsys, photos, tmp_path, monkeypatch):
  monkeypatch.setattr(restore_command, "BATCH", 2)
  options = ["--task", "denoise", "--simulate", "--method", "tv"]
  assert run(capsys, "restore", photos, "--out", tmp_path / "a", *options)[0] == 0
  monkeypatch.setattr(restore_command, "BATCH", 16)
  assert run(capsys, "restore", photos, "--out", tmp_path / "b", *options)[0] == 0
  for name in ("0.png", "2.png", "results.json"):
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_goes_on_past_bad_files_and_lists_them(capsys, prior, photos, tmp_path):
  (photos / "text.png").write_text("no picture")
  (photos / "empty.jpg").touch()
  inputs = [photos, tmp_path / "gone.png", tmp_path / "*.none"]
  status, _, error = restore(capsys, prior, tmp_path / "out", *inputs, "--task", "denoise")
  assert status == 1
  assert "4 of 7 failed" in error and "Traceback" not in error
  for name in ("text.png: cannot be decoded", "empty.jpg: the file is empty", "gone.png: no such"):
    assert name in error
  assert sorted(p.stem for p in (tmp_path / "out").glob("[0-9].png")) == ["0", "1", "2"]


def test_never_overwrites_unasked(capsys, prior, photos, tmp_path):
  out = tmp_path / "out"
  assert restore(capsys, prior, out, photos / "0.png", "--task", "denoise")[0] == 0
  before = {p: p.read_bytes() for p in out.iterdir()}
  status, _, error = restore(capsys, prior, out, photos / "0.png", "--task", "colorize")
  assert status == 1 and "exists; --overwrite replaces it" in error
  status, _, error = restore(capsys, prior, out, photos / "1.png", "--task", "colorize")
  assert status == 2 and "sheet.png exists" in error  # Before anything is written.
  assert before == {p: p.read_bytes() for p in out.iterdir()}
  options = ["--task", "colorize", "--overwrite"]
  assert restore(capsys, prior, out, photos / "0.png", *options)[0] == 0


def test_inputs_of_one_name_get_files_of_their_own(capsys, prior, photos, tmp_path):
  (tmp_path / "more").mkdir()
  Image.open(photos / "0.png").save(tmp_path / "more" / "0.png")
  inputs = [photos / "0.png", tmp_path / "more" / "0.png"]
  assert restore(capsys, prior, tmp_path / "out", *inputs, "--task", "denoise")[0] == 0
  assert (tmp_path / "out" / "0.png").exists() and (tmp_path / "out" / "0-2.png").exists()


def test_crop_face(capsys, prior, tmp_path):
  from skimage import data

  Image.fromarray(data.astronaut()).save(tmp_path / "portrait.png")
  Image.new("RGB", (100, 100)).save(tmp_path / "black.png")
  options = ["--task", "denoise", "--crop", "face"]
  status, _, error = restore(capsys, prior, tmp_path / "out", *tmp_path.glob("*.png"), *options)
  assert status == 1 and "black.png: no frontal face found" in error
  assert (tmp_path / "out" / "portrait.png").exists()


@pytest.mark.parametrize(
  "options,message",
  [
    (["--task", "inpaint"], "--task inpaint needs --mask"),
    (["--task", "inpaint", "--mask", "random"], "drawn at random"),
    (["--task", "denoise", "--mask", "center"], "--mask is for --task inpaint"),
    (["--task", "denoise", "--method", "magic"], "magic: no such weights file"),
    (["--task", "denoise", "--method", "biharmonic"], "biharmonic is for Inpaint only"),
    (["--task", "denoise", "--steps", "0"], "steps is 0"),
    (["--task", "denoise", "--candidates", "0"], "candidates is 0"),
    (["--task", "denoise", "--blend", "feather"], "blend is 'feather'"),
    (["--task", "inpaint", "--mask", "center,strokes"], "drawn at random"),
    (
      ["--task", "denoise", "--method", "tv", "--steps", "5"],
      "steps is no option of the method tv",
    ),
    (["--task", "inpaint", "--mask", "nothing.png"], "nothing.png: no such file"),
  ],
)
def test_what_is_the_users_to_mend_is_one_line(options, message, capsys, prior, photos, tmp_path):
  method = [] if "--method" in options else ["--method", prior]
  out = tmp_path / "out"
  status, _, error = run(capsys, "restore", photos / "0.png", "--out", out, *method, *options)
  assert status != 0 and message in error and "Traceback" not in error
  assert not out.exists()


def test_evaluate_prints_a_table(capsys, tmp_path):
  status, output, _ = run(
    capsys,
    *("evaluate", "--dataset", "toy_faces", "--methods", "damaged,mean,biharmonic,bicubic"),
    *("--tasks", "inpaint,super_resolve", "--limit", "3", "--out", tmp_path),
  )
  assert status == 0
  rows = json.loads((tmp_path / "table.json").read_text())
  assert {(r["task"], r["method"]) for r in rows} == {
    ("inpaint", "damaged"),
    ("inpaint", "mean"),
    ("inpaint", "biharmonic"),
    ("super_resolve", "damaged"),
    ("super_resolve", "bicubic"),
  }
  full, _, compact = output.split("\n\n")
  assert full.count("\n") == len(rows) + 1 and compact.count("\n") == 2 + 4


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


def test_the_spread_of_candidates(capsys, prior, photos, tmp_path, monkeypatch):
  monkeypatch.setattr(restore_command, "WHITE", 1e-5)  # The prior of this test knows one picture.
  command = ["restore", photos, "--out", tmp_path, "--task", "denoise", "--method", prior]
  command += ["--steps", "2", "--spread", "--candidates"]
  status, _, error = run(capsys, *command, "1")
  assert status == 2 and "--spread needs" in error
  assert run(capsys, *command, "2", "--choice", "mean")[0] == 0
  spread = np.asarray(Image.open(tmp_path / "spread" / "1.png"))
  assert spread.shape == (64, 64) and spread.max() > 0
  (tmp_path / "1.png").unlink()
  status, _, error = run(capsys, *command, "2")
  assert status == 1 and "spread/1.png exists" in error


def test_evaluate_does_not_mix_factors(capsys, tmp_path):
  options = ["--dataset", "toy_faces", "--limit", "2", "--tasks", "coarsen", "--out", tmp_path]
  assert run(capsys, "evaluate", *options, "--methods", "bicubic")[0] == 0
  status, _, error = run(capsys, "evaluate", *options, "--methods", "resgan:celeba,bicubic")
  assert status == 2 and "holds a table with factor None, not 8" in error


def test_evaluate_refuses_options_that_are_none(capsys, tmp_path):
  config = tmp_path / "table.py"
  config.write_text(
    "import ml_collections\n"
    "def get_config():\n  return ml_collections.ConfigDict({'method': 'tv'})\n"
  )
  with pytest.raises(SystemExit, match="2"):
    cli.main(["evaluate", "--config", str(config)])
  assert "there is no option method" in capsys.readouterr().err


def test_a_task_is_one_damage_with_its_mask_apart(capsys, photos, tmp_path):
  command = ["restore", photos / "0.png", "--out", tmp_path / "out", "--method", "tv"]
  status, _, error = run(capsys, *command, "--task", "inpaint:lips")
  assert status == 2 and "give the mask as --mask" in error
  assert run(capsys, *command, "--task", "super_resolve:2")[0] == 0
  assert Image.open(tmp_path / "out" / "0.png").size == (64, 64)


def test_evaluate_refuses_an_unknown_set(capsys):
  status, _, error = run(capsys, "evaluate", "--dataset", "nothing")
  assert status == 2 and "unknown data set 'nothing'" in error


SMALL = ["width=2", "batch_size=4", "image_size=16", "steps=2", "log_every=1"]
SMALL += ["checkpoint_every=2", "sample_every=2"]


def test_ablation_trains_the_variants_once_and_compares_them(capsys, tmp_path):
  config = tmp_path / "two.py"
  text = (ROOT / "configs" / "encoder_dcgan.py").read_text()
  config.write_text(
    text.replace('VARIANTS = ("cnn", "gan", "dcgan")', 'VARIANTS = ("cnn", "dcgan")')
  )
  command = ["ablation", "--config", config, "--workdir", tmp_path / "runs"]
  command += ["--dataset", "toy_faces", "--limit", "4", "--masks", "center,random"]
  settings = [*SMALL, "seed=3"]
  command += [argument for setting in settings for argument in ("--set", setting)]
  status, output, _ = run(capsys, *command)
  assert status == 0 and "| dcgan |" in output
  assert json.loads((tmp_path / "runs" / "dcgan" / "config.json").read_text())["seed"] == 3
  rows = json.loads((tmp_path / "runs" / "ablation.json").read_text())
  assert [(r["mask"], r["variant"], r["output"]) for r in rows] == [
    (mask, variant, kind)
    for mask in ("center", "random")
    for variant in ("cnn", "dcgan")
    for kind in ("raw", "composited")
  ]
  assert all({"psnr", "ssim", "psnr_hole", "ssim_hole", "sharpness"} <= row.keys() for row in rows)
  grid = Image.open(tmp_path / "runs" / "restorations.png")
  assert grid.size == (4 * 16 * 2, 8 * 16 * 2)  # Original, masked, two variants; eight faces.
  assert (tmp_path / "runs" / "losses.png").exists()
  checkpoint = next((tmp_path / "runs" / "cnn" / "checkpoints").iterdir())
  before = checkpoint.stat().st_mtime_ns
  status, again, _ = run(capsys, *command)
  assert status == 0 and checkpoint.stat().st_mtime_ns == before
  same = lambda text: [line.rsplit("|", 4)[0] for line in text.splitlines()[:-1]]
  assert same(again) == same(output)  # But for the seconds.


def test_ablation_over_the_values_of_a_field_and_seeds(capsys, tmp_path, monkeypatch):
  monkeypatch.chdir(ROOT)
  command = ["ablation", "--config", "configs/unet_gan.py", "--workdir", tmp_path]
  command += ["--vary", "fill=ring,noise", "--seeds", "0,1", "--masks", "center", "--limit", "4"]
  command += ["--dataset", "toy_faces"]
  command += [argument for setting in SMALL for argument in ("--set", setting)]
  status, *_ = run(capsys, *command)
  assert status == 0
  rows = json.loads((tmp_path / "ablation.json").read_text())
  names = ["ring-0", "ring-1", "noise-0", "noise-1"]
  assert list(dict.fromkeys(row["variant"] for row in rows)) == names
  config = json.loads((tmp_path / "noise-1" / "config.json").read_text())
  assert (config["fill"], config["seed"]) == ("noise", 1)
  scores = {row["variant"]: row["psnr_hole"] for row in rows if row["output"] == "composited"}
  assert len(set(scores.values())) == 4
  assert all(row["generator_fluctuation"] >= 0 < row["images_per_second"] for row in rows)


@pytest.mark.parametrize(
  "options,message",
  [
    (["--vary", "depth=3,4"], "--set depth: the config has no such field"),
    (["--set", "width"], "--set width: wanted FIELD=VALUE"),
    (["--set", "depth=3"], "--set depth: the config has no such field"),
    (["--set", "width=many"], "width"),
    (["--config", "configs/dcgan.py"], "names no VARIANTS"),
    (["--config", "configs/none.py"], "No such file"),
  ],
)
def test_ablation_refuses(options, message, capsys, tmp_path, monkeypatch):
  monkeypatch.chdir(ROOT)
  command = ["ablation", "--workdir", tmp_path / "runs", "--dataset", "toy_faces", *options]
  status, _, error = run(capsys, *command)
  assert status == 2 and message in error and not (tmp_path / "runs").exists()


def test_demo_writes_one_picture(capsys, prior, tmp_path):
  search = ["--method", prior, "--steps", "2", "--candidates", "1"]
  status, output, _ = run(capsys, "demo", "--out", tmp_path / "demo", *search)
  assert status == 0 and "| inpaint |" in output
  assert Image.open(tmp_path / "demo" / "demo.png").size == (5 * 64 * 3, 3 * 64 * 3)


def test_as_a_program(tmp_path):
  command = [sys.executable, "-m", "gan_restore", "restore", "gone.png", "--task", "denoise"]
  result = subprocess.run(
    [*command, "--method", "tv", "--out", tmp_path], cwd=ROOT, capture_output=True, text=True
  )
  assert result.returncode == 1
  assert result.stderr.splitlines() == ["1 of 1 failed:", "  gone.png: no such file"]


def test_the_search_options_are_those_of_restore():
  import inspect

  known = inspect.signature(latent.restore).parameters
  arguments = cli.parser().parse_args(["demo"])
  assert set(vars(arguments)) - {"run", "out", "method"} <= set(known)


def test_a_table_of_one_method_with_several_options(capsys, tmp_path):
  command = ["evaluate", "--dataset", "toy_faces", "--limit", "2", "--tasks", "denoise"]
  status, output, _ = run(capsys, *command, "--methods", "tv,tv:weight=1e-4:iterations=5")
  assert status == 0
  lines = output.split("\n\n")[-1].splitlines()[2:]
  names, scores = zip(*(line.strip("| ").split(" | ") for line in lines))
  assert names == ("tv", "tv:weight=1e-4:iterations=5") and scores[0] != scores[1]
  for method, message in [
    ("tv:steps=5", "steps is no option of the method tv"),
    ("map:y=1", "y is no option of the method map"),
    ("map:steps=none", "steps is 'none'; wanted at least 1"),
  ]:
    status, _, error = run(capsys, *command, "--methods", method)
    assert status == 2 and message in error and "Traceback" not in error
