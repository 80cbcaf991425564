"""Restores photographs from file to file, for the damage that a user names."""

import numpy as np
import pytest
from helpers import filled_with_white, picture_size
from PIL import Image

from gan_restore import hub, photos
from gan_restore.data import framing
from gan_restore.degradations import operators
from gan_restore.photos import batches, photograph, restoration
from gan_restore.photos.damage import Damage
from gan_restore.photos.faces import Face
from gan_restore.photos.file_damage import FileDamage


def test_a_photograph_whose_mask_hides_everything_does_not_stop_the_others(faces, tmp_path):
  """At a sixteenth of the size, a hole in every block of 16x16 pixels hides all pixels."""
  pixels = Image.fromarray((255 * faces[0]).round().astype(np.uint8))
  dots = np.zeros((64, 64), np.uint8)
  dots[::16, ::16] = 255
  one = np.zeros((4, 4), np.uint8)
  one[1, 1] = 255
  for name, mask in (("dots", dots), ("one", one.repeat(16, 0).repeat(16, 1))):
    Image.fromarray(mask).save(tmp_path / f"{name}.png")
    pixels.save(tmp_path / f"photo_{name}.png")
  failed = {}
  outputs = lambda name: batches.Outputs(tmp_path / name)
  for name in ("dots", "one"):
    damage = Damage("super_resolve:16+inpaint", str(tmp_path / f"{name}.png"), simulate=True)
    _, failures, restored = batches.restore_files(
      hub.load("tv", iterations=2), damage, [str(tmp_path / f"photo_{name}.png")], outputs(name)
    )
    failed[name] = failures, restored
  (failure,), restored = failed["dots"]
  assert "one pixel must be known" in failure and restored == 0 and not (tmp_path / "dots").exists()
  assert failed["one"] == ([], 1)


def test_each_file_has_its_own_damage(faces, tmp_path):
  """A JPEG its tables, a transparent picture its hole, a noisy one its noise; in one of the files
  nothing is detected, which does not stop the others."""
  pixels = np.round(255 * faces).astype(np.uint8)
  Image.fromarray(pixels[0]).save(tmp_path / "a.jpg", quality=20)
  Image.fromarray(pixels[1]).save(tmp_path / "b.jpg", quality=60)
  noisy = np.clip(pixels[2] + 25 * np.random.default_rng(0).normal(size=(64, 64, 3)), 0, 255)
  Image.fromarray(noisy.astype(np.uint8)).save(tmp_path / "c.png")
  alpha = np.full((64, 64, 1), 255, np.uint8)
  alpha[10:20, 10:20] = 0
  Image.fromarray(np.concatenate([pixels[3], alpha], -1)).save(tmp_path / "d.png")
  Image.fromarray(pixels[4]).resize((96, 80)).save(tmp_path / "e.jpg")
  said = []
  _, failures, restored = batches.restore_files(
    hub.load("tv", iterations=2), Damage("auto"), [str(tmp_path)],
    batches.Outputs(tmp_path / "out"), crop="center", say=said.append,
  )  # fmt: skip
  assert restored == 4 and "blocks were lost" in failures[0] and "e.jpg" in failures[0]
  for sentence, name, found, task in zip(
    said,
    "abcd",
    ("JPEG of quality 20, 4:2:0", "JPEG of quality 60", "noise of 0.", "2% transparent"),
    ("jpeg:auto", "jpeg:auto", "denoise:auto", "inpaint"),
    strict=True,
  ):
    assert f"{name}." in sentence and found in sentence and sentence.endswith(f"from {task}")
  assert len(list((tmp_path / "out").glob("?.png"))) == 4


def test_a_photograph_that_is_too_small_does_not_stop_the_others(faces, tmp_path):
  pixels = np.round(255 * faces[0]).astype(np.uint8)
  Image.fromarray(pixels[:12, :12]).save(tmp_path / "a.png")
  Image.fromarray(pixels).save(tmp_path / "b.png")
  _, (failure,), restored = batches.restore_files(
    hub.load("tv", iterations=2), Damage("denoise:auto"), [str(tmp_path)],
    batches.Outputs(tmp_path / "out"),
  )  # fmt: skip
  assert restored == 1 and "a.png: " in failure and "16x16" in failure


