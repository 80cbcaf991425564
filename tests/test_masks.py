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


def test_a_mixture_draws_each_kind_as_often_as_it_is_named():
  draw = jax.jit(masks.get("center,half,center,pixels:0.9"), static_argnums=1)
  mask = np.asarray(draw(jax.random.key(0), (512, 32, 32)))
  shares = mask.mean((1, 2, 3))
  kinds = {"center": shares == 0.25, "half": shares == 0.5, "pixels": shares > 0.8}
  count = {name: is_one.sum() / 512 for name, is_one in kinds.items()}
  np.testing.assert_allclose(list(count.values()), [0.5, 0.25, 0.25], atol=0.07)
  halves = mask[kinds["half"]]
  assert len(np.unique(halves.reshape(len(halves), -1), axis=0)) == 4  # Drawn anew for each image.


def test_strokes_are_round_brushes_along_segments():
  """Every drawn pixel has drawn neighbours all around within a brush: no stray pixels."""
  mask = np.asarray(masks.strokes(jax.random.key(0), (16, 64, 64)))[..., 0] > 0
  from scipy import ndimage

  for one in mask:
    labels, count = ndimage.label(one, np.ones((3, 3)))
    assert count <= 4 and np.bincount(labels.ravel())[1:].min() >= 9
  assert 0.03 < mask.mean() < 0.3


@pytest.mark.parametrize(
  "kind", ["square", "center,square", "center,", "center:0.5", "pixels:many", "pixels:1.5"]
)
def test_refusals(kind):
  with pytest.raises(ValueError):
    masks.get(kind)(jax.random.key(0), SHAPE)
