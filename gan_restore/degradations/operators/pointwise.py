"""Operators in which each value of y depends on one pixel: holes, lost colour, a colour filter,
rounding.

Images x are [N, H, W, C], float32 in [0, 1].
"""

import dataclasses
from collections.abc import Callable

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
  pytree,
)
from gan_restore.degradations.operators.pixels import LUMA, hsv_value, luma


class _Pointwise(BuiltIn):
  """Base of the operators of this module."""

  @property
  def reduction(self) -> int | None:
    return 1


@pytree
class Inpaint(_Pointwise):
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


def inpaint(mask: jax.Array | np.ndarray) -> Inpaint:
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


@pytree
class Colorize(_Pointwise):
  """See `colorize`."""

  kind = "colorize"
  model: str = dataclasses.field(metadata=STATIC, default="value")
  damage: str = dataclasses.field(metadata=STATIC, default="value")

  @property
  def mixes(self) -> frozenset[str]:
    return frozenset({"channels"})

  def __call__(self, x: jax.Array) -> jax.Array:
    return _BRIGHTNESS[self.model](x)

  def corrupt(self, x: jax.Array, key: jax.Array) -> jax.Array:
    return _BRIGHTNESS[self.damage](x)

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    """For V, the largest standard deviation of the channels: V has the noise of its largest
    channel, and which channel that is depends on the image."""
    if self.model == "luma":
      return jnp.sqrt(jnp.sum((sigma * jnp.array(LUMA)) ** 2, -1, keepdims=bool(jnp.ndim(sigma))))
    return jnp.max(sigma, axis=-1, keepdims=True) if jnp.ndim(sigma) else sigma

  def image_shape(self, shape: Shape) -> Shape:
    return (*shape[:3], 3)

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    """V is scaled with the colours kept, and black becomes grey; for luma, the same value is added
    to every channel."""
    if self.model == "luma":
      return x + y - self(x)
    value, y = self(x), jnp.maximum(y, 0)
    return jnp.where(value > 1e-6, x * y / jnp.maximum(value, 1e-6), y)

  def show(self, y: jax.Array) -> jax.Array:
    return jnp.repeat(y, 3, axis=-1)

  def read(self, picture: jax.Array) -> jax.Array:
    return self(picture) if picture.shape[-1] == 3 else picture


_BRIGHTNESS: dict[str, Callable] = {"value": hsv_value, "luma": luma}
_COLORIZE = {  # {kind: (model, damage)}
  "value": ("value", "value"),
  "luma": ("luma", "luma"),
  "map_paper": ("value", "luma"),
}


def colorize(kind: str = "value") -> Colorize:
  """Keeps one channel of brightness.

  Args:
    kind: 'value' keeps V of HSV, the largest of R, G and B (the MAP paper, section 3.2); 'luma'
      keeps standard greyscale (ITU-R BT.601), as in most grey photographs; 'map_paper' damages by
      luma and models by V, as the MAP paper does in its experiments (section 4.1).

  Returns:
    An operator [N, H, W, 3] -> [N, H, W, 1].

  Raises:
    ValueError: For another kind.
  """
  checks.one_of(kind, _COLORIZE, "kind")
  return Colorize(*_COLORIZE[kind])


@pytree
class Demosaic(_Pointwise):
  """See `demosaic`."""

  kind = "demosaic"
  pattern: str = dataclasses.field(metadata=STATIC, default="RGGB")

  @property
  def block(self) -> int:
    return 2

  def _filters(self, height: int, width: int) -> jax.Array:
    """[1, H, W, 3], 1 at the channel that the sensor measures."""
    tile = np.eye(3, dtype=np.float32)[["RGB".index(c) for c in self.pattern]].reshape(2, 2, 3)
    tiled = np.tile(tile, (-(-height // 2), -(-width // 2), 1))
    return jnp.asarray(tiled[None, :height, :width])

  def __call__(self, x: jax.Array) -> jax.Array:
    if x.shape[-1] != 3:
      raise ValueError(f"demosaic: images have {x.shape[-1]} channels; they must have 3")
    return jnp.sum(x * self._filters(*x.shape[1:3]), -1, keepdims=True)

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    if jnp.ndim(sigma) == 0 or jnp.shape(sigma)[-1] == 1:
      return sigma
    return jnp.sum(sigma * self._filters(*shape[1:3]), -1, keepdims=True)

  def image_shape(self, shape: Shape) -> Shape:
    return (*shape[:3], 3)

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.where(self._filters(*x.shape[1:3]) > 0, y, x)

  def show(self, y: jax.Array) -> jax.Array:
    """Each channel interpolated linearly."""
    filters = self._filters(*y.shape[1:3])
    window = jnp.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], y.dtype)
    average = jax.vmap(jax.vmap(lambda x: jax.scipy.signal.convolve2d(x, window, mode="same")))
    channels_first = lambda x: jnp.moveaxis(x, -1, 1)
    smooth = average(channels_first(y * filters)) / average(channels_first(filters))
    return jnp.moveaxis(smooth, 1, -1)

  def read(self, picture: jax.Array) -> jax.Array:
    return self(picture) if picture.shape[-1] == 3 else picture


def demosaic(pattern: str = "RGGB") -> Demosaic:
  """Keeps one channel at each pixel, as a camera's sensor with a Bayer filter does.

  Args:
    pattern: The channels of the upper left 2x2 pixels, by rows: 'RGGB', 'BGGR', 'GRBG' or 'GBRG'.

  Returns:
    An operator [N, H, W, 3] -> [N, H, W, 1].

  Raises:
    ValueError: For another pattern.

  Examples:
    >>> import numpy as np
    >>> x = np.broadcast_to(np.float32([0.1, 0.2, 0.3]), (1, 2, 2, 3))
    >>> demosaic("RGGB")(x)[0, ..., 0].round(1).tolist()
    [[0.10000000149011612, 0.20000000298023224], [0.20000000298023224, 0.30000001192092896]]
  """
  checks.one_of(pattern, ("RGGB", "BGGR", "GRBG", "GBRG"), "pattern")
  return Demosaic(pattern)


@pytree
class Quantize(_Pointwise):
  """See `quantize`."""

  kind = "quantize"
  levels: int = dataclasses.field(metadata=STATIC)

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