def test_a_photograph_that_is_too_small_to_be_scored(faces, tmp_path):
  pixels = np.round(255 * faces[0]).astype(np.uint8)
  Image.fromarray(pixels[:8, :8]).save(tmp_path / "a.png")
  Image.fromarray(pixels[:, :1]).save(tmp_path / "b.png")
  Image.fromarray(pixels).save(tmp_path / "c.png")
  scores, failures, restored = batches.restore_files(
    hub.load("tv", iterations=2), Damage("inpaint:border", simulate=True), [str(tmp_path)],
    batches.Outputs(tmp_path / "out"),
  )  # fmt: skip
  assert restored == len(scores) == 1 and len(failures) == 2
  assert all("each side must have at least 11" in failure for failure in failures)


def test_results_beside_the_photographs_are_not_restored_again(faces, tmp_path):
  Image.fromarray(np.round(255 * faces[0]).astype(np.uint8)).save(tmp_path / "a.png")
  options = hub.load("tv", iterations=2), Damage("denoise:0.1"), [str(tmp_path)]
  outputs = batches.Outputs(tmp_path, compare=True, overwrite=True)
  for _ in range(2):
    assert batches.restore_files(*options, outputs)[1:] == ([], 1)


def test_only_the_first_of_several_pictures(tmp_path):
  frames = [Image.new("L", (20, 20), value) for value in (50, 90, 130)]
  frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
  said = []
  batches.restore_files(
    hub.load("tv", iterations=2), Damage("denoise:0.1"), [str(tmp_path / "a.gif")],
    batches.Outputs(tmp_path / "out"), say=said.append,
  )  # fmt: skip
  assert said[0].endswith("a.gif: only the first of its 3 pictures is restored")


def test_a_detected_damage_with_a_mask(faces, tmp_path):
  Image.fromarray(np.round(255 * faces[0]).astype(np.uint8)).save(tmp_path / "a.jpg", quality=20)
  said = []
  batches.restore_files(
    hub.load("tv", iterations=2), Damage("auto", "center"), [str(tmp_path / "a.jpg")],
    batches.Outputs(tmp_path / "out"), say=said.append,
  )  # fmt: skip
  assert said[0].endswith("restored from jpeg:auto+inpaint")
  with pytest.raises(ValueError, match="it must be a picture file"):
    Damage("auto", "nowhere.png")


def test_a_method_for_one_damage_restores_the_files_that_have_it(faces, tmp_path):
  """The others fail in a sentence each."""
  pixels = np.round(255 * faces).astype(np.uint8)
  alpha = np.full((64, 64, 1), 255, np.uint8)
  alpha[10:20, 10:20] = 0
  Image.fromarray(pixels[0]).save(tmp_path / "a.jpg", quality=20)
  Image.fromarray(np.concatenate([pixels[3], alpha], -1)).save(tmp_path / "b.png")
  _, failures, restored = batches.restore_files(
    hub.load("mirror"), Damage("auto"), [str(tmp_path)], batches.Outputs(tmp_path / "out")
  )
  assert restored == 1 and len(failures) == 1 and "a.jpg: mirror restores only" in failures[0]


def test_a_border_that_was_cut_off(faces, tmp_path):
  """y has 56 columns and 64 rows: the middle of the square."""
  Image.fromarray(np.round(255 * faces[0]).astype(np.uint8)).save(tmp_path / "a.png")
  damage = Damage("motion_blur:9@0@cut")
  assert damage.picture_size((64, 64, 3)) == (64, 56)
  _, failures, restored = batches.restore_files(
    hub.load("tv", iterations=2),
    damage,
    [str(tmp_path / "a.png")],
    batches.Outputs(tmp_path / "out"),
    crop="center",
  )
  assert restored == 1 and not failures


# --- Whole photographs ----------------------------------------------------------------------------


def run(restorer, damage, path, out, **options):
  names = ("format", "spread", "compare", "faces", "overwrite")
  own = {name: options.pop(name) for name in names if name in options}
  return batches.restore_files(
    restorer, damage, [str(path)], batches.Outputs(out, **own), **options
  )


