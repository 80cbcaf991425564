r"""Any denoiser as a restorer of any damage.

At levels of noise sigma that fall, the image so far is denoised, and then fitted to y
(half-quadratic splitting):

.. math::
  z = D(x, \sigma), \quad
  x = \arg\min_x \|y - A x\|^2 + w (\sigma_n / \sigma)^2 \|x - z\|^2

with the standard deviation sigma_n of the noise in y (K. Zhang et al., "Plug-and-play image
restoration with deep denoiser prior", 2021, eq. 6; w is 1 by Bayes' rule).

Images are float32 [N, H, W, C] in [0, 1].
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from gan_restore.degradations import checks, operators
from gan_restore.restorers import least_squares
from gan_restore.restorers.result import Result
from gan_restore.restorers.total_variation import tv

_NOISE_MIN = 1e-3  # An operator without noise is fitted as if it had this.


def restore(
  y,
  A: Callable,
  denoiser: Callable,
  *,
  num_steps: int = 16,
  sigma_max: float = 1.0,
  sigma_min: float = 0.01,
  prior_weight: float = 1.0,
  shape: tuple[int, int, int] | None = None,
) -> Result:
  """Restores by a denoiser, from the answer of total variation.

  Args:
    y: The damaged images [N, ...].
    A: The damage: an operator or any differentiable function from images to y.
    denoiser: (images, standard deviation of their noise) -> images; a pytree.
    num_steps: How many times it is applied, at least 1.
    sigma_max: The first level of noise.
    sigma_min: The last.
    prior_weight: w, above 0; a smaller one keeps nearer to y.
    shape: [H, W, C] of the images; by default what `operators.image_shape` tells.

  Returns:
    A `Result`.

  Raises:
    TypeError: If y is not floating or A is not a function.
    ValueError: If y holds NaN or leaves the operator's range, A does not match it, or an option is
      impossible.
  """
  checks.at_least(num_steps, 1, "num_steps")
  A = operators.as_operator(A)
  start = tv(y, A, shape=shape).image
  given = jnp.asarray(y, jnp.float32)
  y, scaled_A, sigma, _ = least_squares.standardize(given, A, start.shape)
  exact = isinstance(sigma, float) and sigma == 0
  sigma = jnp.maximum(sigma, _NOISE_MIN)
  sigmas = jnp.geomspace(sigma_max, sigma_min, num_steps)
  image = _iterate(y, scaled_A, sigma, start, denoiser, sigmas, prior_weight, exact=exact)
  image = jnp.clip(operators.project(A, image, given), 0, 1)
  return Result(image=image, generated=image)


@functools.partial(jax.jit, static_argnames="exact")
def _iterate(y, A, sigma, start, denoiser, sigmas, prior_weight, *, exact):
  with least_squares.exactly():
    y, A, noise = least_squares.whiten(y, A, sigma)

    def step(x, sigma):
      z = denoiser(x, sigma)
      return least_squares.fit(y, A, z, prior_weight * (noise / sigma) ** 2), z

    x, z = lax.scan(step, start, sigmas)
    return x if exact else z[-1]


def last_level(A: Callable, shape: tuple[int, ...], prior_weight: float) -> float:
  """The level at which the iteration may end: what the fit leaves of the noise in y, at least 0.01.

  Args:
    A: The damage.
    shape: [N, H, W, C] of the images.
    prior_weight: w.
  """
  gain = operators.gain(A, shape)
  largest = float(jnp.max(operators.noise(A, shape)) / jnp.max(gain))
  return max(largest / (1 + prior_weight), 0.01)
