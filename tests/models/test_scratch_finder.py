"""The network that finds scratches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn_faces, untrained

from gan_restore.data import toy_faces
from gan_restore.degradations import masks, operators
from gan_restore.models import scratch_finder
from gan_restore.training import weights


@pytest.fixture(scope="module")
def drawn():
  x = jnp.full((64, 48, 32, 3), 0.5)
  images, mask = jax.jit(scratch_finder.draw_strokes)(jax.random.key(0), x)
  return np.asarray(images), np.asarray(mask)


def test_strokes_are_drawn_on_three_quarters_of_the_images(drawn):
  images, mask = drawn
  assert images.min() >= 0 and images.max() <= 1 and set(np.unique(mask)) == {0, 1}
  has = mask.any((1, 2, 3))
  assert 0.5 < has.mean() < 0.95
  assert mask[has].mean() < 0.3
  # Where nothing is drawn, the images are as before, up to JPEG's errors.
  np.testing.assert_allclose(images[~has], 0.5, atol=0.01)


def test_strokes_differ_from_what_is_around(drawn):
  images, mask = drawn
  inside = (abs(images - 0.5).max(-1, keepdims=True) > 0.1)[mask == 1].mean()
  far = masks.grow(jnp.asarray(mask), 2)
  outside = abs(images - 0.5)[np.broadcast_to(np.asarray(far) == 0, images.shape)].mean()
  assert inside > 0.9 and outside < 0.05


@pytest.mark.parametrize("size", [(32, 32), (17, 40), (1, 5)])
def test_images_of_any_size(size):
  fresh = untrained("scratch_finder")
  found = scratch_finder.find(fresh, jnp.zeros((2, *size, 3)))
  assert found.shape == (2, *size, 1) and bool(jnp.all((found >= 0) & (found <= 1)))


def test_it_restores_nothing():
  fresh = untrained("scratch_finder")
  with pytest.raises(operators.UnsupportedOperatorError, match="scratch_finder"):
    fresh.family.restore(fresh, np.zeros((1, 16, 16, 3), np.float32), operators.denoise())


@pytest.mark.slow
def test_the_scores_of_pixels(monkeypatch):
  """Everything is found: the recall is 1, and the precision is the share of the strokes."""
  everything = lambda trained, x: jnp.ones((*x.shape[:3], 1))
  monkeypatch.setattr(scratch_finder, "find", everything)
  scores = dict(
    scratch_finder.evaluate(untrained("scratch_finder"), toy_faces.ToyFaces("test", 32), 20)
  )
  precision = scores["precision"]
  assert scores["recall"] == 1 and 0 < precision < 0.3
  np.testing.assert_allclose(scores["f1"], 2 * precision / (1 + precision))


@pytest.mark.slow
def test_it_learns(trained):
  learned = weights.load(
    trained(
      "scratch_finder", image_size=32, width=24, steps=200, batch_size=16, learning_rate=1e-2,
      ema_decay=0.9,
    )
  )  # fmt: skip
  images, mask = scratch_finder.draw_strokes(jax.random.key(1), jnp.asarray(drawn_faces(64, 32)))
  found = scratch_finder.find(learned, images)
  assert found[mask == 1].mean() > 2 * found[mask == 0].mean()