def test_only_missing_pixels_of_a_whole_photograph_change(whole, tmp_path):
  """Its format, its metadata and its other pixels are those of the file."""
  pixels = np.random.default_rng(0).integers(0, 200, (50, 70, 4), np.uint8)
  mask = np.zeros((50, 70), np.uint8)
  mask[10:20, 30:45] = 255
  Image.fromarray(mask).save(tmp_path / "mask.png")
  exif = Image.Exif()
  exif[0x010F] = "A camera"
  for mode, extension in (("RGB", "webp"), ("RGBA", "png"), ("L", "tif"), ("LA", "png")):
    picture = Image.fromarray(pixels).convert(mode)
    path = tmp_path / f"{mode}.{extension}"
    picture.save(path, exif=exif.tobytes(), **({"lossless": True} if extension == "webp" else {}))
    damage = Damage("inpaint", str(tmp_path / "mask.png"))
    assert run(whole, damage, path, tmp_path / "out")[1:] == ([], 1)
    with Image.open(tmp_path / "out" / path.name) as restored:
      assert restored.mode == mode and restored.getexif()[0x010F] == "A camera"
      found, given = np.asarray(restored), np.asarray(picture)
    np.testing.assert_array_equal(found[mask == 0], given[mask == 0])
    assert np.all(found[mask > 0] == 255)


def test_a_folder_of_masks(whole, tmp_path):
  (tmp_path / "masks").mkdir()
  for i in range(3):
    Image.new("RGB", (40, 40), (100, 100, 100)).save(tmp_path / f"{i}.png")
    mask = np.zeros((40, 40), np.uint8)
    mask[10 * i : 10 * i + 5] = 255
    if i < 2:
      Image.fromarray(mask).save(tmp_path / "masks" / f"{i}.png")
  _, failures, restored = batches.restore_files(
    whole, Damage("inpaint", str(tmp_path / "masks")),
    [str(tmp_path / f"{i}.png") for i in range(3)], batches.Outputs(tmp_path / "out"),
  )  # fmt: skip
  assert restored == 2 and len(failures) == 1 and "no pictures named 2" in failures[0]
  for i in range(2):
    found = np.asarray(Image.open(tmp_path / "out" / f"{i}.png"))
    np.testing.assert_array_equal(np.flatnonzero(found[:, 0, 0] == 255), 10 * i + np.arange(5))


def test_scratches_are_found_and_their_mask_is_written(whole, tmp_path, monkeypatch):
  """The mask can be given back. The other pixels are those of the file."""
  monkeypatch.setattr(restoration.scratches, "find", lambda picture: line(picture)[..., None])
  pixels = np.asarray(Image.open(data_path(tmp_path)))
  outputs, said = batches.Outputs(tmp_path / "out", masks=True), []
  found = batches.restore_files(
    whole, Damage("inpaint", "auto"), [str(tmp_path / "p.png")], outputs, say=said.append
  )
  assert found[1:] == ([], 1)
  assert f"{60 / pixels[..., 0].size:.1%} of the pixels are taken for scratches" in said[0]
  mask = np.asarray(Image.open(tmp_path / "out" / "masks" / "p.png"))
  restored = np.asarray(Image.open(tmp_path / "out" / "p.png"))
  assert (mask > 0).sum() == 60
  np.testing.assert_array_equal(restored[mask == 0], pixels[mask == 0])
  assert (restored != pixels).any()
  damage = Damage("inpaint", str(tmp_path / "out" / "masks"))
  again = batches.Outputs(tmp_path / "again")
  batches.restore_files(whole, damage, [str(tmp_path / "p.png")], again)
  np.testing.assert_array_equal(restored, Image.open(tmp_path / "again" / "p.png"))


def test_without_scratches(whole, tmp_path, monkeypatch):
  """The task `inpaint` needs one; `auto` restores what else is detected."""
  monkeypatch.setattr(restoration.scratches, "find", lambda picture: 0 * line(picture)[..., None])
  path = data_path(tmp_path)
  run = lambda task: batches.restore_files(
    whole, Damage(task, "auto"), [path], batches.Outputs(tmp_path / task, masks=True)
  )
  _, (failure,), _ = run("inpaint")
  assert "no scratch is found; give a picture of them as the mask" in failure
  assert run("auto")[1:] == ([], 1) and not (tmp_path / "auto" / "masks").exists()
  with pytest.raises(ValueError, match="the mask auto is found in a photograph"):
    Damage("inpaint", "auto", simulate=True)


