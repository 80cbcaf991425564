import jax
import numpy as np
import pytest

from gan_restore.degradations import masks, operators, tasks

SHAPES = {
  "colorize": (8, 64, 64, 1),
  "super_resolve": (8, 16, 16, 3),
  "demosaic": (8, 64, 64, 1),
}


@pytest.mark.parametrize("name", tasks.ALL)
def test_a_task_damages_and_models_the_damage(name, faces):
  y, A = tasks.get(name).corrupt(faces, jax.random.key(0))
  assert y.shape == SHAPES.get(name, faces.shape) == A(faces).shape
  assert np.abs(np.asarray(y) - np.asarray(A(faces))).mean() < 0.09  # Only noise and rounding.
  again, _ = tasks.get(name).corrupt(faces, jax.random.key(0))
  np.testing.assert_array_equal(y, again)


def test_inpaint_takes_a_mask_or_a_kind(faces):
  mask = np.zeros((64, 64))
  mask[:10] = 1
  y, _ = tasks.get("inpaint", mask=mask).corrupt(faces, jax.random.key(0))
  assert (np.asarray(y)[:, :10] == 0).all()
  y, A = tasks.get("inpaint", mask="strokes").corrupt(faces, jax.random.key(0))
  assert A.mask.shape == (8, 64, 64, 1)


def test_a_mask_takes_the_size_of_what_is_left(faces):
  """A pixel is missing if any part of it is missing."""
  mask = np.zeros((64, 64))
  mask[:9] = 1
  y, A = tasks.get("super_resolve:4+inpaint", mask=mask).corrupt(faces, jax.random.key(0))
  assert A.outer.mask.shape == (1, 16, 16, 1) and A.outer.mask.sum() == 3 * 16
  y, A = tasks.get("inpaint+super_resolve:4", mask=mask[::4, ::4]).corrupt(faces, jax.random.key(0))
  assert A.inner.mask.shape == (1, 64, 64, 1) and A.inner.mask.sum() == 12 * 64
  assert (np.asarray(y)[:, :3] == 0).all() and y.shape == (8, 16, 16, 3)
  with pytest.raises(ValueError, match="a mask of 50x64 pixels does not fit images of 64x64"):
    tasks.get("inpaint", mask=mask[:50]).corrupt(faces, jax.random.key(0))


def test_a_methods_factor():
  assert tasks.with_factor("coarsen", 4) == "coarsen:4"
  assert tasks.with_factor("super_resolve:2+denoise", 4) == "super_resolve:2+denoise"
  assert tasks.with_factor("coarsen", None) == "coarsen"


@pytest.mark.parametrize(
  "name,operator",
  [
    ("denoise:0.2", operators.denoise(0.2)),
    ("quantize:3", operators.quantize(3)),
    ("super_resolve:8", operators.super_resolve(8)),
    ("blur:2", operators.blur(2)),
    ("blur:1.5+denoise:0.05", operators.compose(operators.denoise(0.05), operators.blur(1.5))),
  ],
)
def test_other_strengths(name, operator, faces):
  assert tasks.get(name).corrupt(faces, jax.random.key(0))[1] == operator


def test_damages_one_after_the_other(faces):
  """Damages apply in the order of their names.

  Masks have the size of the image at that point, and may contain a `+` themselves.
  """
  y, A = tasks.get("super_resolve:2+inpaint:eyes+lips").corrupt(faces, jax.random.key(0))
  assert y.shape == (8, 32, 32, 3) and A.outer.mask.shape == (8, 32, 32, 1)
  eyes = masks.get("eyes+lips")(jax.random.key(0), (8, 32, 32))
  np.testing.assert_array_equal(A.outer.mask, eyes)
  np.testing.assert_allclose(y, (1 - eyes) * operators.super_resolve(2)(faces), atol=1e-6)


def test_refusals(faces):
  for name, message in {
    "denoise:loud": "the sigma of 'denoise:loud' must be a number",
    "quantize:2.5": "the levels of 'quantize:2.5' must be a whole number",
    "colorize:3": "kind is '3'; it must be one of value, luma, map_paper",
    "motion_blur:9@30@cut@1": "has too many arguments; it must be motion_blur:LENGTH@ANGLE@BORDER",
    "motion_blur:9@steep": "the angle of 'motion_blur:9@steep' must be a number",
    "jpeg:auto": "jpeg:auto takes its tables from a JPEG file",
    "denoise:50": "sigma is 50.0; it must be between 0 and 1",
    "denoise+quantise": "unknown task 'quantise'",
    "super_resolve:0": "factor is 0",
  }.items():
    with pytest.raises(ValueError, match=message):
      tasks.get(name)
  with pytest.raises(ValueError, match="unknown task 'deblur'"):
    tasks.get("deblur")
  with pytest.raises(ValueError, match="unknown mask"):
    tasks.get("inpaint", mask="round")
  with pytest.raises(TypeError, match="uint8"):
    tasks.get("denoise").corrupt(np.zeros((1, 8, 8, 3), np.uint8), jax.random.key(0))


def test_arguments_of_a_damage(faces):
  """They are those of the operator's function, in their order."""
  for name, A in {
    "super_resolve:2@lanczos": operators.super_resolve(2, "lanczos"),
    "poisson_gaussian:80@0.03": operators.poisson_gaussian(80, 0.03),
    "denoise:auto@0.2": operators.denoise(None, 0.2),
  }.items():
    assert tasks.get(name).corrupt(faces, jax.random.key(0))[1] == A
  motion = tasks.get("motion_blur:7@30@cut").operator(jax.random.key(0), faces.shape)
  np.testing.assert_array_equal(motion.weights, operators.motion_blur(7, 30).weights)
  assert motion.border == "cut"
  of_file = operators.jpeg(33, "4:4:4")
  assert tasks.get("jpeg:auto", jpeg=of_file).operator(jax.random.key(0), faces.shape) is of_file
