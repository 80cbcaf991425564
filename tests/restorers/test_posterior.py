import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_restore.degradations import operators
from gan_restore.restorers import posterior
from gan_restore.restorers.posterior import pixel_posterior


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize("second_sigma", [None, 0.3])
@pytest.mark.parametrize("damage", ["noise", "hole", "noise of two strengths"])
def test_the_posterior_is_numpys(second_sigma, damage, local):
  """Bayes' rule with dense matrices, for images so small that conjugate gradients are exact."""
  rng = np.random.default_rng(0)
  x, second = rng.random((2, 2, 3, 3, 1)).astype(np.float32)
  mask = np.array([[0, 0, 1], [0, 1, 1], [0, 0, 1]], np.float32)
  A = operators.inpaint(mask) if damage == "hole" else operators.denoise()
  seen = 1 - mask.ravel() if damage == "hole" else np.ones(9)
  sigma = np.full(9, 0.2)
  if damage == "noise of two strengths":
    sigma = np.where(mask.ravel(), 0.2, 0.1)
  twice = second_sigma is not None
  options = {"second_look": second, "precision": 1 / second_sigma**2} if twice else {}
  given = jnp.float32(sigma.reshape(1, 3, 3, 1)) if np.ptp(sigma) else 0.2
  grey = jnp.full(x.shape, 0.5)
  found = pixel_posterior(A(x), A, given, jax.random.key(0), grey, local=local, **options)
  if (
    local
  ):  # A pixel's own noise, and that of pixels of 4 and 16 times the side: there is one each.
    smooth = 0.08 * np.eye(9) + 0.92
  else:
    row = np.exp(-4 * abs(np.subtract.outer(np.arange(3), np.arange(3))) / 3)
    smooth = np.kron(row, row)
  for prior, mean in ((np.eye(9), found.mean), (smooth, found.smooth_mean)):
    precision = np.linalg.inv(prior) / 0.25**2
    C = np.linalg.inv(precision + np.diag(seen / sigma**2 + twice / 0.3**2))
    for i in range(2):
      r = seen * (x[i].ravel() - 0.5) / sigma**2
      r += twice * (second[i].ravel() - 0.5) / 0.3**2
      np.testing.assert_allclose(mean[i].ravel(), 0.5 + C @ r, atol=1e-3)


def test_the_smooth_prior_interpolates_linearly():
  """Its covariance is that of noise of three resolutions, enlarged by numpy's interpolation."""
  shape = (1, 20, 17, 1)

  def enlarge(count, side):
    """The matrix from `count` pixels of a side of four to `side` pixels."""
    at = (np.arange(side) + 0.5) / 4 - 0.5
    return np.stack([np.interp(at, np.arange(count), row) for row in np.eye(count)], 1)

  rows = [np.eye(20), enlarge(5, 20), enlarge(5, 20) @ enlarge(2, 5)]
  columns = [np.eye(17), enlarge(5, 17), enlarge(5, 17) @ enlarge(2, 5)]
  rng = np.random.default_rng(0)
  parts = [rng.normal(size=(1, len(r.T), len(c.T), 1)) for r, c in zip(rows, columns)]
  wanted = sum(
    0.25 * share**0.5 * r @ part[0, ..., 0] @ c.T
    for share, part, r, c in zip((0.08, 0.32, 0.6), parts, rows, columns)
  )
  assert [part.shape[1:] for part in parts] == posterior.scales(shape)
  found = posterior.sum_of_scales([jnp.float32(part) for part in parts])
  np.testing.assert_allclose(found[0, ..., 0], wanted, atol=1e-5)
