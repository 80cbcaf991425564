"""The damage that a user names, for photographs of any size."""

import numpy as np
import pytest

from gan_restore import hub
from gan_restore.degradations import operators
from gan_restore.evaluation import metrics
from gan_restore.photos.damage import Damage
from gan_restore.photos.file_damage import FileDamage


def test_the_size_of_what_was_observed():
  """A photograph that is already damaged has the size of y. A clean one has that of the image."""
  shape = (64, 64, 3)
  for task in ("super_resolve:3", "super_resolve:3+denoise:0.1"):
    assert Damage(task).image_size((31, 47), 3) == (93, 141)
  assert Damage("auto", enlarge=6).image_size((31, 47), 3) == (186, 282)
  for task, size in (("denoise", 64), ("super_resolve:4", 16), ("blur:1+super_resolve:2", 32)):
    damage = Damage(task)
    assert damage.picture_size(shape) == (size, size)
    assert Damage(task, simulate=True).picture_size(shape) == (64, 64)
    assert damage.image_size((31, 47), 3) == (31 * 64 // size, 47 * 64 // size)
  assert Damage("motion_blur:9@0@cut").image_size((50, 40), 3) == (50, 48)
  assert Damage("motion_blur:301@0@cut").image_size((50, 40), 3) == (50, 340)
  with pytest.raises(ValueError, match="smaller than"):
    Damage("motion_blur:9001@0@cut").image_size((50, 40), 3)
  # The file has one pixel for each block, or with noise all pixels.
  assert Damage("coarsen:5").image_size((31, 47), 3) == (155, 235)
  assert Damage("coarsen:5+denoise:0.1").image_size((30, 45), 3) == (30, 45)


def test_the_damage_of_a_photograph_does_not_depend_on_its_batch(faces):
  damage = Damage("denoise:0.1", simulate=True)
  own = FileDamage("denoise:0.1")
  whole, _ = damage.observe(faces[:4], 4 * [own], (64, 64, 3), 0)
  last, A = damage.observe(faces[2:4], 2 * [own], (64, 64, 3), 2)
  np.testing.assert_array_equal(whole[2:], last)
  assert A.kind == "denoise"


def test_a_mask_of_each_photograph(faces, tmp_path):
  mask = np.zeros((2, 64, 64, 1), np.float32)
  mask[0, :8], mask[1, 8:16] = 1, 1
  (tmp_path / "mask.png").touch()
  y, A = Damage("inpaint", str(tmp_path / "mask.png")).observe(
    faces[:2], [FileDamage("inpaint", own) for own in mask], (64, 64, 3), 0
  )
  np.testing.assert_array_equal(operators.hole(A), mask)
  np.testing.assert_allclose(y, faces[:2] * (1 - mask), atol=1e-6)


@pytest.mark.parametrize(
  "task,mask,message",
  [
    ("inpaint", None, "the task inpaint needs a mask"),
    ("denoise", "center", "such as inpaint\\+denoise"),
    ("inpaint", "strokes", "the mask strokes is random"),
    ("sharpen", None, "unknown task 'sharpen'"),
    ("denoise:50", None, "sigma is 50.0"),
  ],
)
def test_damages_that_do_not_fit(task, mask, message):
  with pytest.raises(ValueError, match=message):
    Damage(task, mask)


def test_what_is_detected_cannot_be_simulated():
  for task in ("auto", "jpeg:auto", "denoise+jpeg:auto"):
    with pytest.raises(ValueError, match="it cannot be simulated"):
      Damage(task, simulate=True)
    Damage(task)


def test_hit_pixels_of_a_grey_photograph_are_filled(faces):
  damage, grey = Damage("salt_and_pepper:0.1", simulate=True), faces[:1].mean(-1, keepdims=True)
  x = np.repeat(grey, 3, -1)
  y, _ = damage.observe(x, [FileDamage("salt_and_pepper:0.1")], x.shape[1:], 0)
  own = FileDamage("salt_and_pepper:0.1", grey=True)
  y, A = Damage("salt_and_pepper:0.1").observe(np.asarray(y), [own], x.shape[1:], 0)
  for method in ("biharmonic", "median"):
    restored = hub.load(method)(y, A).image
    assert metrics.psnr(restored, x)[0] > metrics.psnr(y, x)[0] + 6
