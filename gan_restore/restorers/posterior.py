"""The pixel-wise posterior: the mean and standard deviation of each pixel given y, for any damage.

Images are float32 [N, H, W, C] in [0, 1].
"""

import functools
from collections.abc import Callable

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_restore.degradations import operators
from gan_restore.restorers import least_squares

PRIOR_STD = 0.25  # The prior standard deviation of a pixel.
COLOR_CORRELATION = 0.9  # The prior correlation of two channels of a pixel.
_SMOOTH_SIGMA_MIN = 0.05  # The smallest noise level that the smooth mean assumes.


@flax.struct.dataclass
class PixelPosterior:
  """The pixel-wise posterior of images [N, H, W, C] in [0, 1].

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
  local: bool = True,
) -> PixelPosterior:
  r"""The posterior for y = A x + noise, where x is normally distributed with mean 1/2 and standard
  deviation 1/4.

  The mean and standard deviation of independent values are those of
  `least_squares.independent_posterior`. For the smooth mean, pixels are correlated, and channels
  have the correlation `COLOR_CORRELATION`. With their covariance K and with noise levels of at
  least 0.05, it is approximated by a few iterations of conjugate gradients for

  .. math::
    \min_x \|y - A x\|^2 / \sigma^2 + p \|x' - x\|^2
      + (x - \tfrac12)^T K^{-1} (x - \tfrac12)

  Args:
    y: What was observed [N, ...].
    A: A differentiable function from images [N, H, W, C] to y.
    sigma: Standard deviation of the noise, above 0: a number, or an array that broadcasts to the
      shape of y.
    key: See `least_squares.independent_posterior`.
    around: The images where A is linearised.
    second_look: x', a second observation: the whole images with white noise.
    precision: p, 1 / variance of that noise: a number or [N, 1, 1, 1]; 0 if there is no x'.
    local: The smooth prior. If True, images are sums of white noise of several resolutions: the
      time is proportional to the number of pixels. If False, images are square, and pixels d rows
      or columns apart have the correlation exp(-4 d / S).

  Returns:
    The posterior.
  """
  with least_squares.exactly():
    n = len(around)
    A = least_squares.linearize(A, around)
    iterations, smooth_iterations = (6, 12) if local else (8, 16)
    z, variance = jnp.full_like(around, 0.5), jnp.asarray(PRIOR_STD**2)
    if second_look is not None:
      variance = 1 / (jnp.asarray(precision) + 1 / PRIOR_STD**2)
      z += variance * precision * (second_look - 0.5)
    white_y, white_A, level = least_squares.whiten(y, A, sigma)
    mean, std = least_squares.independent_posterior(
      white_y, white_A, z, variance, level, key, iterations=iterations,
      precision=least_squares.balance(A, white_A, around),
    )  # fmt: skip

    white_y, white_A, level = least_squares.whiten(y, A, jnp.maximum(sigma, _SMOOTH_SIGMA_MIN))
    level = jnp.broadcast_to(level, (n, 1, 1, 1))
    images, signs, energies = (_local_prior if local else _global_prior)(around.shape, key)
    look = lambda w: white_A(images(w)).reshape(n, -1)
    seen = white_y.reshape(n, -1)
    if second_look is not None:
      trust = level * jnp.sqrt(jnp.minimum(precision, 1 / _SMOOTH_SIGMA_MIN**2))
      trust = trust.reshape(n, 1)
      first = look
      look = lambda w: jnp.concatenate([first(w), trust * images(w).reshape(n, -1)], 1)
      seen = jnp.concatenate([seen, trust * second_look.reshape(n, -1)], 1)
    # A diagonal preconditioner, from the energy of y that a coefficient causes. The exponent -1/4,
    # instead of -1/2 or none, needs the fewest iterations for holes and does not amplify rounding.
    start = jnp.zeros_like(signs)
    offset = look(start)
    energy = lambda w: jnp.sum((look(w) - offset) ** 2, 1).reshape(n, 1, 1, 1)
    precondition = (energies(energy) + level**2) ** -0.25
    v = least_squares.fit(
      seen,
      lambda v: look(precondition * v),
      start,
      (level * precondition) ** 2,
      iterations=smooth_iterations,
    )
    return PixelPosterior(mean, std, images(precondition * v))


# --- The priors of the smooth mean ----------------------------------------------------------------
#
# Each is a function (shape of the images, random key) -> (images, signs, energies). `images` maps
# white noise w to images. `signs` are random values of w. `energies` estimates how much each value
# of w contributes to y, given the energy of y as a function of w.


def _global_prior(shape, key):
  """Pixels d rows or columns apart have the correlation exp(-4 d / S), for images [N, S, S, C]."""
  n, size, _, channels = shape
  at = np.arange(size)
  variances, basis = np.linalg.eigh(np.exp(-4 * abs(at[:, None] - at) / size))
  color_variances, colors = np.linalg.eigh(_color_covariance(channels))
  stds = PRIOR_STD * np.sqrt(np.einsum("i,j,c->ijc", variances, variances, color_variances))
  # One copy for each image, so that the result does not depend on the batch.
  rows = jnp.broadcast_to(basis.astype(np.float32), (n, size, size))

  def images(w):
    return 0.5 + jnp.einsum("nij,njkc,nlk,dc->nild", rows, stds * w, rows, jnp.float32(colors))

  signs = jnp.broadcast_to(jax.random.rademacher(key, shape[1:], jnp.float32), shape)
  # The share of an image's energy that is seen in y is about the same for all coefficients.
  energies = lambda energy: energy(signs) * stds**2 / np.sum(stds**2)
  return images, signs, energies


def _local_prior(shape, key):
  """Images are sums of white noise of several resolutions, for any size."""
  n, *_, channels = shape
  mix = jnp.float32(np.linalg.cholesky(_color_covariance(channels))).T
  parts = scales(shape)
  counts = [int(np.prod(part)) for part in parts]
  ends = np.cumsum(counts)

  def images(w):
    split = jnp.split(w, ends[:-1], 1)
    return 0.5 + sum_of_scales([x.reshape(n, *part) for x, part in zip(split, parts)]) @ mix

  signs = jax.random.rademacher(key, (sum(counts), 1, 1), jnp.float32)
  signs = jnp.broadcast_to(signs, (n, *signs.shape))

  def energies(energy):
    found = []
    for end, count in zip(ends, counts):
      own = jnp.zeros_like(signs).at[:, end - count : end].set(signs[:, end - count : end])
      found.append(jnp.broadcast_to(energy(own) / count, (n, count, 1, 1)))
    return jnp.concatenate(found, 1)

  return images, signs, energies


def _color_covariance(channels):
  return COLOR_CORRELATION + (1 - COLOR_CORRELATION) * np.eye(channels)


_SCALES = (1, 4, 16)  # Sides of the pixels of the smooth prior's resolutions.
_SHARES = (0.08, 0.32, 0.6)  # Their shares of the prior variance.


def scales(shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
  """The shapes [h, w, C] of the noise at each resolution, for images of a shape [N, H, W, C]."""
  _, height, width, channels = shape
  return [(-(-height // side), -(-width // side), channels) for side in _SCALES]


def sum_of_scales(parts: list[jax.Array]) -> jax.Array:
  """The sum of parts [N, h, w, C], each of a resolution of `_SCALES`, enlarged linearly."""
  fine, middle, coarse = (PRIOR_STD * share**0.5 * part for share, part in zip(_SHARES, parts))
  middle += _enlarge(coarse, *middle.shape[1:3])
  return fine + _enlarge(middle, *fine.shape[1:3])


def _enlarge(x, height, width):
  """Four times the resolution, by linear interpolation, cropped to a size."""
  for axis, size in ((1, height), (2, width)):
    part = functools.partial(lax.slice_in_dim, axis=axis)
    count = x.shape[axis]
    before = jnp.concatenate([part(x, 0, 1), part(x, 0, count - 1)], axis)
    after = jnp.concatenate([part(x, 1, count), part(x, count - 1, count)], axis)
    phases = [
      x + t * (other - x)
      for t, other in ((3 / 8, before), (1 / 8, before), (1 / 8, after), (3 / 8, after))
    ]
    shape = (*x.shape[:axis], 4 * count, *x.shape[axis + 1 :])
    x = part(jnp.stack(phases, axis + 1).reshape(shape), 0, size)
  return x
