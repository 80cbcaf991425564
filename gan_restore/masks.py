"""Masks for inpainting: float32 [N, H, W, 1], 1 where the pixel is missing.

Each kind is a function of a random key and a shape, can be jitted, and draws every mask of the
batch anew.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp


def center(key: jax.Array, shape: tuple[int, int, int]) -> jax.Array:
  """The centred square of half the size: 32x32 of 64x64, as in the MAP paper.

  Args:
    key: Not used; there for uniformity.
    shape: (N, H, W).

  Returns:
    Masks [N, H, W, 1].

  Examples:
    >>> import jax
    >>> float(center(jax.random.key(0), (1, 64, 64)).sum())
    1024.0
  """
  del key
  n, height, width = shape
  top, left = height // 4, width // 4
  mask = jnp.zeros((height, width, 1))
  mask = mask.at[top : top + height // 2, left : left + width // 2].set(1.0)
  return jnp.broadcast_to(mask, (n, height, width, 1))


def rectangle(key: jax.Array, shape: tuple[int, int, int]) -> jax.Array:
  """A rectangle anywhere, each side between a quarter and a half of the image's.

  Args:
    key: A random key.
    shape: (N, H, W).

  Returns:
    Masks [N, H, W, 1].
  """
  n, height, width = shape
  keys = jax.random.split(key, 4)
  h = jax.random.randint(keys[0], (n, 1, 1), height // 4, height // 2 + 1)
  w = jax.random.randint(keys[1], (n, 1, 1), width // 4, width // 2 + 1)
  top = jax.random.randint(keys[2], (n, 1, 1), 0, height - h + 1)
  left = jax.random.randint(keys[3], (n, 1, 1), 0, width - w + 1)
  rows, columns = jnp.arange(height)[:, None], jnp.arange(width)
  inside = (rows >= top) & (rows < top + h) & (columns >= left) & (columns < left + w)
  return inside[..., None].astype(jnp.float32)


def half(key: jax.Array, shape: tuple[int, int, int]) -> jax.Array:
  """The left, right, upper or lower half.

  Args:
    key: A random key.
    shape: (N, H, W).

  Returns:
    Masks [N, H, W, 1].
  """
  n, height, width = shape
  rows = jnp.broadcast_to(jnp.arange(height)[:, None], (height, width)) < height // 2
  columns = jnp.broadcast_to(jnp.arange(width), (height, width)) < width // 2
  sides = jnp.stack([rows, ~rows, columns, ~columns])[..., None].astype(jnp.float32)
  return sides[jax.random.randint(key, (n,), 0, 4)]


def pixels(key: jax.Array, shape: tuple[int, int, int], rate: float = 0.8) -> jax.Array:
  """Single pixels at random.

  Args:
    key: A random key.
    shape: (N, H, W).
    rate: The probability of a pixel to be missing, above 0 and below 1.

  Returns:
    Masks [N, H, W, 1].

  Raises:
    ValueError: For an impossible rate.
  """
  if not 0 < rate < 1:
    raise ValueError(f"rate is {rate}; wanted above 0 and below 1")
  n, height, width = shape
  return jax.random.bernoulli(key, rate, (n, height, width, 1)).astype(jnp.float32)


def strokes(key: jax.Array, shape: tuple[int, int, int], count: int = 4) -> jax.Array:
  """Free-form scribbles: brush strokes of a random walk each, as wide as an eye.

  Args:
    key: A random key.
    shape: (N, H, W).
    count: Strokes in an image.

  Returns:
    Masks [N, H, W, 1].
  """
  n, height, width = shape
  segments, size = 4, min(height, width)
  keys = jax.random.split(key, 5)
  start = jax.random.uniform(keys[0], (n, count, 1, 2))
  angle = jax.random.uniform(keys[1], (n, count, 1, 1), maxval=2 * jnp.pi)
  angle += jnp.cumsum(jax.random.normal(keys[2], (n, count, segments, 1)), axis=2)
  length = jax.random.uniform(keys[3], (n, count, segments, 1), minval=0.08, maxval=0.25)
  steps = length * jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], -1)
  points = jnp.clip(jnp.concatenate([start, start + jnp.cumsum(steps, axis=2)], axis=2), 0, 1)
  points = points * jnp.array([height - 1, width - 1])
  radius = jax.random.uniform(keys[4], (n, count, 1), minval=0.02, maxval=0.05) * size
  # One segment after another: all distances at once would be a gigabyte for a large batch.
  first = lambda x: x.reshape(n, count * segments, -1).swapaxes(0, 1)
  a, b = first(points[:, :, :-1]), first(points[:, :, 1:])
  radius = first(jnp.broadcast_to(radius, (n, count, segments)))
  rows, columns = jnp.arange(height)[:, None], jnp.arange(width)

  def draw(i, drawn):
    (ay, ax), (by, bx) = (p[i].T[:, :, None, None] for p in (a, b))  # Each [N, 1, 1].
    dy, dx = by - ay, bx - ax
    along = ((rows - ay) * dy + (columns - ax) * dx) / jnp.maximum(dy**2 + dx**2, 1e-6)
    along = jnp.clip(along, 0, 1)
    distance = jnp.hypot(rows - ay - along * dy, columns - ax - along * dx)
    return drawn | (distance <= radius[i][..., None])

  drawn = jax.lax.fori_loop(0, count * segments, draw, jnp.zeros((n, height, width), bool))
  return drawn.reshape(n, height, width, 1).astype(jnp.float32)


def _mixture(draws: list[Callable], key: jax.Array, shape: tuple[int, int, int]) -> jax.Array:
  """Masks [N, H, W, 1], each by one of `draws` with equal probability."""
  choose, *keys = jax.random.split(key, 1 + len(draws))
  drawn = jnp.stack([draw(key, shape) for draw, key in zip(draws, keys)])
  return drawn[jax.random.randint(choose, shape[:1], 0, len(draws)), jnp.arange(shape[0])]


KINDS: dict[str, Callable] = {
  "center": center,
  "random": rectangle,
  "half": half,
  "pixels": pixels,
  "strokes": strokes,
}


def get(kind: str) -> Callable:
  """The mask function (key, shape) -> masks of a kind; `pixels:0.5` gives a rate.

  Of several kinds by commas each image draws one; a kind named twice comes twice as often.

  Raises:
    ValueError: If there is none of that name.

  Examples:
    >>> import jax
    >>> get("random,strokes,center")(jax.random.key(0), (8, 64, 64)).shape
    (8, 64, 64, 1)
  """
  if "," in kind:
    return functools.partial(_mixture, [get(name) for name in kind.split(",")])
  name, _, rate = kind.partition(":")
  if name not in KINDS or (rate and name != "pixels"):
    raise ValueError(f"unknown mask {kind!r}; there are: {', '.join(KINDS)}, pixels:RATE")
  if not rate:
    return KINDS[name]
  try:
    value = float(rate)
  except ValueError:
    raise ValueError(f"the rate of {kind!r} is not a number") from None
  return lambda key, shape: pixels(key, shape, value)


def is_kind(kind: str) -> bool:
  """Whether `get` knows it."""
  try:
    get(kind)
  except ValueError:
    return False
  return True
