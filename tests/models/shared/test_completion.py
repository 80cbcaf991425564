import numpy as np

from gan_restore.models.shared import completion


def test_reconstruction_counts_the_hole_and_a_share_of_the_rest():
  rng = np.random.default_rng(0)
  a, b = rng.normal(size=(2, 3, 8, 8, 3)).astype(np.float32)
  mask = (rng.random((3, 8, 8, 1)) < 0.3).astype(np.float32)
  hole = np.broadcast_to(mask, a.shape) == 1
  wanted = abs(a - b)[hole].mean() + 0.1 * abs(a - b)[~hole].mean()
  np.testing.assert_allclose(completion.reconstruction_loss(a, b, mask, 0.1), wanted, rtol=1e-5)
