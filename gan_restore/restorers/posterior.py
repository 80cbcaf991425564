"""The pixel-wise posterior: the mean and standard deviation of each pixel given y, for any damage.

Images are float32 [N, S, S, C] in [0, 1].
"""

from collections.abc import Callable

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gan_restore.degradations import operators
from gan_restore.restorers import least_squares

PRIOR_STD = 0.25  # The prior standard deviation of a pixel.
COLOR_CORRELATION = 0.9  # The prior correlation of two channels of a pixel.
_SMOOTH_SIGMA_MIN = 0.05  # The smallest noise level that the smooth mean assumes.


@flax.struct.dataclass
class PixelPosterior:
  """The pixel-wise posterior of images [N, S, S, C] in [0, 1].

  Attributes:
    mean: The posterior mean of each value, if all values are independent.
    std: The posterior standard deviation of each value, if all values are independent.
    smooth_mean: The posterior mean if neighbouring pixels and the channels of a pixel are
      correlated. It continues known values smoothly into holes and interpolates low resolutions
      smoothly.
  """

  mean: jax.Array
  std: jax.Array
  smooth_mean: jax.Array


def pixel_posterior(
  y: jax.Array,
  A: Callable,
  sigma: operators.Deviation,
  key: jax.Array,
  around: jax.Array,
  *,
  second_look: jax.Array | None = None,
  precision: float | jax.Array = 0.0,
) -> PixelPosterior:
  r"""The posterior for y = A x + noise, where x is normally distributed with mean 1/2 and standard
  deviation 1/4.

  The mean and standard deviation of independent values are those of
  `least_squares.independent_posterior`. For the smooth mean, pixels d rows or columns apart have
  the correlation exp(-4 d / S), and channels `COLOR_CORRELATION`. With their covariance K
  and with noise levels of at least 0.05, it is approximated by a few iterations of conjugate
  gradients for

  .. math::
    \min_x \|y - A x\|^2 / \sigma^2 + p \|x' - x\|^2
      + (x - \tfrac12)^T K^{-1} (x - \tfrac12)

  Args:
    y: What was observed [N, ...].
    A: A differentiable function from images [N, S, S, C] to y.
    sigma: Standard deviation of the noise, above 0: a number, or an array that broadcasts to the
      shape of y.
    key: See `least_squares.independent_posterior`.
    around: The images where A is linearised.
    second_look: x', a second observation: the whole images with white noise.
    precision: p, 1 / variance of that noise: a number or [N, 1, 1, 1]; 0 if there is no x'.

  Returns:
    The posterior.
  """
  with least_squares.exactly():
    n, size, _, channels = around.shape
    A = least_squares.linearize(A, around)
    second_look = around if second_look is None else second_look
    variance = 1 / (precision + 1 / PRIOR_STD**2)
    z = 0.5 + variance * precision * (second_look - 0.5)
    white_y, white_A, level = least_squares.whiten(y, A, sigma)
    mean, std = least_squares.independent_posterior(
      white_y, white_A, z, variance, level, key, iterations=8,
      precision=least_squares.balance(A, white_A, around),
    )  # fmt: skip

    # Smooth images, in the basis where the prior's covariance K is diagonal.
    at = np.arange(size)
    variances, basis = np.linalg.eigh(np.exp(-4 * abs(at[:, None] - at) / size))
    color_covariance = COLOR_CORRELATION + (1 - COLOR_CORRELATION) * np.eye(channels)
    color_variances, colors = np.linalg.eigh(color_covariance)
    stds = PRIOR_STD * np.sqrt(np.einsum("i,j,c->ijc", variances, variances, color_variances))
    # One copy for each image, so that the result does not depend on the batch.
    rows = jnp.broadcast_to(basis.astype(np.float32), (n, size, size))
    images = lambda w: 0.5 + jnp.einsum("nij,njkc,nlk,dc->nild", rows, w, rows, jnp.float32(colors))

    white_y, white_A, level = least_squares.whiten(y, A, jnp.maximum(sigma, _SMOOTH_SIGMA_MIN))
    level = jnp.broadcast_to(level, (n, 1, 1, 1))
    trust = level * jnp.sqrt(jnp.minimum(precision, 1 / _SMOOTH_SIGMA_MIN**2))
    trust = trust.reshape(n, 1)
    both = lambda y, x: jnp.concatenate([y.reshape(n, -1), trust * x.reshape(n, -1)], 1)
    look = lambda w: both(white_A(images(w)), images(w))
    # A diagonal preconditioner. The exponent -1/4, instead of -1/2 or none, needs the fewest
    # iterations for holes and does not amplify rounding.
    energy = lambda x: jnp.sum(x**2, axis=tuple(range(1, x.ndim))).reshape(n, 1, 1, 1)
    one = stds * jax.random.rademacher(key, around.shape[1:], around.dtype)
    one = jnp.broadcast_to(one, around.shape)
    share = energy(look(one) - look(jnp.zeros_like(one))) / energy(one)
    precondition = (share * stds**2 + level**2) ** -0.25
    scaled = lambda v: look(stds * precondition * v)
    v = least_squares.fit(
      both(white_y, second_look),
      scaled,
      jnp.zeros_like(around),
      (level * precondition) ** 2,
      iterations=16,
    )
    return PixelPosterior(mean, std, images(stds * precondition * v))
