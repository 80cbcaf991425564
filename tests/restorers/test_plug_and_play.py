import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_restore.degradations import operators
from gan_restore.evaluation import metrics
from gan_restore.restorers import plug_and_play


class Gaussian:
  """Images of 8x8 pixels with a normal distribution; neighbouring pixels are correlated."""

  mean = 0.5
  at = np.stack(np.meshgrid(range(8), range(8)), -1).reshape(64, 1, 2)
  distance = np.linalg.norm(at - at.swapaxes(0, 1), axis=-1)
  covariance = 0.03 * np.exp(-0.2 * distance)

  @staticmethod
  def denoise(x, sigma):
    """The mean of the images, given x."""
    values, vectors = np.linalg.eigh(Gaussian.covariance)
    d = (x - Gaussian.mean).reshape(len(x), 64) @ vectors
    return Gaussian.mean + (d * (values / (values + sigma**2)) @ vectors.T).reshape(x.shape)

  @staticmethod
  def draw(n):
    draws = np.random.default_rng(0).multivariate_normal(np.zeros(64), Gaussian.covariance, n)
    return (Gaussian.mean + draws).reshape(n, 8, 8, 1).clip(0, 1).astype(np.float32)

  @staticmethod
  def posterior(y, A):
    """Mean [N, 8, 8, 1] given y, for a linear A."""
    basis = jnp.eye(64).reshape(64, 8, 8, 1)
    J = np.stack([np.asarray(A(e[None])).ravel() for e in basis], 1)
    C = Gaussian.covariance
    gain = (
      C
      @ J.T
      @ np.linalg.inv(
        J @ C @ J.T + max(operators.noise(A, (1, 8, 8, 1)), 1e-4) ** 2 * np.eye(len(J))
      )
    )
    r = np.asarray(y).reshape(len(y), -1) - J @ np.full(64, Gaussian.mean)
    return Gaussian.mean + (r @ gain.T).reshape(-1, 8, 8, 1)


HOLE = np.zeros((8, 8), np.float32)
HOLE[2:6, 2:6] = 1
OPERATORS = {
  "denoise": operators.denoise(0.1),
  "super_resolve": operators.super_resolve(4),
  "inpaint": operators.inpaint(HOLE),
  "both": operators.compose(operators.denoise(0.05), operators.super_resolve(2)),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_it_finds_the_posterior_mean(name):
  """No restorer can have a better PSNR. This one is at most half a dB worse."""
  x, A = Gaussian.draw(64), OPERATORS[name]
  y = operators.corrupt(A, jnp.asarray(x), jax.random.key(0))
  wanted = Gaussian.posterior(y, A)
  found = plug_and_play.restore(y, A, jax.tree_util.Partial(Gaussian.denoise), shape=(8, 8))
  psnr = lambda image: metrics.psnr(jnp.asarray(image, jnp.float32), x).mean()
  assert psnr(found.image) > psnr(wanted) - 0.5


def test_the_levels_of_noise_fall(faces):
  applied = []

  def nothing(x, sigma):
    jax.debug.callback(lambda s: applied.append(float(s)), sigma, ordered=True)
    return x

  y, A = jnp.asarray(faces[:2]), operators.denoise(0.05)
  denoiser = jax.tree_util.Partial(nothing)
  result = plug_and_play.restore(y, A, denoiser, num_steps=5, sigma_max=0.4, sigma_min=0.05)
  result.image.block_until_ready()
  jax.effects_barrier()
  np.testing.assert_allclose(applied, np.geomspace(0.4, 0.05, 5), rtol=1e-5)


def test_without_noise_the_result_agrees_with_y(faces):
  A = operators.super_resolve(4)
  y = A(faces[:2])
  nothing = jax.tree_util.Partial(lambda x, sigma: jnp.full_like(x, 0.5))
  image = plug_and_play.restore(y, A, nothing, num_steps=2).image
  np.testing.assert_allclose(A(image), y, atol=0.02)


def test_a_plain_function_that_changes_the_shape(faces):
  stripes = lambda x: x[:, ::2]
  nothing = jax.tree_util.Partial(lambda x, sigma: x)
  image = plug_and_play.restore(stripes(faces[:2]), stripes, nothing, shape=(64, 64)).image
  assert metrics.psnr(image, faces[:2]).mean() > 20
  with pytest.raises(ValueError, match="A gives"):
    plug_and_play.restore(stripes(faces[:2]), stripes, nothing)


def test_refusals(faces):
  nothing = jax.tree_util.Partial(lambda x, sigma: x)
  with pytest.raises(ValueError, match="num_steps is 0"):
    plug_and_play.restore(jnp.asarray(faces[:1]), operators.denoise(), nothing, num_steps=0)
