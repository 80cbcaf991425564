"""Operators in which each value of y depends on one pixel: holes, lost colour, noise, rounding.

Images x are [N, H, W, C], float32 in [0, 1].
"""

import flax
import jax
import jax.numpy as jnp

from gan_restore.degradations import checks
from gan_restore.degradations.operators.base import Deviation, Operator, Shape, is_positive
from gan_restore.degradations.operators.pixels import hsv_value, luma


@flax.struct.dataclass
class Inpaint(Operator):
  """See `inpaint`."""

  kind = "inpaint"
  mask: jax.Array

  def __call__(self, x: jax.Array) -> jax.Array:
    return x * (1 - self.mask)

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    return sigma * (1 - self.mask) if is_positive(sigma) else 0.0

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.where(self.mask > 0, x, y)

  def missing(self, shape: Shape) -> jax.Array | None:
    return self.mask

  def hole(self) -> jax.Array | None:
    return self.mask


def inpaint(mask: jax.Array) -> Inpaint:
  """Blanks the missing pixels: A(x) = x (1 - mask).

  Args:
    mask: [H, W], [H, W, 1] or [N, H, W, 1], 1 where the pixel is missing, 0 where it is known.

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C].

  Raises:
    ValueError: If the mask has another shape, is not binary, or marks no pixel or every
      pixel as missing.

  Examples:
    >>> import numpy as np
    >>> A = inpaint(np.eye(4))
    >>> float(A(np.ones((1, 4, 4, 3), np.float32)).sum())
    36.0
  """
  return Inpaint(checks.mask(mask))


@flax.struct.dataclass
class Colorize(Operator):
  """See `colorize`."""

  kind = "colorize"
  damage: str = flax.struct.field(pytree_node=False, default="value")

  def __call__(self, x: jax.Array) -> jax.Array:
    return hsv_value(x)

  def corrupt(self, x: jax.Array, key: jax.Array) -> jax.Array:
    return luma(x) if self.damage == "luma" else self(x)

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    """The largest standard deviation of the channels. V has the noise of its largest channel, and
    which channel that is depends on the image."""
    return jnp.max(sigma, axis=-1, keepdims=True) if jnp.ndim(sigma) else sigma

  def image_shape(self, shape: Shape) -> Shape:
    return (*shape[:3], 3)

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    return x * jnp.maximum(y, 0) / jnp.maximum(self(x), 1e-6)

  def show(self, y: jax.Array) -> jax.Array:
    return jnp.repeat(y, 3, axis=-1)


def colorize(damage: str = "value") -> Colorize:
  """Keeps the V channel of HSV, the largest of R, G and B (the MAP paper, section 3.2).

  Args:
    damage: What `corrupt` does: 'value' takes V, as the model does; 'luma' takes standard
      greyscale, as the MAP paper does (section 4.1), whose model is V in both cases.

  Returns:
    An operator [N, H, W, 3] -> [N, H, W, 1].

  Raises:
    ValueError: For another damage.
  """
  if damage not in ("value", "luma"):
    raise ValueError(f"damage is {damage!r}; it must be one of value, luma")
  return Colorize(damage)


@flax.struct.dataclass
class Denoise(Operator):
  """See `denoise`."""

  kind = "denoise"
  sigma: float = flax.struct.field(pytree_node=False)

  @property
  def unit_range(self) -> bool:
    return False  # Noise need not be clipped.

  def noise(self, shape: Shape) -> Deviation:
    return self.sigma

  def corrupt(self, x: jax.Array, key: jax.Array) -> jax.Array:
    return jnp.clip(x + self.sigma * jax.random.normal(key, x.shape), 0, 1)


def denoise(sigma: float = 0.1) -> Denoise:
  """The identity; the damage adds Gaussian noise and clips to [0, 1].

  Args:
    sigma: Standard deviation of the noise, for pixels in [0, 1]; at least 0.

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C].

  Raises:
    ValueError: If sigma is negative.
  """
  checks.at_least(sigma, 0.0, "sigma")
  return Denoise(float(sigma))


@flax.struct.dataclass
class Quantize(Operator):
  """See `quantize`."""

  kind = "quantize"
  levels: int = flax.struct.field(pytree_node=False)

  def noise(self, shape: Shape) -> Deviation:
    return 1 / (self.levels - 1) / 12**0.5  # The error is uniform over one step.

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    step = 1 / (self.levels - 1)
    return jnp.clip(x, y - step / 2, y + step / 2)

  def corrupt(self, x: jax.Array, key: jax.Array) -> jax.Array:
    return jnp.round(x * (self.levels - 1)) / (self.levels - 1)


def quantize(levels: int = 5) -> Quantize:
  """The identity; the damage rounds to equally spaced levels.

  Rounding has no useful gradient, so the model leaves it out (the MAP paper, section 3.2).

  Args:
    levels: Number of values per channel, including 0 and 1.

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C].

  Raises:
    ValueError: If there are fewer than two levels.
  """
  checks.at_least(levels, 2, "levels")
  return Quantize(int(levels))
