"""`gan-restore restore`, called as a function."""

import json

import numpy as np
import pytest
from conftest import run
from PIL import Image

from gan_restore.commands import restore as restore_command
from gan_restore.data import images


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


def test_a_task_is_one_damage_with_its_mask_apart(capsys, photos, tmp_path):
  command = ["restore", photos / "0.png", "--out", tmp_path / "out", "--method", "tv"]
  status, _, error = run(capsys, *command, "--task", "inpaint:lips")
  assert status == 2 and "give the mask as --mask" in error
  assert run(capsys, *command, "--task", "super_resolve:2")[0] == 0
  assert Image.open(tmp_path / "out" / "0.png").size == (64, 64)
