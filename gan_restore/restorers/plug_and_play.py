r"""Any denoiser as a restorer of any damage.

At levels of noise sigma that fall, what there is so far is denoised, and then fitted to y
(half-quadratic splitting):

.. math::
  z = D(x, \sigma), \quad
  x = \arg\min_x \|y - A x\|^2 + t (\sigma_n / \sigma)^2 \|x - z\|^2

with the operator's own noise sigma_n (K. Zhang et al., "Plug-and-play image restoration with deep
denoiser prior", 2021, eq. 6; t is 1 by Bayes' rule). With noise of sigma added to x before each
level it draws a candidate (Y. Zhu et al., "Denoising diffusion models for plug-and-play image
restoration", 2023).

Images are float32 [N, H, W, C] in [0, 1].
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from gan_restore import checks, operators
from gan_restore.restorers.result import CHOICES, Result, choose
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
  candidates: int = 1,
  choice: str = "mean",
  seed: int = 0,
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
    candidates: 1 for the answer without noise, the best in PSNR; or so many draws, at least 2.
    choice: Among draws: 'best', the one that differs least from the others, sharp; or 'mean'.
    seed: Of the draws.
    shape: [H, W, C] of the images; by default what `operators.image_shape` tells.

  Returns:
    A `Result`, of draws with their `spread`.

  Raises:
    TypeError: If y is not floating or A is not a function.
    ValueError: If y holds NaN or leaves [0, 1], A does not match it, or an option is impossible.
  """
  checks.at_least(levels, 1, "levels")
  checks.at_least(candidates, 1, "candidates")
  if choice not in CHOICES:
    raise ValueError(f"choice is {choice!r}; wanted one of {', '.join(CHOICES)}")
  A = operators.as_operator(A)
  start = tv(y, A, shape=shape).image
  sigmas = jnp.geomspace(first, last, levels)
  weights = trade * (max(operators.noise(A), _LEAST_NOISE) / sigmas) ** 2
  keys = jax.random.split(jax.random.key(seed), candidates)
  drawn = _draw(jnp.asarray(y), A, start, denoiser, sigmas, weights, keys)
  distance = jnp.sum((drawn - drawn.mean(0)) ** 2, axis=(2, 3, 4))
  image, spread = choose(drawn, distance, choice)
  return Result(image=image, generated=image, spread=spread)


@jax.jit
def _draw(y, A, start, denoiser, sigmas, weights, keys):
  """Candidates [K, N, H, W, C], one for each key; every image of the batch gets the same noise."""

  def level(x, given):
    sigma, weight, key = given
    if len(keys) > 1:
      x += sigma * jax.random.normal(key, x.shape[1:])
    z = denoiser(x, sigma)
    return fit(y, A, z, weight), z

  def candidate(key):
    given = sigmas, weights, jax.random.split(key, len(sigmas))
    x, z = lax.scan(level, start, given)
    x = z[-1] if operators.noise(A) else x
    return jnp.clip(operators.project(A, x, y), 0, 1)

  return lax.map(candidate, keys)


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