def line(picture):
  """A line of 60 pixels in a picture."""
  mask = np.zeros(picture.size[::-1], np.float32)
  mask[10:12, 5:35] = 1
  return mask


def data_path(folder) -> str:
  """The path of a noisy picture p.png."""
  noise = np.random.default_rng(0).normal(120, 25, (40, 48, 3))
  Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(folder / "p.png")
  return str(folder / "p.png")


def test_parts_of_the_faces_of_a_photograph(whole, tmp_path):
  """The mask lies where the face is; without a face, it is a failure in a sentence."""
  Image.new("RGB", (120, 90), (9, 99, 199)).save(tmp_path / "a.png")
  face = Face(1.0, framing.shift(framing.aligned(60, 60), -40, -10))
  damage = Damage("inpaint", "lips")
  done = run(whole, damage, tmp_path / "a.png", tmp_path / "out", find=lambda picture: [face])
  assert done[1:] == ([], 1)
  found = np.asarray(Image.open(tmp_path / "out" / "a.png"))
  rows, columns = np.nonzero(np.any(found != (9, 99, 199), -1))
  # The lips are at 0.79 of the crop's height and 0.495 of its width.
  assert abs(rows.mean() - (10 + 0.79 * 60)) < 1 and abs(columns.mean() - (40 + 0.495 * 60)) < 1
  _, failures, _ = run(whole, damage, tmp_path / "a.png", tmp_path / "none")
  assert "no face found, for the mask lips" in failures[0]
  assert Damage("inpaint:lips") == damage  # The same, named in the task.


def test_what_else_is_written(whole, tmp_path):
  """The format, the comparison, and each face."""
  Image.new("L", (80, 60), 90).save(tmp_path / "a.jpg")
  face = Face(1.0, framing.shift(framing.aligned(32, 32), -10, -5))
  said = []
  options = {"compare": True, "faces": True, "format": "png", "say": said.append}
  mask = np.zeros((60, 80, 1), np.float32)
  mask[20:30, 20:30] = 1
  run(whole, Damage("inpaint", mask), tmp_path / "a.jpg", tmp_path / "out",
      find=lambda picture: [face], **options)  # fmt: skip
  out = tmp_path / "out"
  assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*")) == [
    "a.png", "compare/a.png", "faces/a-1.png"
  ]  # fmt: skip
  assert picture_size(out / "compare" / "a.png") == (160, 60)
  assert picture_size(out / "faces" / "a-1.png") == (128, 64)
  assert "filled holes in 1 face; wrote" in said[-1]
  (out / "a.png").unlink()
  _, failures, _ = run(whole, Damage("inpaint", mask), tmp_path / "a.jpg", out, faces=True)
  assert "a-1.png exists; --overwrite replaces it" in failures[0]
  # The face of another photograph, a-1.jpg.
  (out / "faces" / "a-1.png").rename(out / "faces" / "a-1-1.png")
  assert not run(whole, Damage("inpaint", mask), tmp_path / "a.jpg", out, faces=True)[1]
  (out / "a.jpg").unlink()
  (out / "a.png").touch()
  _, failures, _ = run(whole, Damage("inpaint", mask), tmp_path / "a.jpg", out, format="png")
  assert "a.png exists; --overwrite replaces it" in failures[0]


def test_enlarged_photographs(tmp_path):
  """Grey stays grey, and the opacity is enlarged too."""
  alpha = np.full((24, 32), 255, np.uint8)
  alpha[:, :16] = 128
  noisy = np.random.default_rng(0).normal(128, 30, (24, 32)).clip(0, 255).astype(np.uint8)
  Image.merge("LA", [Image.fromarray(noisy), Image.fromarray(alpha)]).save(tmp_path / "a.png")
  said = []
  restorer = hub.load("tv", iterations=2)
  for task, where in (("auto", "b"), ("denoise:0.1", "c")):
    done = run(restorer, Damage(task, enlarge=2), tmp_path / "a.png", tmp_path / where,
               say=said.append)  # fmt: skip
    assert done[1:] == ([], 1)
    with Image.open(tmp_path / where / "a.png") as found:
      assert found.size == (64, 48) and found.mode == "LA"
      np.testing.assert_array_equal(np.asarray(found)[::2, ::2, 1], alpha)
  assert said[0].endswith("restored from super_resolve:2@bicubic+denoise:auto")


