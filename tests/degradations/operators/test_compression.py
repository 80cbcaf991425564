"""Compares JPEG with Pillow's encoder and decoder (libjpeg)."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from skimage import data as pictures

import gan_restore
from gan_restore.degradations import operators

KEY = jax.random.key(0)
SAMPLINGS = {"4:2:0": 2, "4:2:2": 1, "4:4:4": 0}


def pillows(pixels, **options):
  buffer = io.BytesIO()
  Image.fromarray(pixels).save(buffer, "JPEG", **options)
  picture = Image.open(buffer)
  picture.load()
  return picture


@pytest.fixture(scope="module")
def photo():
  return pictures.astronaut()[30:173, 150:301]  # A size that is no multiple of a block.


@pytest.mark.parametrize("subsampling", SAMPLINGS)
@pytest.mark.parametrize("quality", [5, 10, 30, 50, 75, 95])
def test_it_is_pillows(quality, subsampling, photo):
  wanted = pillows(photo, quality=quality, subsampling=SAMPLINGS[subsampling])
  found = operators.jpeg(quality, subsampling).corrupt(np.float32(photo[None]) / 255, KEY)
  error = np.asarray(found[0]) - np.asarray(wanted) / 255
  assert -10 * np.log10(np.mean(error**2) + 1e-9) > 45
  tables = wanted.quantization
  np.testing.assert_array_equal(operators.jpeg(quality).luma.ravel(), tables[0])
  np.testing.assert_array_equal(operators.jpeg(quality).chroma.ravel(), tables[1])
  A = operators.jpeg_tables(tables[0], tables[1], subsampling)
  np.testing.assert_array_equal(A.corrupt(np.float32(photo[None]) / 255, KEY), found)


def test_grey_pictures(photo):
  grey = np.asarray(Image.fromarray(photo).convert("L"))
  wanted = np.asarray(pillows(grey, quality=30)) / 255
  found = operators.jpeg(30).corrupt(np.float32(grey[None, ..., None]) / 255, KEY)
  assert -10 * np.log10(np.mean((np.asarray(found)[0, ..., 0] - wanted) ** 2) + 1e-9) > 45


@pytest.mark.parametrize("subsampling", SAMPLINGS)
@pytest.mark.parametrize("quality", [10, 50, 90])
def test_the_projection_puts_coefficients_into_their_bins(quality, subsampling, photo):
  """The original is in all bins but for the rounding to 8 bits; a guess comes closer to it. (In the
  blocks that the border cuts, the projection is not exact.)"""
  x = jnp.asarray(photo[None], jnp.float32) / 255
  A = operators.jpeg(quality, subsampling)
  y = A.corrupt(x, KEY)
  assert np.mean((np.asarray(operators.project(A, x, y)) - x) ** 2) ** 0.5 < 0.75 / 255
  guess = jnp.clip(0.9 * x + 0.02 * jax.random.normal(KEY, x.shape) + 0.02, 0, 1)
  found = operators.project(A, guess, y)
  assert np.mean((found - x) ** 2) < np.mean((guess - x) ** 2)
  whole = (slice(None), slice(128), slice(128))
  again = operators.project(A, found, y)
  np.testing.assert_allclose(again[whole], found[whole], atol=1e-4)


@pytest.mark.parametrize("quality", [90, 95])
def test_the_noise_of_coefficients_that_fill_their_bins_is_that_of_the_bins(quality):
  """White noise fills the bins: the standard deviation is that of the rounding errors."""
  x = 0.5 + 0.15 * jax.random.normal(KEY, (4, 64, 64, 3))
  A = operators.jpeg(quality, "4:4:4")
  y = A.corrupt(jnp.clip(x, 0, 1), KEY)
  stated = operators.noise(operators.given(A, y, y.shape), y.shape)
  measured = np.sqrt(np.mean((np.asarray(y) - x) ** 2, (1, 2), keepdims=True))
  np.testing.assert_allclose(np.mean(stated / measured), 1, atol=0.05)


@pytest.mark.parametrize("quality", [10, 30, 75])
def test_the_noise_of_a_photograph_is_stated_within_a_factor(quality, photo):
  x = jnp.asarray(photo[None], jnp.float32) / 255
  A = operators.jpeg(quality)
  y = A.corrupt(x, KEY)
  stated = operators.noise(operators.given(A, y, y.shape), y.shape)
  measured = np.sqrt(np.mean((np.asarray(y) - np.asarray(A(x))) ** 2))
  assert 0.75 < np.mean(stated) / measured < 1.25
  assert np.mean(stated) < np.mean(operators.noise(A, y.shape))  # Before y is known.


@pytest.mark.parametrize("quality", [10, 30])
def test_a_restorer_for_noise_restores_jpegs(quality, photo):
  """Total variation knows of JPEG only the model and the noise that is stated."""
  x = np.float32(photo[None, :128, :128]) / 255
  A = operators.jpeg(quality)
  y = np.asarray(A.corrupt(x, KEY))
  restored = gan_restore.load("tv")(y, A).image
  assert np.mean((restored - x) ** 2) < 0.99 * np.mean((y - x) ** 2)


@pytest.mark.parametrize(
  "make,message",
  [
    (lambda: operators.jpeg(0), "quality is 0"),
    (lambda: operators.jpeg(101), "quality is 101; it must be <= 100"),
    (lambda: operators.jpeg(50.5), "whole number"),
    (lambda: operators.jpeg(50, "4:1:1"), "subsampling is '4:1:1'"),
    (lambda: operators.jpeg_tables(np.ones(63), np.ones(64)), "luma must be a table of 64"),
    (lambda: operators.jpeg_tables(np.ones(64), np.zeros(64)), "chroma must be a table of 64"),
  ],
)
def test_refusals(make, message):
  with pytest.raises(ValueError, match=message):
    make()


@pytest.mark.parametrize("channels", [2, 4])
def test_images_of_other_channels_are_refused(channels):
  x, A = np.full((1, 16, 16, channels), 0.5, np.float32), operators.jpeg(50)
  for apply in (A, lambda x: A.corrupt(x, KEY), lambda x: operators.project(A, x, x)):
    with pytest.raises(ValueError, match=f"images have {channels} channels"):
      apply(x)
