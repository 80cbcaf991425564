import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_restore import metrics, operators
from gan_restore.restorers import plug_and_play


def test_the_fit_is_numpys():
  rng = np.random.default_rng(0)
  z, y = rng.uniform(size=(2, 8, 8, 1)), rng.uniform(size=(2, 2, 2, 1))
  found = plug_and_play.fit(jnp.asarray(y), operators.super_resolve(4), jnp.asarray(z), 0.1)
  A = np.zeros((4, 64))
  for k in range(4):
    block = np.zeros((8, 8))
    block[4 * (k // 2) : 4 * (k // 2) + 4, 4 * (k % 2) : 4 * (k % 2) + 4] = 1 / 16
    A[k] = block.reshape(-1)
  for i in range(2):
    wanted = np.linalg.solve(
      A.T @ A + 0.1 * np.eye(64), A.T @ y[i].reshape(-1) + 0.1 * z[i].reshape(-1)
    )
    np.testing.assert_allclose(found[i].reshape(-1), wanted, atol=1e-5)


def test_the_best_denoiser_restores_best(faces):
  """One that knows the answer; and the levels it is asked at fall to the operator's noise."""
  asked = []

  def oracle(x, sigma, truth):
    jax.debug.callback(lambda s: asked.append(float(s)), sigma, ordered=True)
    return x + (truth - x) * sigma / (sigma + 0.01)

  truth = jnp.asarray(faces[:2])
  A = operators.compose(operators.denoise(0.05), operators.super_resolve(4))
  y = operators.corrupt(A, truth, jax.random.key(0))
  denoiser = jax.tree_util.Partial(oracle, truth=truth)
  result = plug_and_play.restore(y, A, denoiser, levels=5, first=0.4)
  jax.effects_barrier()
  np.testing.assert_allclose(asked, np.geomspace(0.4, 0.05, 5), rtol=1e-5)
  nothing = jax.tree_util.Partial(lambda x, sigma: x)
  without = plug_and_play.restore(y, A, nothing, levels=5, first=0.4)
  score = lambda r: metrics.psnr(r.image, faces[:2]).mean()
  assert score(result) > score(without) + 10


def test_without_noise_the_answer_agrees_with_y(faces):
  A = operators.super_resolve(4)
  y = A(faces[:2])
  nothing = jax.tree_util.Partial(lambda x, sigma: jnp.full_like(x, 0.5))
  image = plug_and_play.restore(y, A, nothing, levels=2).image
  np.testing.assert_allclose(A(image), y, atol=0.02)


def test_a_function_of_ones_own_that_changes_the_shape(faces):
  stripes = lambda x: x[:, ::2]
  nothing = jax.tree_util.Partial(lambda x, sigma: x)
  image = plug_and_play.restore(stripes(faces[:2]), stripes, nothing, shape=(64, 64, 3)).image
  assert metrics.psnr(image, faces[:2]).mean() > 20
  with pytest.raises(ValueError, match="A gives"):
    plug_and_play.restore(stripes(faces[:2]), stripes, nothing)
