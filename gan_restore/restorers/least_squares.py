r"""Linear least squares for any damage, by conjugate gradients.

Let the images x be normally distributed with mean z and variance v for every pixel, and let
y = A x + noise with standard deviation sigma. By Bayes' rule the posterior of x is

.. math::
  N(m, C), \quad C = (J^T J / \sigma^2 + I / v)^{-1}, \quad
  m = \arg\min_x \|y - A x\|^2 + (\sigma^2 / v) \|x - z\|^2

with A's Jacobian J. Both use only A's value and products with J and its transpose, which JAX
provides. Each image is solved by itself. Images are float32 [N, H, W, C]. Matrix products have full
float32 precision on every device.
"""

import contextlib
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_restore.degradations import operators

_HADAMARD = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])


def exactly() -> contextlib.AbstractContextManager:
  """A context in which matrix products have full float32 precision. On accelerators the default
  precision is lower."""
  return jax.default_matmul_precision("highest")


def linearize(A: Callable, around: jax.Array) -> Callable:
  """The linearisation of A at the images `around`, an affine function."""
  predicted, forward = jax.linearize(A, around)
  return lambda x: predicted + forward(x - around)


def whiten(
  y: jax.Array, A: Callable, sigma: operators.Deviation
) -> tuple[jax.Array, Callable, jax.Array]:
  """Rescales y and A so that the noise has one standard deviation for each image.

  Args:
    y: What was observed [N, ...].
    A: A function from images to y.
    sigma: Standard deviation of the noise in y, above 0: a number, or an array that broadcasts to
      the shape of y.

  Returns:
    (y, A, sigma): y and A divided by sigma / max(sigma), and the maximum over each image
    [N or 1, 1, 1, 1]. If sigma is a number, all three are returned unchanged.
  """
  sigma = jnp.asarray(sigma, jnp.float32)
  if sigma.ndim == 0:
    return y, A, sigma
  largest = jnp.max(sigma, axis=tuple(range(1, sigma.ndim)), keepdims=True)
  scale = largest / sigma
  return scale * y, lambda x: scale * A(x), largest.reshape(-1, 1, 1, 1)


def balance(A: Callable, white_A: Callable, around: jax.Array) -> jax.Array:
  """For each pixel, the precision with which y determines it, divided by the lowest precision in y.

  Noise that differs from pixel to pixel slows down conjugate gradients. If the unknowns are divided
  by the root of this balance, they converge as for uniform noise.

  Args:
    A: A function from images to y, linear up to a constant.
    white_A: A of `whiten`.
    around: Images [N, H, W, C].

  Returns:
    [N, H, W, C], at least 1; exactly 1 if the noise is uniform.
  """
  if A is white_A:
    return jnp.ones_like(around)

  def weights(A):
    _, forward = jax.linearize(A, around)
    return jax.linear_transpose(forward, around)(forward(jnp.ones_like(around)))[0]

  plain, white = weights(A), weights(white_A)
  ratio = white / jnp.where(plain > 1e-6, plain, 1)
  return jnp.where(plain > 1e-6, jnp.clip(ratio, 1, 1e8), 1)


def standardize(y: jax.Array, A: Callable, shape: tuple[int, ...]) -> tuple:
  """Scales y and A so that A neither amplifies nor reduces noise much, as for the built-in
  operators.

  Restorers have parameters, such as `sigma_min`, that are standard deviations for pixels in [0, 1].
  Sums over many pixels and Fourier coefficients have other scales.

  Args:
    y: What was observed [N, ...].
    A: The damage.
    shape: [N, H, W, C] of the images.

  Returns:
    (y, A, sigma, gain): the scaled y and A, the standard deviation of the noise in the scaled y
    (the number 0 if there is no noise), and the divisor of y and A, 1.0 or [N].
  """
  gain, sigma = operators.gain(A, shape), operators.noise(A, shape)
  if isinstance(gain, float):
    return y, A, sigma, gain
  scale = (1 / gain).reshape(-1, *(1,) * (y.ndim - 1))
  exact = isinstance(sigma, float) and sigma == 0
  sigma = 0.0 if exact else scale * sigma
  return scale * y, jax.tree_util.Partial(_scaled, A, scale), sigma, gain


def _scaled(A, scale, x):
  return scale * A(x)


def fit(
  y: jax.Array,
  A: Callable,
  z: jax.Array,
  weight: float | jax.Array,
  *,
  iterations: int = 20,
  misfit: float = 0.0,
  precision: float | jax.Array = 1.0,
) -> jax.Array:
  r"""argmin_x \|y - A x\|^2 + weight \|x - z\|^2.

  Args:
    y: What was observed [N, ...].
    A: A differentiable function from images to y; it is replaced by its linearisation at z.
    z: Images [N, H, W, C].
    weight: Above 0; a number, [N, 1, 1, 1], or [N, H, W, C], one for each value.
    iterations: Largest number of iterations of conjugate gradients.
    misfit: An image is finished before that, once the root mean square of y - A x is below this; 0
      for always the same number of iterations.
    precision: The result of `balance`, which speeds up convergence if the noise differs between
      pixels.

  Returns:
    Images [N, H, W, C].

  Examples:
    >>> z = jnp.zeros((1, 4, 4, 1))
    >>> float(fit(jnp.ones((1, 4, 4, 1)), lambda x: x, z, 1.0)[0, 0, 0, 0])
    0.5
  """
  with exactly():
    residual, normal, backward = _linear(y, A, z)
    scale = (precision + weight) ** -0.5
    apply = lambda d: normal(d) + weight * d
    distance = jnp.sum(residual**2, range(1, y.ndim)).reshape(-1, 1, 1, 1)
    excess = distance - misfit**2 * residual[0].size if misfit else jnp.inf
    return z + _solve(apply, backward(residual)[0], iterations, scale, excess)


