"""Operators that average neighbouring pixels: low resolution, coarse images.

Images x are [N, H, W, C], float32 in [0, 1].
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from gan_restore.degradations import checks
from gan_restore.degradations.operators.base import (
  STATIC,
  BuiltIn,
  Deviation,
  Shape,
  is_positive,
  is_uniform,
  pytree,
  spread,
)
from gan_restore.degradations.operators.pixels import enlarge, multiply_lines


@pytree
class SuperResolve(BuiltIn):
  """See `super_resolve`."""

  kind = "super_resolve"
  factor: int = dataclasses.field(metadata=STATIC)

  @property
  def mixes(self) -> frozenset[str]:
    return frozenset({"pixels"})

  @property
  def reduction(self) -> int | None:
    return None if 16 % self.factor else self.factor

  def __call__(self, x: jax.Array) -> jax.Array:
    n, h, w, c = x.shape
    f = self._divisor(h, w)
    return x.reshape(n, h // f, f, w // f, f, c).mean(axis=(2, 4))

  @property
  def lowering(self) -> int:
    return self.factor

  def _divisor(self, height, width) -> int:
    if height % self.factor or width % self.factor:
      raise ValueError(
        f"{self.kind}: images of {height}x{width} are not divisible by factor {self.factor}"
      )
    return self.factor

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    if is_uniform(sigma):
      return sigma / self.factor
    return jnp.sqrt(SuperResolve(self.factor)(spread(sigma, shape) ** 2)) / self.factor

  def image_shape(self, shape: Shape) -> Shape:
    n, h, w, c = shape
    return n, h * self.factor, w * self.factor, c

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    return x + enlarge(y - self(x), self.factor)

  def project_smoothly(self, x: jax.Array, y: jax.Array) -> jax.Array:
    rows, columns = (jnp.asarray(self._smooth_inverse(size)) for size in x.shape[1:3])
    return x + multiply_lines(rows, y - self(x), columns)

  def _smooth_inverse(self, size: int) -> np.ndarray:
    """S A^T (A S A^T)^-1 of a line of pixels, [size, size / factor]; see the function `project`."""
    place, reduce = np.arange(size), self.weights(size).astype(np.float64)
    S = np.exp(-0.5 * ((place[:, None] - place) / (self.factor / 2)) ** 2)
    return np.linalg.solve(reduce @ S @ reduce.T, reduce @ S).T.astype(np.float32)

  def show(self, y: jax.Array) -> jax.Array:
    return enlarge(y, self.factor)

  def low_resolution(self, y: jax.Array) -> jax.Array:
    """The means of the blocks, one pixel each."""
    return y

  def weights(self, size: int) -> np.ndarray:
    """The matrix [size / factor, size] that reduces a line of `size` pixels."""
    return np.repeat(np.eye(size // self.factor, dtype=np.float32), self.factor, 1) / self.factor


@pytree
class SuperResolveKernel(SuperResolve):
  """See `super_resolve`."""

  kind = "super_resolve_kernel"
  resampling: str = dataclasses.field(metadata=STATIC)

  @property
  def reduction(self) -> int | None:
    return None  # The kernels reach into the neighbouring blocks.

  @property
  def unit_range(self) -> bool:
    return False  # The kernels overshoot at edges.

  def corrupt(self, x: jax.Array, key: jax.Array) -> jax.Array:
    return jnp.clip(self(x), 0, 1)

  def __call__(self, x: jax.Array) -> jax.Array:
    n, h, w, c = x.shape
    f = self._divisor(h, w)
    return jax.image.resize(
      x, (n, h // f, w // f, c), _KERNELS[self.resampling], precision="highest"
    )

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    if not is_positive(sigma):
      return 0.0
    rows, columns = (jnp.asarray(self.weights(size) ** 2) for size in shape[1:3])
    return jnp.sqrt(multiply_lines(rows, spread(sigma, shape) ** 2, columns))

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    rows, columns = (jnp.asarray(self._inverse(size)) for size in x.shape[1:3])
    return x + multiply_lines(rows, y - self(x), columns)

  def show(self, y: jax.Array) -> jax.Array:
    n, h, w, c = self.image_shape(y.shape)
    return jnp.clip(jax.image.resize(y, (n, h, w, c), "cubic", precision="highest"), 0, 1)

  def weights(self, size: int) -> np.ndarray:
    return _line_weights(size, self.factor, self.resampling)

  def _inverse(self, size: int) -> np.ndarray:
    """The pseudoinverse of `weights`."""
    return _line_inverse(size, self.factor, self.resampling)


@functools.lru_cache(maxsize=32)
def _line_weights(size, factor, kernel):
  with jax.ensure_compile_time_eval():
    eye = jnp.eye(size)
    shape = (size // factor, size)
    return np.asarray(jax.image.resize(eye, shape, _KERNELS[kernel], precision="highest"))


@functools.lru_cache(maxsize=32)
def _line_inverse(size, factor, kernel):
  return np.linalg.pinv(_line_weights(size, factor, kernel).astype(np.float64)).astype(np.float32)


_KERNELS = {"bicubic": "cubic", "lanczos": "lanczos3"}  # By their names in JAX.


def super_resolve(factor: int = 4, kernel: str = "box") -> SuperResolve:
  """Reduces the resolution: a low pass and decimation in one.

  Args:
    factor: Must divide the images' height and width.
    kernel: 'box' averages blocks of `factor` x `factor` pixels; 'bicubic' (Keys 1981) and 'lanczos'
      (of radius 3) are the kernels with which programs reduce pictures, as wide as the factor asks
      for. They overshoot at edges; the damage clips y to [0, 1].

  Returns:
    An operator [N, H, W, C] -> [N, H / factor, W / factor, C].

  Raises:
    ValueError: If the factor is below 1, or for another kernel.
  """
  checks.at_least(factor, 1, "factor")
  checks.one_of(kernel, ("box", *_KERNELS), "kernel")
  if kernel == "box":
    return SuperResolve(int(factor))
  return SuperResolveKernel(int(factor), kernel)


@pytree
class Coarsen(SuperResolve):
  """See `coarsen`."""

  kind = "coarsen"

  @property
  def reduction(self) -> int | None:
    return None if 16 % self.factor else 1

  @property
  def block(self) -> int:
    return self.factor

  def __call__(self, x: jax.Array) -> jax.Array:
    return enlarge(super().__call__(x), self.factor)

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    sigma = super().propagate(sigma, shape)
    return sigma if is_uniform(sigma) else enlarge(jnp.asarray(sigma), self.factor)

  def image_shape(self, shape: Shape) -> Shape:
    return shape

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    return x + y - self(x)

  def project_smoothly(self, x: jax.Array, y: jax.Array) -> jax.Array:
    return self.project(x, y)  # The blocks are to be seen.

  def show(self, y: jax.Array) -> jax.Array:
    return y

  def low_resolution(self, y: jax.Array) -> jax.Array:
    return y[:, :: self.factor, :: self.factor]

  def picture_size(self, shape: Shape) -> tuple[int, int]:
    return shape[1] // self.factor, shape[2] // self.factor  # One pixel per block.


def coarsen(factor: int = 8) -> Coarsen:
  """Averages blocks of `factor` x `factor` pixels and enlarges them to the image's size again: the
  coarse images of the ResGAN paper.

  Args:
    factor: Must divide the images' height and width.

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C].

  Raises:
    ValueError: If the factor is below 1.

  Examples:
    >>> import numpy as np
    >>> y = coarsen(2)(np.arange(16.0).reshape(1, 4, 4, 1))
    >>> [float(v) for v in y[0, 0, :, 0]]
    [2.5, 2.5, 4.5, 4.5]
  """
  checks.at_least(factor, 1, "factor")
  return Coarsen(int(factor))
