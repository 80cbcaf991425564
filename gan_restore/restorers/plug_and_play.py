"""Any denoiser as a restorer of any damage.

K. Zhang et al., "Plug-and-play image restoration with deep denoiser prior", 2021: half-quadratic
splitting. In turn x is fitted to y, near to what was last denoised, and denoised, at levels that
fall to the noise of the operator. Images are float32 [N, H, W, C] in [0, 1].
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_restore import checks, operators
from gan_restore.restorers.result import Result
from gan_restore.restorers.total_variation import tv

_TRADE = 0.02  # How near the fit stays to what was denoised, at equal levels.


def restore(
  y,
  A,
  denoiser: Callable,
  levels: int = 8,
  first: float = 0.2,
  shape: tuple[int, int, int] | None = None,
) -> Result:
  """Restores by a denoiser, from the answer of total variation.

  Args:
    y: The damaged images, in [0, 1].
    A: The damage: an operator or any differentiable function from images to y.
    denoiser: (images, standard deviation of their noise) -> images; a pytree.
    levels: How many times it is asked.
    first: The first level; the last is the noise of A, at least 0.01.
    shape: [H, W, C] of the images; by default what `operators.image_shape` tells.

  Returns:
    A `Result`.

  Raises:
    TypeError: If y is not floating or A is not a function.
    ValueError: If y holds NaN or leaves [0, 1], or A does not match it.
  """
  checks.at_least(levels, 1, "levels")
  A = operators.as_operator(A)
  start = tv(y, A, shape=shape).image
  noise = operators.noise(A)
  image = _split(jnp.asarray(y), A, start, denoiser, noise, levels=int(levels), first=float(first))
  image = jnp.clip(image, 0, 1)
  return Result(image=image, generated=image)


@functools.partial(jax.jit, static_argnames=("noise", "levels", "first"))
def _split(y, A, z, denoiser, noise, *, levels, first):
  last = max(noise, 0.01)
  for sigma in np.geomspace(max(first, last), last, levels):
    x = fit(y, A, z, _TRADE * (last / sigma) ** 2)
    z = denoiser(x, jnp.float32(sigma))
  return operators.project(A, z if noise else fit(y, A, z, 1e-3), y)


def fit(y, A, z, weight, iterations: int = 20) -> jax.Array:
  r"""argmin_x \|y - A x\|^2 + weight \|x - z\|^2, with A linearised at z, by conjugate gradients,
  for each image by itself."""
  predicted, forward = jax.linearize(A, z)
  backward = jax.linear_transpose(forward, z)
  normal = lambda d: backward(forward(d))[0] + weight * d
  dot = lambda a, b: jnp.sum(a * b, axis=(1, 2, 3), keepdims=True)

  def step(_, carry):
    d, r, p = carry
    Ap = normal(p)
    alpha = dot(r, r) / jnp.maximum(dot(p, Ap), 1e-20)
    d, new = d + alpha * p, r - alpha * Ap
    return d, new, new + p * dot(new, new) / jnp.maximum(dot(r, r), 1e-20)

  r = backward(y - predicted)[0]
  d, _, _ = lax.fori_loop(0, iterations, step, (jnp.zeros_like(z), r, r))
  return z + d
