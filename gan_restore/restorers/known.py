"""What y tells of images by itself, in words that are the same for any damage: `Known`.

Images are float32 [N, S, S, C] in [0, 1].
"""

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gan_restore.restorers import least_squares

DEVIATION = 0.25  # Of images in [0, 1], before y: EDM's sigma_data.
ALIKE = 0.9  # The correlation of colours.


@flax.struct.dataclass
class Known:
  """What y tells of images [N, S, S, C] in [0, 1].

  Attributes:
    mean: The mean, if the pixels are independent.
    deviation: The standard deviation then, of each.
    smooth: The mean, if neighbours are alike: an approximation by a few conjugate gradients.
  """

  mean: jax.Array
  deviation: jax.Array
  smooth: jax.Array


def know(y, A, noise, key, around, *, again=None, precision=0.0) -> Known:
  r"""What y = A x + noise tells of x, before y normally distributed around 1/2, of deviation 1/4.

  The mean and deviation of independent pixels are `least_squares.posterior`'s. For `smooth`, pixels
  d rows or columns apart have the correlation exp(-4 d / S), and colours `ALIKE`. With K the
  covariance of these, and no noise taken for less than 0.05, it is

  .. math::
    \min_x \|y - A x\|^2 / \sigma^2 + p \|x' - x\|^2
      + (x - \tfrac12)^T K^{-1} (x - \tfrac12)

  Args:
    y: What was observed [N, ...].
    A: A differentiable function from images [N, S, S, C] to y.
    noise: sigma, above 0; a number or [N, 1, 1, 1].
    key: See `least_squares.posterior`.
    around: The images where A is linearised.
    again: x', a second look at the images.
    precision: p, 1 / variance of the noise in it, a number or [N, 1, 1, 1]; 0 if there is none.

  Returns:
    What is known.
  """
  n, size, _, channels = around.shape
  A = least_squares.linearize(A, around)
  again = around if again is None else again
  variance = 1 / (precision + 1 / DEVIATION**2)
  z = 0.5 + variance * precision * (again - 0.5)
  mean, deviation = least_squares.posterior(y, A, z, variance, noise, key, iterations=8)

  # Smooth images in the basis where the prior's covariance is diagonal.
  at = np.arange(size)
  variances, rows = np.linalg.eigh(np.exp(-4 * abs(at[:, None] - at) / size))
  of_colors, colors = np.linalg.eigh(ALIKE + (1 - ALIKE) * np.eye(channels))
  deviations = DEVIATION * np.sqrt(np.einsum("i,j,c->ijc", variances, variances, of_colors))
  rows = jnp.broadcast_to(rows.astype(np.float32), (n, size, size))  # Alike in any batch.
  images = lambda w: 0.5 + jnp.einsum("nij,njkc,nlk,dc->nild", rows, w, rows, jnp.float32(colors))

  noise = jnp.broadcast_to(jnp.maximum(noise, 0.05), (n, 1, 1, 1))
  trust = (noise * jnp.sqrt(jnp.minimum(precision, 1 / 0.05**2))).reshape(n, 1)
  both = lambda y, x: jnp.concatenate([y.reshape(n, -1), trust * x.reshape(n, -1)], 1)
  look = lambda w: both(A(images(w)), images(w))
  # Preconditioned half the way to where one step would do, if A let the same share of all through:
  # the whole way, holes take longer; without, it takes longer and amplifies rounding.
  energy = lambda x: jnp.sum(x**2, axis=tuple(range(1, x.ndim))).reshape(n, 1, 1, 1)
  one = deviations * jax.random.rademacher(key, around.shape[1:], around.dtype)
  one = jnp.broadcast_to(one, around.shape)
  share = energy(look(one) - look(jnp.zeros_like(one))) / energy(one)
  left = (share * deviations**2 + noise**2) ** -0.25
  scaled = lambda v: look(deviations * left * v)
  v = least_squares.fit(
    both(y, again), scaled, jnp.zeros_like(around), (noise * left) ** 2, iterations=16
  )
  return Known(mean, deviation, images(deviations * left * v))
