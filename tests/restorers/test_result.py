"""Compares the choice among several samples with NumPy."""

import jax.numpy as jnp
import numpy as np

from gan_restore.restorers import result


def test_the_best_the_mean_and_the_spread():
  rng = np.random.default_rng(0)
  samples, loss = rng.random((3, 2, 4, 4, 3), np.float32), np.array([[3, 1], [2, 5], [4, 0.5]])
  best, spread = result.choose(jnp.asarray(samples), jnp.asarray(loss), "best")
  np.testing.assert_array_equal(best, [samples[1, 0], samples[2, 1]])
  mean, _ = result.choose(jnp.asarray(samples), jnp.asarray(loss), "mean")
  np.testing.assert_allclose(mean, samples.mean(0), rtol=1e-6)
  np.testing.assert_allclose(spread[..., 0], np.sqrt(samples.var(0).mean(-1)), rtol=1e-5, atol=1e-6)


def test_one_sample_has_no_spread():
  samples = jnp.ones((1, 2, 4, 4, 3))
  for choice in result.CHOICES:
    assert result.choose(samples, jnp.ones((1, 2)), choice)[1] is None
