import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_restore import operators
from gan_restore.restorers.known import know


@pytest.mark.parametrize("again", [None, 0.3])
@pytest.mark.parametrize("hole", [False, True])
def test_what_is_known_is_numpys(again, hole):
  """Bayes' rule with dense matrices, of images so small that conjugate gradients are exact."""
  rng = np.random.default_rng(0)
  x, second = rng.random((2, 2, 3, 3, 1)).astype(np.float32)
  mask = np.array([[0, 0, 1], [0, 1, 1], [0, 0, 1]], np.float32)
  A = operators.inpaint(mask) if hole else operators.denoise()
  told = {} if again is None else {"again": second, "precision": 1 / again**2}
  found = know(A(x), A, 0.2, jax.random.key(0), jnp.full(x.shape, 0.5), **told)
  seen = 1 - mask.ravel() if hole else np.ones(9)
  at = np.arange(3)
  row = np.exp(-4 * abs(at[:, None] - at) / 3)
  for prior, mean in ((np.eye(9), found.mean), (np.kron(row, row), found.smooth)):
    precision = np.linalg.inv(prior) / 0.25**2
    C = np.linalg.inv(precision + np.diag(seen / 0.2**2 + (again is not None) / 0.3**2))
    for i in range(2):
      r = seen * (x[i].ravel() - 0.5) / 0.2**2
      r += (again is not None) * (second[i].ravel() - 0.5) / 0.3**2
      np.testing.assert_allclose(mean[i].ravel(), 0.5 + C @ r, atol=1e-4)
