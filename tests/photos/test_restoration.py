"""Restores photographs from file to file, for the damage that a user names."""

import numpy as np
import pytest
from PIL import Image

from gan_restore import hub
from gan_restore.degradations import operators
from gan_restore.photos import restoration


def test_the_size_of_what_was_observed():
  """A photograph that is already damaged has the size of y. A clean one has that of the image."""
  shape = (64, 64, 3)
  for task, size in (("denoise", 64), ("super_resolve:4", 16), ("blur:1+super_resolve:2", 32)):
    damage = restoration.Damage(task)
    assert damage.picture_size(shape) == (size, size)
    assert restoration.Damage(task, simulate=True).picture_size(shape) == (64, 64)
    assert damage.image_size((31, 47), 3) == (31 * 64 // size, 47 * 64 // size)
  assert restoration.Damage("motion_blur:9@0@cut").image_size((50, 40), 3) == (50, 48)


def test_the_damage_of_a_photograph_does_not_depend_on_its_batch(faces):
  damage = restoration.Damage("denoise:0.1", simulate=True)
  own = restoration.FileDamage("denoise:0.1")
  whole, _ = damage.observe(faces[:4], 4 * [own], (64, 64, 3), 0)
  last, A = damage.observe(faces[2:4], 2 * [own], (64, 64, 3), 2)
  np.testing.assert_array_equal(whole[2:], last)
  assert A.kind == "denoise"


def test_a_mask_of_each_photograph(faces, tmp_path):
  mask = np.zeros((2, 64, 64, 1), np.float32)
  mask[0, :8], mask[1, 8:16] = 1, 1
  (tmp_path / "mask.png").touch()
  y, A = restoration.Damage("inpaint", str(tmp_path / "mask.png")).observe(
    faces[:2], [restoration.FileDamage("inpaint", own) for own in mask], (64, 64, 3), 0
  )
  np.testing.assert_array_equal(operators.hole(A), mask)
  np.testing.assert_allclose(y, faces[:2] * (1 - mask), atol=1e-6)


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
  for name in ("dots", "one"):
    damage = restoration.Damage(
      "super_resolve:16+inpaint", str(tmp_path / f"{name}.png"), simulate=True
    )
    _, failures, restored = restoration.restore_files(
      hub.load("tv", iterations=2), damage, [str(tmp_path / f"photo_{name}.png")], tmp_path / name
    )
    failed[name] = failures, restored
  (failure,), restored = failed["dots"]
  assert "one pixel must be known" in failure and restored == 0 and not (tmp_path / "dots").exists()
  assert failed["one"] == ([], 1)


@pytest.mark.parametrize(
  "task,mask,message",
  [
    ("inpaint", None, "--task inpaint needs --mask"),
    ("denoise", "center", "such as inpaint\\+denoise"),
    ("inpaint", "strokes", "the mask strokes is random"),
    ("sharpen", None, "unknown task 'sharpen'"),
    ("denoise:50", None, "sigma is 50.0"),
  ],
)
def test_damages_that_do_not_fit(task, mask, message):
  with pytest.raises(ValueError, match=message):
    restoration.Damage(task, mask)


def test_what_is_detected_cannot_be_simulated():
  for task in ("auto", "jpeg:auto", "denoise+jpeg:auto"):
    with pytest.raises(ValueError, match="it cannot be simulated"):
      restoration.Damage(task, simulate=True)
    restoration.Damage(task)


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
  _, failures, restored = restoration.restore_files(
    hub.load("tv", iterations=2), restoration.Damage("auto"), [str(tmp_path)], tmp_path / "out",
    crop="center", say=said.append,
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


def test_a_detected_damage_with_a_mask(faces, tmp_path):
  Image.fromarray(np.round(255 * faces[0]).astype(np.uint8)).save(tmp_path / "a.jpg", quality=20)
  said = []
  restoration.restore_files(
    hub.load("tv", iterations=2), restoration.Damage("auto", "center"), [str(tmp_path / "a.jpg")],
    tmp_path / "out", say=said.append,
  )  # fmt: skip
  assert said[0].endswith("restored from jpeg:auto+inpaint")
  with pytest.raises(ValueError, match="it must be a picture file"):
    restoration.Damage("auto", "nowhere.png")


def test_a_method_for_one_damage_restores_the_files_that_have_it(faces, tmp_path):
  """The others fail in a sentence each."""
  pixels = np.round(255 * faces).astype(np.uint8)
  alpha = np.full((64, 64, 1), 255, np.uint8)
  alpha[10:20, 10:20] = 0
  Image.fromarray(pixels[0]).save(tmp_path / "a.jpg", quality=20)
  Image.fromarray(np.concatenate([pixels[3], alpha], -1)).save(tmp_path / "b.png")
  _, failures, restored = restoration.restore_files(
    hub.load("mirror"), restoration.Damage("auto"), [str(tmp_path)], tmp_path / "out"
  )
  assert restored == 1 and len(failures) == 1 and "a.jpg: mirror restores only" in failures[0]


def test_a_border_that_was_cut_off(faces, tmp_path):
  """y has 56 columns and 64 rows: the middle of the square."""
  Image.fromarray(np.round(255 * faces[0]).astype(np.uint8)).save(tmp_path / "a.png")
  damage = restoration.Damage("motion_blur:9@0@cut")
  assert damage.picture_size((64, 64, 3)) == (64, 56)
  _, failures, restored = restoration.restore_files(
    hub.load("tv", iterations=2),
    damage,
    [str(tmp_path / "a.png")],
    tmp_path / "out",
    crop="center",
  )
  assert restored == 1 and not failures
