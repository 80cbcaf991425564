"""Compares fills with slow reference implementations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from gan_restore.restorers import fills

SIZE = 24


def cases():
  """{name of the hole: mask [SIZE, SIZE]}."""
  shapes = {
    name: np.zeros((SIZE, SIZE), np.float32) for name in ("centre", "corner", "rows", "two")
  }
  shapes["centre"][6:16, 7:15] = 1
  shapes["corner"][:9, -7:] = 1
  shapes["rows"][10:15] = 1  # From border to border.
  shapes["rows"][0] = 1
  shapes["two"][3:8, 2:9] = shapes["two"][15:, 10:14] = 1
  shapes["scattered"] = (np.random.default_rng(1).random((SIZE, SIZE)) < 0.8).astype(np.float32)
  shapes["nothing"] = np.zeros((SIZE, SIZE), np.float32)
  return shapes


CASES = cases()


@pytest.fixture(scope="module")
def batch():
  """(images [N, SIZE, SIZE, 3] in [-1, 1], masks [N, SIZE, SIZE, 1]), one image for each case."""
  rng = np.random.default_rng(0)
  rough = rng.uniform(-1, 1, (len(CASES), SIZE, SIZE, 3))
  images = ndimage.gaussian_filter(rough, (0, 2, 2, 0)) * 3
  return np.clip(images, -1, 1).astype(np.float32), np.stack(list(CASES.values()))[..., None]


def fill(name, image, mask):
  return np.asarray(jax.jit(fills.FILLS[name])(image, mask, jax.random.key(3)))


@pytest.mark.parametrize("name", fills.FILLS)
def test_known_pixels_stay_and_missing_ones_do_not_matter(name, batch):
  image, mask = batch
  filled = fill(name, image, mask)
  known = np.broadcast_to(mask == 0, image.shape)
  np.testing.assert_array_equal(filled[known], image[known])
  junk = np.where(known, image, 9).astype(np.float32)
  np.testing.assert_allclose(fill(name, junk, mask), filled, atol=1e-6)
  assert np.isfinite(filled).all() and abs(filled).max() <= 1


def test_nearest_is_the_nearest_known_pixel(batch):
  image, mask = batch
  filled = fill("nearest", image, mask)
  for one, missing, got in zip(image, mask[..., 0], filled):
    distance = ndimage.distance_transform_edt(missing)
    known = np.argwhere(missing == 0)
    for row, column in np.argwhere(missing == 1)[::5]:
      reached = np.hypot(*(known - (row, column)).T)
      candidates = known[np.isclose(reached, distance[row, column])]  # Several may be equally near.
      errors = [abs(one[r, c] - got[row, column]).max() for r, c in candidates]
      assert min(errors) == 0


def test_ring_is_the_mean_of_the_dilated_border(batch):
  image, mask = batch
  filled = fill("ring", image, mask)
  square = np.ones((2 * fills.RING + 1,) * 2)
  for one, missing, got in zip(image, mask[..., 0] > 0, filled):
    around = ndimage.binary_dilation(missing, square) & ~missing
    if missing.any():
      wanted = np.broadcast_to(one[around].mean(0), got[missing].shape)
      np.testing.assert_allclose(got[missing], wanted, atol=1e-5)


def test_noise_and_zeros(batch):
  image, mask = batch
  missing = np.broadcast_to(mask == 1, image.shape)
  noise = fill("noise", image, mask)[missing]
  assert abs(noise.mean()) < 0.05 and abs(noise.std() - 1 / np.sqrt(3)) < 0.05
  assert (fill("zeros", image, mask)[missing] == 0).all()
  other = fills.noise(jnp.asarray(image), jnp.asarray(mask), jax.random.key(4))
  assert (np.asarray(other)[missing] != noise).mean() > 0.99


@pytest.mark.parametrize("name", [name for name in fills.FILLS if name != "noise"])
def test_a_filled_image_does_not_depend_on_its_batch(name, batch):
  image, mask = batch
  whole = fill(name, image, mask)
  np.testing.assert_allclose(fill(name, image[2:3], mask[2:3])[0], whole[2], atol=1e-3)
