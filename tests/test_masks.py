import jax
import numpy as np
import pytest

from gan_restore import masks

SHAPE = (64, 64, 64)


@pytest.mark.parametrize("kind", masks.KINDS)
def test_masks_are_binary_and_can_be_jitted(kind):
  draw = jax.jit(masks.get(kind), static_argnums=1)
  mask = np.asarray(draw(jax.random.key(0), SHAPE))
  assert mask.shape == (64, 64, 64, 1) and mask.dtype == np.float32
  assert set(np.unique(mask)) == {0, 1}
  share = mask.mean((1, 2, 3))
  assert share.min() > 0 and share.max() < 0.9
  if kind != "center":
    assert len(np.unique(mask.reshape(64, -1), axis=0)) >= 4  # Each image its own.
    other = np.asarray(draw(jax.random.key(1), SHAPE))
    assert (mask != other).any()


def test_center_is_the_papers_32_of_64():
  mask = np.asarray(masks.center(None, (1, 64, 64)))[0, ..., 0]
  assert mask[16:48, 16:48].all() and mask.sum() == 32 * 32


def test_rectangles_are_whole_and_reach_both_sizes():
  mask = np.asarray(masks.rectangle(jax.random.key(0), (512, 64, 64)))[..., 0]
  heights, widths = mask.any(2).sum(1), mask.any(1).sum(1)
  np.testing.assert_array_equal(heights * widths, mask.sum((1, 2)))
  assert (heights.min(), heights.max(), widths.min(), widths.max()) == (16, 32, 16, 32)


def test_half_is_half():
  mask = np.asarray(masks.half(jax.random.key(0), SHAPE))
  np.testing.assert_array_equal(mask.sum((1, 2, 3)), 2048)


def test_pixels_at_a_rate():
  mask = masks.get("pixels:0.3")(jax.random.key(0), SHAPE)
  np.testing.assert_allclose(mask.mean(), 0.3, atol=0.01)


@pytest.mark.parametrize("kind", ["square", "center:0.5", "pixels:many", "pixels:1.5"])
def test_refusals(kind):
  with pytest.raises(ValueError):
    masks.get(kind)(jax.random.key(0), SHAPE)
