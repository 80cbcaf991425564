"""Networks on images of any size: padding, overlapping tiles, and noise that is the same in each.

Arrays are [N, H, W, C]. All tiles begin at multiples of `GRID` pixels.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_restore.data import framing

# Images with a longer side are restored in tiles of about this side, which overlap by about the
# second number of pixels. The outermost pixels of a tile, the third number, are not used where
# there are others. A tile whose sides are not multiples of `GRID` may be padded to them, and is
# then still no longer than the largest image that needs no tiles.
_TILE, _OVERLAP, _MARGIN, GRID = 512, 64, 16, 16


def needed(height: int, width: int) -> bool:
  """Whether an image of this size has more than one tile."""
  return max(height, width) > _TILE + GRID


def tile_sides(sides: tuple[int, int]) -> tuple[int, int]:
  """The sides of the tiles of an image of these sides."""
  height, width = (side if side <= _TILE + GRID else _TILE + side % GRID for side in sides)
  return height, width


def corners(sides: tuple[int, int], tile: tuple[int, int]) -> list[tuple[int, int]]:
  """The first row and column of each tile."""
  tops, lefts = map(_starts, sides, tile)
  return list(itertools.product(tops, lefts))


def _starts(side, tile) -> list[int]:
  count = 1 if side == tile else -(-(side - _OVERLAP) // (tile - _OVERLAP))
  return [round(i * (side - tile) / GRID / max(count - 1, 1)) * GRID for i in range(count)]


def window(tile: tuple[int, int]) -> np.ndarray:
  """The weights [h, w, 1] of a tile's pixels: they fall linearly to its ends."""
  ends = (np.minimum(np.arange(side) + 1, side - np.arange(side)) - _MARGIN for side in tile)
  weights = [np.clip(end / (_OVERLAP - _MARGIN), 1e-6, 1) for end in ends]
  return functools.reduce(np.outer, weights).astype(np.float32)[..., None]


def white_noise(
  key: jax.Array, shape: tuple[int, int, int], corner: tuple[int, int] | jax.Array = (0, 0)
) -> jax.Array:
  """White noise [H, W, C]. The noise of a tile is that part of the noise of the image.

  Args:
    key: A random key.
    shape: [H, W, C].
    corner: The first row and column in the image, multiples of `GRID`.

  Returns:
    Independent normal values.
  """
  height, width, channels = shape
  rows, columns = -(-height // GRID), -(-width // GRID)
  top, left = corner[0] // GRID + jnp.arange(rows), corner[1] // GRID + jnp.arange(columns)
  draw = lambda i, j: jax.random.normal(
    jax.random.fold_in(jax.random.fold_in(key, i), j), (GRID, GRID, channels)
  )
  cells = jax.vmap(lambda i: jax.vmap(lambda j: draw(i, j))(left))(top)
  noise = cells.transpose(0, 2, 1, 3, 4).reshape(rows * GRID, columns * GRID, channels)
  return noise[:height, :width]


def apply(
  network: Callable[..., jax.Array],
  inputs: Any,
  frame: jax.Array,
  stride: int,
  *,
  whole: Callable[..., jax.Array] | None = None,
) -> jax.Array:
  """Applies a network to images of any size.

  Args:
    network: (inputs, frames) -> images, for sides that are multiples of `stride`.
    inputs: A pytree of arrays [N, H, W, C].
    frame: The frames of the faces [N, 2, 3].
    stride: The number of which the sides of the network's images are multiples.
    whole: Like `network`; used instead of it where no tiles are needed.

  Returns:
    The images [N, H, W, C].
  """
  height, width = jax.tree.leaves(inputs)[0].shape[1:3]
  sides = tuple(-(-side // stride) * stride for side in (height, width))
  margins = (0, 0), (0, sides[0] - height), (0, sides[1] - width), (0, 0)
  inputs = jax.tree.map(lambda x: jnp.pad(x, margins, mode="symmetric"), inputs)
  tile = tile_sides(sides)
  if tile == sides:
    return (whole or network)(inputs, frame)[:, :height, :width]

  at, weights = np.array(corners(sides, tile)), window(tile)
  cut = lambda x, top, left: lax.dynamic_slice(x, (0, top, left, 0), (len(x), *tile, x.shape[-1]))

  def restored(i):
    top, left = jnp.asarray(at)[i]
    part = jax.tree.map(lambda x: cut(x, top, left), inputs)
    return network(part, framing.shift(frame, left, top))

  def add(i, sums):
    top, left = jnp.asarray(at)[i]
    update = lambda x, part: lax.dynamic_update_slice(
      x, cut(x, top, left) + part, (0, top, left, 0)
    )
    return update(sums[0], weights * restored(i)), update(sums[1], weights[None])

  n, *_, channels = jax.eval_shape(restored, 0).shape
  start = jnp.zeros((n, *sides, channels)), jnp.zeros((1, *sides, 1))
  image, weight = lax.fori_loop(0, len(at), add, start)
  return (image / weight)[:, :height, :width]
