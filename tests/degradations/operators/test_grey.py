"""Grey pictures, whose noise is the same in each channel."""

import jax
import numpy as np

from gan_restore.degradations import operators


def test_the_mean_of_the_channels_has_the_noise_of_the_damage():
  shape = (2, 16, 16, 3)
  for A in (operators.denoise(0.05), operators.compose(operators.denoise(0.05), operators.blur(1))):
    stated = operators.noise(operators.compose(operators.grey(), A), shape)
    drawn = stated * jax.random.normal(jax.random.key(0), (4000, 3))
    np.testing.assert_allclose(drawn.mean(-1).std(), 0.05, rtol=0.05)


def test_it_changes_nothing_else():
  shape, noisy = (1, 16, 16, 3), operators.denoise(None)
  x = np.full(shape, 0.5, np.float32)
  for A in (noisy, operators.jpeg(20), operators.super_resolve(2), operators.colorize()):
    grey = operators.compose(operators.grey(), A)
    y = A(x)
    np.testing.assert_array_equal(grey(x), y)
    for function in (operators.project, lambda A, x, y: operators.show(A, y)):
      np.testing.assert_array_equal(function(grey, x, y), function(A, x, y))
    assert operators.image_shape(grey, y.shape) == operators.image_shape(A, y.shape)
  y = x + 0.1 * np.random.default_rng(0).normal(size=(1, 16, 16, 1)).astype(np.float32)
  both = [
    operators.noise(operators.given(A, y, shape), shape)
    for A in (noisy, operators.compose(operators.grey(), noisy))
  ]
  np.testing.assert_allclose(both[1], 3**0.5 * both[0], rtol=0.1)


def test_restorers_remove_the_noise_of_grey_pictures():
  """Total variation smooths as much as it should, and so leaves less noise."""
  from gan_restore import hub

  rng = np.random.default_rng(0)
  x = np.full((4, 32, 32, 3), 0.5, np.float32)
  y = x + 0.1 * rng.normal(size=(4, 32, 32, 1)).astype(np.float32)
  restore = hub.load("tv")
  error = [
    np.mean((restore(y, A).image - x) ** 2)
    for A in (operators.denoise(0.1), operators.compose(operators.grey(), operators.denoise(0.1)))
  ]
  assert error[1] < 0.7 * error[0]
