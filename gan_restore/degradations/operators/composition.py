"""Compositions of operators, and y from a picture of the observation.

Images x are [N, H, W, C], float32 in [0, 1]; observations y are [N, ...].
"""

import math
from collections.abc import Callable
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np

from gan_restore.degradations.operators import base
from gan_restore.degradations.operators.base import Deviation, Operator, Shape, pytree
from gan_restore.degradations.operators.noise_models import Grey
from gan_restore.degradations.operators.pixels import enlarge
from gan_restore.degradations.operators.pointwise import Inpaint


@pytree
class Compose(Operator):
  """See `compose`, which also takes plain functions. Each method combines the results of the two
  parts."""

  outer: Operator
  inner: Operator

  @property
  def unit_range(self) -> bool:
    return self.outer.unit_range and self.inner.unit_range

  @property
  def is_built_in(self) -> bool:
    return self.outer.is_built_in and self.inner.is_built_in

  @property
  def tells_shape(self) -> bool:
    return self.outer.tells_shape and self.inner.tells_shape

  @property
  def without_grey(self) -> Operator:
    return self.inner if isinstance(self.outer, Grey) else self

  def hole(self) -> jax.Array | None:
    return self.inner.hole() if isinstance(self.outer, Grey) else None

  def __call__(self, x: jax.Array) -> jax.Array:
    return self.outer(self.inner(x))

  def corrupt(self, x: jax.Array, key: jax.Array) -> jax.Array:
    first, second = jax.random.split(key)
    return self.outer.corrupt(self.inner.corrupt(x, first), second)

  def given(self, y: jax.Array, shape: Shape, after: Operator) -> Operator:
    outer = self.outer.given(y, base.output_shape(self.inner, shape), after)
    after = after if isinstance(outer, base.Identity) else Compose(after, outer)
    return Compose(outer, self.inner.given(y, shape, after))

  def noise(self, shape: Shape) -> Deviation:
    """The noise of each part passes through all later parts."""
    return self.noise_after(base.Identity(), shape)

  def noise_after(self, after: Operator, shape: Shape) -> Deviation:
    later = self.outer if type(after) is base.Identity else Compose(after, self.outer)
    inner = self.inner.noise_after(later, shape)
    outer = self.outer.noise_after(after, base.output_shape(self.inner, shape))
    if not base.is_positive(inner) or not base.is_positive(outer):
      return outer if base.is_positive(outer) else inner
    return (inner**2 + outer**2) ** 0.5

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    """By probes if a part mixes what an earlier part has mixed, because noise is then
    correlated."""
    parts = self.parts()
    mixed = [axis for part in parts for axis in part.mixes]
    if len(mixed) > len(set(mixed)):
      return base.probe(self, sigma, shape)
    for part in parts:
      sigma = part.propagate(sigma, shape)
      shape = base.output_shape(part, shape)
    return sigma

  def on_noise(self) -> Operator:
    return Compose(self.outer.on_noise(), self.inner.on_noise())

  def parts(self) -> list[Operator]:
    return [*self.inner.parts(), *self.outer.parts()]

  @property
  def mixes(self) -> frozenset[str]:
    return self.outer.mixes | self.inner.mixes

  @property
  def reduction(self) -> int | None:
    outer, inner = self.outer.reduction, self.inner.reduction
    return None if outer is None or inner is None or 16 % self.block else outer * inner

  @property
  def block(self) -> int:
    return math.lcm(self.inner.block, (self.inner.reduction or 1) * self.outer.block)

  @property
  def lowering(self) -> int:
    return self.outer.lowering * self.inner.lowering

  def crop(self, tile: base.Tile, shape: Shape) -> Operator:
    scale = self.inner.reduction or 1
    outer_tile = cast(base.Tile, tuple(side // scale for side in tile))
    outer_shape = base.output_shape(self.inner, shape)
    return Compose(self.outer.crop(outer_tile, outer_shape), self.inner.crop(tile, shape))

  def kernel(self) -> jax.Array | None:
    outer, inner = self.outer.kernel(), self.inner.kernel()
    if outer is None or inner is None:
      return None
    if outer.shape[1:] != (1, 1) and inner.shape[1:] != (1, 1):
      return None  # The border is mirrored twice, so no single kernel is equivalent.
    return outer if outer.size > inner.size else inner

  def gain(self, shape: Shape) -> float | jax.Array:
    return 1.0 if self.is_built_in else base.row_norms(self, shape)

  def image_shape(self, shape: Shape) -> Shape:
    return self.inner.image_shape(self.outer.image_shape(shape))

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    return self.inner.project(x, self.outer.project(self.inner(x), y))

  def show(self, y: jax.Array) -> jax.Array:
    return self.inner.show(self.outer.show(y))

  def read(self, picture: jax.Array) -> jax.Array:
    return self.outer.read(self.inner.read(picture))

  def image_mask(self, mask: jax.Array, shape: Shape) -> jax.Array:
    mask = self.outer.image_mask(mask, base.output_shape(self.inner, shape))
    return self.inner.image_mask(mask, shape)

  def missing(self, shape: Shape) -> jax.Array | None:
    """The union of both parts' holes; the hole of an image of another size is placed in the
    image."""
    inner = self.inner.missing(shape)
    outer = None
    if self.inner.is_built_in:  # A plain function may move pixels anywhere.
      outer = self.outer.missing(base.output_shape(self.inner, shape))
    if outer is not None:
      outer = self.inner.image_mask(outer, shape)
    if inner is None or outer is None:
      return outer if inner is None else inner
    return jnp.maximum(inner, outer)


def compose(outer: Callable, inner: Callable) -> Operator:
  """A(x) = outer(inner(x)): `inner` is applied first.

  Args:
    outer: An operator or any JAX function.
    inner: Likewise.

  Returns:
    An operator; if both parts are `inpaint`, one `inpaint` with the union of their holes.

  Examples:
    >>> import numpy as np
    >>> from gan_restore.degradations.operators import blur, denoise, super_resolve
    >>> A = compose(super_resolve(2), blur(1.0))
    >>> A(np.zeros((1, 8, 8, 3), np.float32)).shape
    (1, 4, 4, 3)
    >>> compose(super_resolve(4), denoise(0.1)).noise((1, 8, 8, 3))
    0.025
  """
  outer, inner = base.as_operator(outer), base.as_operator(inner)
  if isinstance(outer, Inpaint) and isinstance(inner, Inpaint):
    return Inpaint(jnp.maximum(outer.mask, inner.mask))
  return Compose(outer, inner)


def observe(A: Callable, picture: jax.Array | np.ndarray, shape: Shape) -> jax.Array:
  """Makes y from a picture of the observation.

  If A has one output channel, y is what A keeps of the picture's colours. Where A(x) is the same
  for every x, as in a hole, y has that value, and the picture's pixels are ignored.

  Args:
    A: A built-in operator or a composition of built-in operators.
    picture: [N, h, w, 3 or 1] in [0, 1], of y's height and width, or a smaller one whose pixels are
      the blocks of a coarse image.
    shape: [N, H, W, C] of the images.

  Returns:
    y.

  Raises:
    ValueError: If the picture is of another size.
  """
  wanted = base.output_shape(A, shape)
  factor = wanted[1] // picture.shape[1] if picture.shape[1] else 0
  if (picture.shape[1] * factor, picture.shape[2] * factor) != wanted[1:3]:
    raise ValueError(
      f"the picture has shape {list(picture.shape)}; A gives {list(wanted)} for images"
      f" {list(shape)}"
    )
  y = base.as_operator(A).read(jnp.asarray(picture))
  y = enlarge(y, factor) if factor > 1 else y
  blank, full = A(jnp.zeros(shape)), A(jnp.ones(shape))
  return jnp.where(blank == full, blank, y)
