r"""Turns any denoiser into a restorer for any damage.

The noise level sigma decreases from step to step. In each step the current image is denoised and
then fitted to y (half-quadratic splitting):

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
import numpy as np
from jax import lax

from gan_restore.degradations import checks, operators
from gan_restore.restorers import least_squares
from gan_restore.restorers.result import Result
from gan_restore.restorers.total_variation import tv

_NOISE_MIN = 1e-3  # The noise level that is assumed for an operator without noise.


def restore(
  y: jax.Array | np.ndarray,
  A: Callable,
  denoiser: Callable,
  *,
  num_steps: int = 16,
  sigma_max: float | jax.Array = 1.0,
  sigma_min: float | jax.Array = 0.01,
  prior_weight: float = 1.0,
  shape: tuple[int, int] | None = None,
) -> Result:
  """Restores with a denoiser, starting from the total variation restoration.

  Args:
    y: The damaged images [N, ...].
    A: The damage: an operator or any differentiable function from images to y.
    denoiser: (images, standard deviation of their noise) -> images; a pytree. The standard
      deviation has the shape of `sigma_max`.
    num_steps: Number of times that the denoiser is applied, at least 1.
    sigma_max: The first noise level, above 0: a number, or an array [N, 1, 1, 1].
    sigma_min: The last noise level, above 0; likewise.
    prior_weight: w, above 0; the smaller it is, the closer A(x) is to y.
    shape: (H, W) of the images, if A is a plain function whose y has another size.

  Returns:
    A `Result`.

  Raises:
    TypeError: If y is not floating or A is not a function.
    ValueError: If y holds NaN or leaves the operator's range, A does not match it, or `num_steps`
      is below 1.
  """
  checks.at_least(num_steps, 1, "num_steps")
  given, A = operators.prepare(y, A, operators.image_shape(A, jnp.shape(y), shape)[1:])
  start = tv(given, A, shape=shape).image
  y, scaled_A, sigma, _ = least_squares.standardize(given, A, start.shape)
  exact = isinstance(sigma, float) and sigma == 0
  sigmas = jnp.geomspace(sigma_max, sigma_min, int(num_steps))
  image = _iterate(y, scaled_A, sigma, start, denoiser, sigmas, prior_weight, exact=exact)
  image = jnp.clip(operators.project(A, image, given), 0, 1)
  return Result(image=image, generated=image)


def iterate(
  y: jax.Array,
  A: Callable,
  sigma: operators.Deviation,
  start: jax.Array,
  denoiser: Callable,
  sigmas: jax.Array,
  prior_weight: float | jax.Array,
  *,
  exact: bool,
) -> jax.Array:
  """The iterations of `restore`, for y and A of `least_squares.standardize`. It can be jitted.

  Args:
    y: What was observed [N, ...].
    A: The damage.
    sigma: Standard deviation of the noise in y: a number, or an array that broadcasts to y.
    start: The images [N, H, W, C] to begin with.
    denoiser: (images, standard deviation of their noise) -> images.
    sigmas: The noise level of each iteration.
    prior_weight: w, above 0.
    exact: Whether y has no noise. Then the last result is x, otherwise z.

  Returns:
    Images [N, H, W, C].
  """
  sigma = jnp.maximum(sigma, _NOISE_MIN)
  with least_squares.exactly():
    white_y, white_A, noise = least_squares.whiten(y, A, sigma)
    precision = least_squares.balance(A, white_A, start)

    def step(x, sigma):
      z = denoiser(x, sigma)
      weight = prior_weight * (noise / sigma) ** 2
      return least_squares.fit(white_y, white_A, z, weight, precision=precision), z

    x, z = lax.scan(step, start, sigmas)
    return x if exact else z[-1]


_iterate = functools.partial(jax.jit, static_argnames="exact")(iterate)


def last_level(A: Callable, shape: tuple[int, ...], prior_weight: float) -> jax.Array:
  """The last noise level of the iteration: the noise of y that remains in the image after the fit.

  Args:
    A: The damage.
    shape: [N, H, W, C] of the images.
    prior_weight: w.

  Returns:
    [N, 1, 1, 1], at least 0.01.
  """
  y_shape = operators.output_shape(A, shape)
  noise = jnp.broadcast_to(jnp.asarray(operators.noise(A, shape)), y_shape).reshape(shape[0], -1)
  largest = jnp.max(noise, 1) / operators.gain(A, shape)
  return jnp.maximum(largest / (1 + prior_weight), 0.01).reshape(-1, 1, 1, 1)