def test_the_noise_of_grey_photographs(tmp_path):
  """In one channel or in three, it is stated as that of a grey picture; colours have their own."""
  shape = (1, 32, 32, 3)
  stated = {}
  for mode in ("L", "RGB"):
    photo = photograph.of(Image.new("L", (32, 32), 99).convert(mode))
    damage = Damage("denoise:0.1")
    own = damage.of_photograph(photo, photo.to_float(), None, (0, 0, 32, 32), shape[1:])
    assert own.grey
    _, A = damage.observe(photo.to_float()[None], [own], shape[1:], 0)
    stated[mode] = operators.noise(A, shape)
    assert photo.restored(np.random.default_rng(0).random(shape[1:])).grey
  _, A = damage.observe(np.zeros(shape), [FileDamage("denoise:0.1")], shape[1:], 0)
  assert stated["L"] == stated["RGB"] > 1.7 * operators.noise(A, shape)


def test_holes_that_were_filled_are_opaque(whole, tmp_path):
  """Also if there was noise too."""
  rng = np.random.default_rng(0)
  pixels = rng.normal(128, 25, (40, 50, 4)).clip(0, 255).astype(np.uint8)
  pixels[..., 3] = 255
  pixels[10:20, 10:20, 3] = 0
  Image.fromarray(pixels).save(tmp_path / "a.png")
  said = []
  restorer = hub.load("tv", iterations=2)
  assert run(restorer, Damage("auto"), tmp_path / "a.png", tmp_path / "out",
             say=said.append)[1:] == ([], 1)  # fmt: skip
  assert said[0].endswith("restored from denoise:auto+inpaint")
  assert np.all(np.asarray(Image.open(tmp_path / "out" / "a.png"))[..., 3] == 255)
  floats = pixels.astype(np.float32) / 255
  assert np.all(photos.restore(floats, restorer=restorer)[..., 3] == 1)


def test_a_photograph_that_cannot_be_written_does_not_stop_the_others(whole, tmp_path, monkeypatch):
  for name in ("a.png", "b.png"):
    Image.new("RGB", (40, 30)).save(tmp_path / name)
  write = photograph.write

  def full(path, photo):
    if path.name == "a.png":
      raise OSError("no space left on the device")
    write(path, photo)

  monkeypatch.setattr(photograph, "write", full)
  done = batches.restore_files(
    whole, Damage("denoise:0.1"), [str(tmp_path)], batches.Outputs(tmp_path / "out")
  )
  assert done[1:] == ([f"{tmp_path / 'a.png'}: no space left on the device"], 1)
  assert (tmp_path / "out" / "b.png").exists()


def test_samples_are_written_and_one_that_cannot_be_does_not_stop_the_others(tmp_path):
  def draw(y, A, *, frame=None, num_samples=1, choice="best", fidelity=1.0, seed=0):
    return filled_with_white(y + 0.1 * seed * (1 - fidelity), A)

  for name in ("a.png", "b.png"):
    Image.new("RGB", (40, 30)).save(tmp_path / name)
  out = tmp_path / "out"
  (out / "sample-1" / "b.png").mkdir(parents=True)  # No file can be written there.
  _, failures, restored = batches.restore_files(
    hub.Restorer(draw, channels=3), Damage("denoise:0.1"),
    [str(tmp_path / name) for name in ("a.png", "b.png")],
    batches.Outputs(out, samples=2, overwrite=True),
  )  # fmt: skip
  (failure,) = failures
  assert failure.startswith(f"{tmp_path / 'b.png'}: ") and restored == 2
  first, second = (np.asarray(Image.open(out / f"sample-{k}" / "a.png"), int) for k in (1, 2))
  assert np.all(second > first)
  assert (out / "b.png").exists() and (out / "sample-2" / "b.png").exists()
