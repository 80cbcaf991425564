r"""Any denoiser as a restorer of any damage.

At levels of noise sigma that fall, what there is so far is denoised, and then fitted to y
(half-quadratic splitting):

.. math::
  z = D(x, \sigma), \quad
  x = \arg\min_x \|y - A x\|^2 + t (\sigma_n / \sigma)^2 \|x - z\|^2

with the operator's own noise sigma_n (K. Zhang et al., "Plug-and-play image restoration with deep
denoiser prior", 2021, eq. 6; t is 1 by Bayes' rule).

Images are float32 [N, H, W, C] in [0, 1].
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from gan_restore import checks, operators
from gan_restore.restorers import least_squares
from gan_restore.restorers.result import Result
from gan_restore.restorers.total_variation import tv

_LEAST_NOISE = 1e-3  # An operator without noise is fitted as if it had this.


def restore(
  y,
  A,
  denoiser: Callable,
  *,
  levels: int = 16,
  first: float = 1.0,
  last: float = 0.01,
  trade: float = 1.0,
  shape: tuple[int, int, int] | None = None,
) -> Result:
  """Restores by a denoiser, from the answer of total variation.

  Args:
    y: The damaged images, in [0, 1].
    A: The damage: an operator or any differentiable function from images to y.
    denoiser: (images, standard deviation of their noise) -> images; a pytree.
    levels: How many times it is asked, at least 1.
    first: The first level.
    last: The last.
    trade: t, above 0; less keeps nearer to y.
    shape: [H, W, C] of the images; by default what `operators.image_shape` tells.

  Returns:
    A `Result`.

  Raises:
    TypeError: If y is not floating or A is not a function.
    ValueError: If y holds NaN or leaves [0, 1], A does not match it, or an option is impossible.
  """
  checks.at_least(levels, 1, "levels")
  A = operators.as_operator(A)
  start = tv(y, A, shape=shape).image
  sigmas = jnp.geomspace(first, last, levels)
  weights = trade * (max(operators.noise(A), _LEAST_NOISE) / sigmas) ** 2
  image = _restore(jnp.asarray(y), A, start, denoiser, sigmas, weights)
  return Result(image=image, generated=image)


@jax.jit
def _restore(y, A, start, denoiser, sigmas, weights):
  def level(x, given):
    sigma, weight = given
    z = denoiser(x, sigma)
    return least_squares.fit(y, A, z, weight), z

  x, z = lax.scan(level, start, (sigmas, weights))
  x = z[-1] if operators.noise(A) else x
  return jnp.clip(operators.project(A, x, y), 0, 1)
