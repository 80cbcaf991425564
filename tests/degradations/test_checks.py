"""Checks at the entries of public functions: what passes, and one sentence for each error."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_restore.degradations import checks, operators


def image(**changes):
  return np.full((1, 4, 4, 3), 0.5, np.float32, **changes)


def test_images_pass_as_float32():
  for x in (image(), image().astype(np.float64), jnp.asarray(image(), jnp.bfloat16), image() + 0.5):
    found = checks.image_batch(x, "x")
    assert found.dtype == jnp.float32 and found.shape == (1, 4, 4, 3)


@pytest.mark.parametrize(
  "x,error,message",
  [
    (image()[0], ValueError, r"x has shape \(4, 4, 3\); it must be \[N, H, W, C\]"),
    (image()[:, :0], ValueError, "which is empty"),
    (image() + 1, ValueError, r"x has values in \[1.5, 1.5\]; it must be in \[0, 1\]"),
    (image() * np.nan, ValueError, "x holds NaN or infinite values"),
    (np.ones((1, 4, 4, 3), np.uint8), TypeError, "x has dtype uint8; it must be float32"),
    (image() * 1j, TypeError, "it must be real"),
  ],
)
def test_other_images_are_refused(x, error, message):
  with pytest.raises(error, match=message):
    checks.image_batch(x, "x")


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (2, 4, 4, 1)])
def test_masks_of_every_shape_become_one(shape):
  mask = np.random.default_rng(0).integers(0, 2, shape)
  found = checks.mask(mask)
  assert found.shape == ((2 if len(shape) == 4 else 1), 4, 4, 1)
  np.testing.assert_array_equal(np.ravel(found), np.ravel(mask))


def test_values_are_checked_only_where_they_are_known():
  """Functions with these checks can therefore be jitted."""
  assert jax.jit(lambda x: checks.image_batch(x, "x"))(image() + 1).shape == (1, 4, 4, 3)
  assert jax.jit(checks.mask)(np.ones((4, 4))).shape == (1, 4, 4, 1)


def test_numbers():
  checks.at_least(1, 1, "n")
  checks.at_least(0.5, 0.0, "s")
  for value, least in ((0, 1), (1.5, 1), (True, 1), ("1", 1), (float("inf"), 0.0), (None, 0)):
    with pytest.raises(ValueError, match=r"^n is .*; it must be"):
      checks.at_least(value, least, "n")
  checks.one_of("a", ("a", "b"), "name")
  with pytest.raises(ValueError, match="name is 'c'; it must be one of a, b"):
    checks.one_of("c", ("a", "b"), "name")


@pytest.mark.parametrize(
  "y,A,error,message",
  [
    (image(), operators.super_resolve(2), ValueError, r"must be \[1, 2, 2, 3\], the shape that"),
    (image() + 1, operators.colorize(), ValueError, "y has shape"),
    (image() + 1, operators.blur(), ValueError, "y has values"),
    (image(), lambda x: x.mean, ValueError, "y has shape|A cannot be applied"),
    (image(), lambda x: (x > 0).astype(int), ValueError, "A gives int32; it must give real"),
    (image(), lambda x: x @ jnp.ones((5, 5)), ValueError, "A cannot be applied to images"),
    (image()[:0], lambda x: x, ValueError, "not empty"),
    (np.ones((1, 4, 4, 3), int), lambda x: x, TypeError, "y has dtype int"),
  ],
)
def test_observations_are_what_A_gives(y, A, error, message):
  with pytest.raises(error, match=message):
    checks.observation(y, operators.as_operator(A), (4, 4, 3))


def test_the_range_of_y_is_the_operators():
  """A plain function, and noise that was not clipped, may leave [0, 1]."""
  for A in (operators.denoise(), lambda x: 3 * x - 1):
    A = operators.as_operator(A)
    assert checks.observation(image() + 1, A, (4, 4, 3)).dtype == jnp.float32
