"""Operators that average neighbouring pixels: low resolution, coarse images, blur.

Images x are [N, H, W, C], float32 in [0, 1].
"""

import dm_pix
import flax
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_restore.degradations import checks
from gan_restore.degradations.operators.base import (
  Deviation,
  Operator,
  Shape,
  is_positive,
  is_uniform,
)
from gan_restore.degradations.operators.pixels import enlarge


@flax.struct.dataclass
class SuperResolve(Operator):
  """See `super_resolve`."""

  kind = "super_resolve"
  factor: int = flax.struct.field(pytree_node=False)

  def __call__(self, x: jax.Array) -> jax.Array:
    n, h, w, c = x.shape
    f = self.factor
    if h % f or w % f:
      raise ValueError(f"{self.kind}: images of {h}x{w} are not divisible by factor {f}")
    return x.reshape(n, h // f, f, w // f, f, c).mean(axis=(2, 4))

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    if is_uniform(sigma):
      return sigma / self.factor
    sigma = jnp.asarray(sigma)
    sigma = jnp.broadcast_to(sigma, (sigma.shape[0], *shape[1:3], sigma.shape[-1]))
    return jnp.sqrt(SuperResolve(self.factor)(sigma**2)) / self.factor

  def image_shape(self, shape: Shape) -> Shape:
    n, h, w, c = shape
    return n, h * self.factor, w * self.factor, c

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    return x + enlarge(y - self(x), self.factor)

  def show(self, y: jax.Array) -> jax.Array:
    return enlarge(y, self.factor)

  def low_resolution(self, y: jax.Array) -> jax.Array:
    """The means of the blocks, one pixel each."""
    return y


def super_resolve(factor: int = 4) -> SuperResolve:
  """Averages blocks of `factor` x `factor` pixels: a low pass and decimation in one.

  Args:
    factor: Must divide the images' height and width.

  Returns:
    An operator [N, H, W, C] -> [N, H / factor, W / factor, C].

  Raises:
    ValueError: If the factor is below 1.
  """
  checks.at_least(factor, 1, "factor")
  return SuperResolve(int(factor))


@flax.struct.dataclass
class Coarsen(SuperResolve):
  """See `coarsen`."""

  kind = "coarsen"

  def __call__(self, x: jax.Array) -> jax.Array:
    return enlarge(super().__call__(x), self.factor)

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    sigma = super().propagate(sigma, shape)
    return sigma if is_uniform(sigma) else enlarge(jnp.asarray(sigma), self.factor)

  def image_shape(self, shape: Shape) -> Shape:
    return shape

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    return x + y - self(x)

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


@flax.struct.dataclass
class Blur(Operator):
  """See `blur`."""

  kind = "blur"
  sigma: float = flax.struct.field(pytree_node=False)

  @property
  def _radius(self) -> int:
    return max(1, int(3 * self.sigma + 0.5))

  def __call__(self, x: jax.Array) -> jax.Array:
    r = self._radius
    padded = jnp.pad(x, ((0, 0), (r, r), (r, r), (0, 0)), mode="symmetric")
    with jax.default_matmul_precision("highest"):  # Accelerators' default is less than float32.
      return dm_pix.gaussian_blur(padded, self.sigma, 2 * r + 1, padding="VALID")

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    if not is_positive(sigma):
      return 0.0
    rows, columns = (jnp.float32(self._weights(size) ** 2) for size in shape[1:3])
    sigma = jnp.broadcast_to(sigma, (*jnp.shape(sigma)[:1], *shape[1:3], *jnp.shape(sigma)[3:]))
    sigma = sigma if sigma.ndim == 4 else sigma[None, ..., None]
    exact = lax.Precision.HIGHEST
    return jnp.sqrt(jnp.einsum("ij,njkc,lk->nilc", rows, sigma**2, columns, precision=exact))

  def _weights(self, size: int) -> np.ndarray:
    """The matrix [size, size] that blurs a line of `size` pixels."""
    from scipy import ndimage  # Slow to import.

    return ndimage.gaussian_filter1d(
      np.eye(size), self.sigma, axis=0, mode="reflect", radius=self._radius
    )


def blur(sigma: float = 1.5) -> Blur:
  """Convolves with a Gaussian cut at three sigma; the border is mirrored.

  Args:
    sigma: Standard deviation in pixels.

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C].

  Raises:
    ValueError: If sigma is not positive.
  """
  if not 0 < sigma < float("inf"):
    raise ValueError(f"sigma is {sigma!r}; it must be > 0, and finite")
  return Blur(float(sigma))