def independent_posterior(
  y: jax.Array | np.ndarray,
  A: Callable,
  z: jax.Array,
  variance: float | jax.Array,
  sigma: float | jax.Array,
  key: jax.Array,
  *,
  probes: int = 1,
  iterations: int = 20,
  precision: float | jax.Array = 1.0,
) -> tuple[jax.Array, jax.Array]:
  """The mean m, and the square root of C's diagonal.

  The diagonal is estimated from C's products with random signs (C. Bekas, E. Kokiopoulou, Y. Saad,
  "An estimator for the diagonal of a matrix", 2007). Each draw of signs is used four times, with
  the rows of a Hadamard matrix over the colours. The estimate is exact if C has no covariances
  between different pixels, as for holes, noise and lost colour.

  Args:
    y: What was observed [N, ...].
    A: A differentiable function from images to y.
    z: Images [N, H, W, C], C at most 4.
    variance: v, above 0; a number or [N, 1, 1, 1].
    sigma: Standard deviation of the noise, above 0; a number or [N, 1, 1, 1].
    key: A random key for the signs, which are the same for all images.
    probes: The diagonal is estimated from four times this number of products.
    iterations: Number of iterations of conjugate gradients.
    precision: The result of `balance`, which speeds up convergence if the noise differs between
      pixels.

  Returns:
    (mean, standard deviation), both [N, H, W, C].
  """
  with exactly():
    residual, normal, backward = _linear(y, A, z)
    weight = sigma**2 / variance
    scale = (precision + weight) ** -0.5
    solve = lambda r: _solve(lambda d: normal(d) + weight * d, r, iterations, scale)

    def products(signs):
      known = normal(jnp.broadcast_to(signs, z.shape))
      return signs * solve(known), signs * known

    size, colors = z.shape[1:3], _HADAMARD[:, : z.shape[-1]].astype(z.dtype)
    signs = jax.random.rademacher(key, (probes, 4, *size, 1), z.dtype) * colors[:, None, None]
    # The share of the variance v that remains after y is observed. Too few iterations make it too
    # large rather than too small.
    signs = signs.reshape(-1, *z.shape[1:])
    add = lambda sums, signs: (jax.tree.map(jnp.add, sums, products(signs)), None)
    sums, _ = lax.scan(add, (jnp.zeros_like(z), jnp.zeros_like(z)), signs)
    known, energy = jax.tree.map(lambda x: x / len(signs), sums)
    share = 1 - known
    # A lower bound of each share is weight / (weight + e), where e is the largest entry of J^T J's
    # diagonal. Of the built-in operators e is at most 1.
    largest = jnp.max(energy, axis=(1, 2, 3), keepdims=True)
    share = jnp.clip(share, weight / (weight + jnp.maximum(largest, 1)), 1)
    return z + solve(backward(residual)[0]), jnp.sqrt(variance * share)


def _linear(y, A, z):
  """y - A z, d -> J^T J d, and r -> (J^T r,)."""
  predicted, forward = jax.linearize(A, z)
  backward = jax.linear_transpose(forward, z)
  return y - predicted, lambda d: backward(forward(d))[0], backward


def _solve(apply, r, iterations, scale, excess=jnp.inf) -> jax.Array:
  """d such that apply(d) = r, for a symmetric linear function, with unknowns d / scale. An image is
  finished once the quadratic form has fallen by `excess`.

  The gradient is that of the exact solution: a solution of a system with the same function. (That
  of the iterations is not finite once they have converged.)
  """
  dot = lambda a, b: jnp.sum(a * b, axis=(1, 2, 3), keepdims=True)

  def step(apply, carry):
    i, d, r, p, excess = carry
    Ap = scale * apply(scale * p)
    alpha = dot(r, r) / jnp.maximum(dot(p, Ap), 1e-20)
    alpha = jnp.where(excess > 0, alpha, 0)  # The others of the batch may need longer.
    d, new = d + alpha * p, r - alpha * Ap
    p = new + p * dot(new, new) / jnp.maximum(dot(r, r), 1e-20)
    return i + 1, d, new, p, excess - alpha * dot(r, r)

  def unfinished(carry):
    return (carry[0] < iterations) & jnp.any(carry[-1] > 0)

  def solve(apply, r):
    r = scale * r
    start = 0, jnp.zeros_like(r), r, r, jnp.broadcast_to(excess, (len(r), 1, 1, 1))
    return scale * lax.while_loop(unfinished, functools.partial(step, apply), start)[1]

  return lax.custom_linear_solve(apply, r, solve, symmetric=True)
