import jax
import numpy as np
import pytest

from gan_restore import tasks

SHAPES = {
  "inpaint": (8, 64, 64, 3),
  "colorize": (8, 64, 64, 1),
  "super_resolve": (8, 16, 16, 3),
  "denoise": (8, 64, 64, 3),
  "quantize": (8, 64, 64, 3),
  "coarsen": (8, 64, 64, 3),
}


@pytest.mark.parametrize("name", tasks.ALL)
def test_a_task_damages_and_models_the_damage(name, faces):
  y, A = tasks.get(name).corrupt(faces, jax.random.key(0))
  assert y.shape == SHAPES[name] == A(faces).shape
  assert np.abs(np.asarray(y) - np.asarray(A(faces))).mean() < 0.09  # Noise and rounding alone.
  again, _ = tasks.get(name).corrupt(faces, jax.random.key(0))
  np.testing.assert_array_equal(y, again)


def test_inpaint_takes_a_mask_or_a_kind(faces):
  mask = np.zeros((64, 64))
  mask[:10] = 1
  y, _ = tasks.get("inpaint", mask=mask).corrupt(faces, jax.random.key(0))
  assert (np.asarray(y)[:, :10] == 0).all()
  y, A = tasks.get("inpaint", mask="strokes").corrupt(faces, jax.random.key(0))
  assert A.mask.shape == (8, 64, 64, 1)


def test_a_factor_of_ones_own(faces):
  assert tasks.get("super_resolve", factor=2).corrupt(faces, jax.random.key(0))[0].shape[1] == 32
  y, A = tasks.get("coarsen", factor=16).corrupt(faces, jax.random.key(0))
  assert A.factor == 16 and len(np.unique(np.asarray(y)[0, :, 0, 0])) <= 4
  tasks.get("denoise", factor=2).corrupt(faces, jax.random.key(0))  # It has none.


def test_refusals(faces):
  with pytest.raises(ValueError, match="unknown task 'deblur'"):
    tasks.get("deblur")
  with pytest.raises(ValueError, match="unknown mask"):
    tasks.get("inpaint", mask="round")
  with pytest.raises(TypeError, match="uint8"):
    tasks.get("denoise").corrupt(np.zeros((1, 8, 8, 3), np.uint8), jax.random.key(0))
