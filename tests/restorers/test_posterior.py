import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_restore.degradations import operators
from gan_restore.restorers.posterior import pixel_posterior


@pytest.mark.parametrize("second_sigma", [None, 0.3])
@pytest.mark.parametrize("damage", ["noise", "hole", "noise of two strengths"])
def test_the_posterior_is_numpys(second_sigma, damage):
  """Bayes' rule with dense matrices. The images are so small that conjugate gradients are exact."""
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
  found = pixel_posterior(A(x), A, given, jax.random.key(0), grey, **options)
  at = np.arange(3)
  row = np.exp(-4 * abs(at[:, None] - at) / 3)
  for prior, mean in ((np.eye(9), found.mean), (np.kron(row, row), found.smooth_mean)):
    precision = np.linalg.inv(prior) / 0.25**2
    C = np.linalg.inv(precision + np.diag(seen / sigma**2 + twice / 0.3**2))
    for i in range(2):
      r = seen * (x[i].ravel() - 0.5) / sigma**2
      r += twice * (second[i].ravel() - 0.5) / 0.3**2
      np.testing.assert_allclose(mean[i].ravel(), 0.5 + C @ r, atol=1e-3)
