import jax
import numpy as np
import pytest

from gan_restore.degradations import masks

SHAPE = (64, 64, 64)


@pytest.mark.parametrize("kind", masks.KINDS)
def test_masks_are_binary_and_can_be_jitted(kind):
  draw = jax.jit(masks.get(kind), static_argnums=1)
  mask = np.asarray(draw(jax.random.key(0), SHAPE))
  assert mask.shape == (64, 64, 64, 1) and mask.dtype == np.float32
  assert set(np.unique(mask)) == {0, 1}
  share = mask.mean((1, 2, 3))
  assert share.min() > 0 and share.max() < 0.9
  if not masks.is_fixed(kind):
    assert len(np.unique(mask.reshape(64, -1), axis=0)) >= 4  # Each image has its own mask.
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
  assert len(np.unique(halves.reshape(len(halves), -1), axis=0)) == 4  # Drawn again for each image.


def test_strokes_are_round_brushes_along_segments():
  """Drawn pixels are connected and at least as large as a brush; there are no single pixels."""
  mask = np.asarray(masks.strokes(jax.random.key(0), (16, 64, 64)))[..., 0] > 0
  from scipy import ndimage

  for one in mask:
    labels, count = ndimage.label(one, np.ones((3, 3)))
    assert count <= 4 and np.bincount(labels.ravel())[1:].min() >= 9
  assert 0.03 < mask.mean() < 0.3


@pytest.mark.parametrize(
  "kind,message",
  [
    ("square", "unknown mask 'square'; there are: center, random"),
    ("center,square", "unknown mask 'square'"),
    ("center,", "unknown mask ''"),
    ("eyes+", "unknown mask ''"),
    ("half:0.5", "unknown mask 'half:0.5'"),
    ("pixels:many", "the rate of 'pixels:many' is not a number"),
    ("pixels:1.5", "rate is 1.5; it must be > 0 and < 1"),
    ("center:0", "share is 0.0; it must be > 0 and < 1"),
    ("lips:-0.1", "jitter is -0.1; it must be >= 0 and < 0.25"),
    ("lips:", "the jitter of 'lips:' is not a number"),
  ],
)
def test_refusals(kind, message):
  with pytest.raises(ValueError, match=message):
    masks.get(kind)
  assert not masks.is_kind(kind)


def test_a_square_leaves_something_known():
  for side in (2, 8, 64):
    mask = masks.center(jax.random.key(0), (1, side, side), share=0.999)
    assert 0 < mask.sum() < side * side


def test_a_square_of_a_given_share():
  mask = np.asarray(masks.get("center:0.1")(None, (1, 64, 64)))[0, ..., 0]
  assert mask[22:42, 22:42].all() and mask.sum() == 20 * 20


def test_facial_parts_lie_where_they_are():
  """On the 64x64 crop, at the left and right eye, nose and lips of CelebA's mean landmarks."""
  landmarks = {"left_eye": (30, 22), "right_eye": (30, 41), "nose": (42, 31), "lips": (50, 31)}
  draw = lambda name: np.asarray(masks.get(name)(jax.random.key(0), (1, 64, 64)))[0, ..., 0]
  found = {name: draw(name) for name in landmarks}
  for name, mask in found.items():
    inside = [other for other, at in landmarks.items() if mask[at]]
    assert inside == [name] and 0.02 < mask.mean() < 0.1
  np.testing.assert_array_equal(draw("eyes"), np.maximum(found["left_eye"], found["right_eye"]))
  assert abs(found["left_eye"][:, ::-1] - found["right_eye"]).mean() < 0.01
  small = np.asarray(masks.get("lips")(jax.random.key(0), (1, 32, 32)))[0, ..., 0]
  assert small[25, 15] and abs(small.mean() - found["lips"].mean()) < 0.02


def test_parts_jitter_within_bounds():
  still = np.asarray(masks.get("nose")(jax.random.key(0), (1, 64, 64)))[0, ..., 0]
  moved = np.asarray(masks.get("nose:0.0625")(jax.random.key(0), (256, 64, 64)))[..., 0]
  top = moved.any(2).argmax(1) - still.any(1).argmax()
  assert top.min() >= -4 and top.max() <= 4 and len(np.unique(top)) >= 7
  left = moved.any(1).argmax(1) - still.any(0).argmax()
  assert abs(np.corrcoef(top, left)[0, 1]) < 0.3  # Down and right independently.


def test_unions_and_what_is_fixed():
  draw = lambda kind: np.asarray(masks.get(kind)(jax.random.key(0), (2, 64, 64)))
  np.testing.assert_array_equal(draw("eyes+lips"), np.maximum(draw("eyes"), draw("lips")))
  fixed = ["center", "center:0.5", "lips", "eyes+lips"]
  drawn = ["random", "lips:0.05", "eyes+strokes", "center,lips", "center:0.2,strokes", "pixels:0.5"]
  assert all(map(masks.is_fixed, fixed)) and not any(map(masks.is_fixed, drawn))


def test_growing_is_a_dilation():
  from scipy import ndimage

  mask = np.asarray(masks.strokes(jax.random.key(0), (4, 32, 32)))
  grown = np.asarray(masks.grow(mask, 2))
  for before, after in zip(mask[..., 0], grown[..., 0]):
    np.testing.assert_array_equal(after, ndimage.binary_dilation(before, np.ones((5, 5))))
  np.testing.assert_array_equal(masks.grow(mask, 0), mask)
