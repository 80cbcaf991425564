"""Masks for inpainting: float32 [N, H, W, 1], 1 where the pixel is missing.

Each kind is a function of a random key and a shape. It can be jitted, and draws each mask of a
batch independently.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np


def center(key: jax.Array, shape: tuple[int, int, int], share: float = 0.25) -> jax.Array:
  """The centred square of half the size: 32x32 of 64x64, as in the MAP paper.

  Args:
    key: Not used. It is there because all mask functions have the same arguments.
    shape: (N, H, W).
    share: The share of the image that is missing, above 0 and below 1.

  Returns:
    Masks [N, H, W, 1].

  Raises:
    ValueError: If the share is not above 0 and below 1.

  Examples:
    >>> import jax
    >>> float(center(jax.random.key(0), (1, 64, 64)).sum())
    1024.0
  """
  del key
  _check_share("share", share)
  n, height, width = shape
  # At least one row and column are known, if there are several.
  h, w = (max(1, min(round(share**0.5 * size), size - 1)) for size in (height, width))
  top, left = (height - h) // 2, (width - w) // 2
  mask = jnp.zeros((height, width, 1))
  mask = mask.at[top : top + h, left : left + w].set(1.0)
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
    rate: The probability that a pixel is missing, above 0 and below 1.

  Returns:
    Masks [N, H, W, 1].

  Raises:
    ValueError: If the rate is not above 0 and below 1.
  """
  _check_share("rate", rate)
  n, height, width = shape
  return jax.random.bernoulli(key, rate, (n, height, width, 1)).astype(jnp.float32)


def strokes(key: jax.Array, shape: tuple[int, int, int], count: int = 4) -> jax.Array:
  """Free-form scribbles. Each brush stroke follows a random walk and is about as wide as an eye.

  Args:
    key: A random key.
    shape: (N, H, W).
    count: Number of strokes per image.

  Returns:
    Masks [N, H, W, 1].
  """
  n, height, width = shape
  segments, size = 4, min(height, width)
  keys = jax.random.split(key, 5)
  start, angle = _walks(keys, (n, count, segments), turn=1.0)
  length = jax.random.uniform(keys[3], (n, count, segments, 1), minval=0.08, maxval=0.25)
  radius = jax.random.uniform(keys[4], (n, count, 1), minval=0.02, maxval=0.05) * size
  points = jnp.clip(_chains(start, angle, length), 0, 1)
  return _draw_lines(points, radius, (height, width))


def scratches(key: jax.Array, shape: tuple[int, int, int], count: int = 5) -> jax.Array:
  """Thin, long and nearly straight lines, as on old prints and films.

  Args:
    key: A random key.
    shape: (N, H, W).
    count: Number of scratches per image.

  Returns:
    Masks [N, H, W, 1].
  """
  n, height, width = shape
  segments, size = 6, min(height, width)
  keys = jax.random.split(key, 5)
  start, angle = _walks(keys, (n, count, segments), turn=0.15)
  length = jax.random.uniform(keys[3], (n, count, 1, 1), minval=0.05, maxval=0.2)
  radius = jax.random.uniform(keys[4], (n, count, 1), minval=0.005, maxval=0.012) * size
  return _draw_lines(_chains(start, angle, length), jnp.maximum(radius, 0.5), (height, width))


def _walks(keys, shape, turn):
  """The first points [N, lines, 1, 2] of random walks and the directions [N, lines, segments, 1] of
  their segments.

  Args:
    keys: Random keys, of which the first three are used.
    shape: (N, lines, segments).
    turn: Standard deviation of the change of direction, in radians.
  """
  start = jax.random.uniform(keys[0], (*shape[:2], 1, 2))
  angle = jax.random.uniform(keys[1], (*shape[:2], 1, 1), maxval=2 * jnp.pi)
  return start, angle + jnp.cumsum(turn * jax.random.normal(keys[2], (*shape, 1)), axis=2)


def _chains(start, angle, length):
  """The points [N, lines, segments + 1, 2] of chains of segments, in shares of the image's
  sides."""
  steps = length * jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], -1)
  return jnp.concatenate([start, start + jnp.cumsum(steps, axis=2)], axis=2)


def _draw_lines(points, radius, size) -> jax.Array:
  """Masks [N, H, W, 1] of chains of segments with round ends.

  Args:
    points: [N, lines, segments + 1, 2], (row, column) in shares of the image's sides.
    radius: [N, lines, 1], half the lines' width in pixels.
    size: (H, W).
  """
  (n, count, segments), (height, width) = points.shape[:3], size
  segments -= 1
  points = points * jnp.array([height - 1, width - 1])
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


def text(key: jax.Array, shape: tuple[int, int, int]) -> jax.Array:
  """Lines of text over the image, an eighth of its height high, from a random place of a page.

  Args:
    key: A random key.
    shape: (N, H, W).

  Returns:
    Masks [N, H, W, 1].
  """
  n, height, width = shape
  page = jnp.asarray(_page(height, width))
  free = jnp.array(page.shape) - jnp.array([height, width]) + 1
  at = jax.random.randint(key, (n, 2), 0, free)
  cut = lambda at: jax.lax.dynamic_slice(page, (at[0], at[1]), (height, width))
  return jax.vmap(cut)(at)[..., None]


@functools.lru_cache(maxsize=8)
def _page(height: int, width: int) -> np.ndarray:
  """A page of twice the size of the image, 1 where there are letters."""
  from PIL import Image, ImageDraw, ImageFont

  words = "The quick brown fox jumps over the lazy dog 0123456789 "
  line = max(height // 8, 6)
  picture = Image.new("L", (2 * width, 2 * height))
  pen = ImageDraw.Draw(picture)
  font = ImageFont.load_default(line)
  for number in range(2 * height // (2 * line) + 1):
    shifted = words[(11 * number) % len(words) :] + words * (4 * width // (line * len(words)) + 2)
    pen.text((0, 2 * line * number), shifted, fill=255, font=font)
  return (np.asarray(picture) >= 128).astype(np.float32)


def border(key: jax.Array, shape: tuple[int, int, int], share: float = 0.25) -> jax.Array:
  """A frame on all four sides, at least one pixel wide: what lies outside the picture.

  Args:
    key: Not used. It is there because all mask functions have the same arguments.
    shape: (N, H, W).
    share: The share of the image that is missing, above 0 and below 1.

  Returns:
    Masks [N, H, W, 1].

  Raises:
    ValueError: If the share is not above 0 and below 1.

  Examples:
    >>> import jax
    >>> float(border(jax.random.key(0), (1, 64, 64), 0.75).sum())
    3072.0
  """
  _check_share("share", share)
  n, height, width = shape
  outermost = 1 - jnp.pad(jnp.ones((n, height - 2, width - 2, 1)), ((0, 0), (1, 1), (1, 1), (0, 0)))
  return jnp.maximum(1 - center(key, shape, 1 - share), outermost)


# Facial parts on the aligned face crop, in shares of its side: row and column of the centre,
# height, width. Left is the left of the picture.
_PARTS = {
  "left_eye": (0.48, 0.34, 0.17, 0.25),
  "right_eye": (0.48, 0.65, 0.17, 0.25),
  "nose": (0.625, 0.495, 0.22, 0.25),
  "lips": (0.79, 0.495, 0.17, 0.36),
}


def part(name: str, key: jax.Array, shape: tuple[int, int, int], jitter: float = 0.0) -> jax.Array:
  """A facial part, at its place in the aligned face crop (`data.images.celeba_box`).

  Args:
    name: `left_eye` (the picture's left), `right_eye`, `nose` or `lips`.
    key: A random key.
    shape: (N, H, W).
    jitter: The part is shifted at random by up to this share of the image's side, vertically and
      horizontally; at least 0 and below 0.25.

  Returns:
    Masks [N, H, W, 1].

  Raises:
    ValueError: If the jitter is out of range.
  """
  if not 0 <= jitter < 0.25:
    raise ValueError(f"jitter is {jitter}; it must be >= 0 and < 0.25")
  n, height, width = shape
  row, column, h, w = _PARTS[name]
  down, right = jax.random.uniform(key, (2, n, 1, 1), minval=-jitter, maxval=jitter)
  rows = (jnp.arange(height)[:, None] + 0.5) / height
  columns = (jnp.arange(width) + 0.5) / width
  inside = (abs(rows - row - down) <= h / 2) & (abs(columns - column - right) <= w / 2)
  return inside[..., None].astype(jnp.float32)


def eyes(key: jax.Array, shape: tuple[int, int, int], jitter: float = 0.0) -> jax.Array:
  """Both eyes, moved together.

  Args:
    key: A random key.
    shape: (N, H, W).
    jitter: As in `part`.

  Returns:
    Masks [N, H, W, 1].

  Raises:
    ValueError: If the jitter is out of range.
  """
  return jnp.maximum(*(part(name, key, shape, jitter) for name in ("left_eye", "right_eye")))


def grow(mask: jax.Array, pixels: int) -> jax.Array:
  """Enlarges the holes of masks, by a dilation with a square.

  Args:
    mask: [N, H, W, 1].
    pixels: By how many pixels the holes grow in all eight directions.

  Returns:
    Masks [N, H, W, 1].

  Examples:
    >>> import jax.numpy as jnp
    >>> float(grow(jnp.zeros((1, 9, 9, 1)).at[0, 4, 4].set(1), 2).sum())
    25.0
  """
  for window in ((1, 2 * pixels + 1, 1, 1), (1, 1, 2 * pixels + 1, 1)):
    mask = jax.lax.reduce_window(mask, 0.0, jax.lax.max, window, (1, 1, 1, 1), "SAME")
  return mask


def fit(mask: jax.Array, size: tuple[int, int]) -> jax.Array:
  """A mask at a multiple or a fraction of its size: a pixel is missing if any part of it is.

  Args:
    mask: [N, h, w, 1].
    size: (H, W), both multiples or both fractions of h and w.

  Returns:
    [N, H, W, 1].

  Raises:
    ValueError: For another size.

  Examples:
    >>> import jax.numpy as jnp
    >>> float(fit(jnp.zeros((1, 4, 4, 1)).at[0, 0, 0].set(1), (8, 8)).sum())
    4.0
  """
  _, h, w, _ = mask.shape
  height, width = size
  if height % h == 0 and width % w == 0:
    return jnp.repeat(jnp.repeat(mask, height // h, axis=1), width // w, axis=2)
  if h % height == 0 and w % width == 0:
    window = (1, h // height, w // width, 1)
    return jax.lax.reduce_window(mask, 0.0, jax.lax.max, window, window, "VALID")
  raise ValueError(f"a mask of {h}x{w} pixels does not fit images of {height}x{width}")


def _check_share(name: str, value: float) -> None:
  if not 0 < value < 1:
    raise ValueError(f"{name} is {value}; it must be > 0 and < 1")


def _mixture(draws: list[Callable], key: jax.Array, shape: tuple[int, int, int]) -> jax.Array:
  """Masks [N, H, W, 1], each by one of `draws` with equal probability."""
  choose, *keys = jax.random.split(key, 1 + len(draws))
  drawn = jnp.stack([draw(key, shape) for draw, key in zip(draws, keys)])
  return drawn[jax.random.randint(choose, shape[:1], 0, len(draws)), jnp.arange(shape[0])]


def _union(draws: list[Callable], key: jax.Array, shape: tuple[int, int, int]) -> jax.Array:
  """The union of the masks of `draws` [N, H, W, 1]: a pixel is missing if it is in any of them."""
  keys = jax.random.split(key, len(draws))
  return functools.reduce(jnp.maximum, (draw(key, shape) for draw, key in zip(draws, keys)))


KINDS: dict[str, Callable] = {
  "center": center,
  "random": rectangle,
  "half": half,
  "pixels": pixels,
  "strokes": strokes,
  "scratches": scratches,
  "text": text,
  "border": border,
  **{name: functools.partial(part, name) for name in _PARTS},
  "eyes": eyes,
}
_NUMBERS = {"center": "share", "border": "share", "pixels": "rate"} | dict.fromkeys(
  (*_PARTS, "eyes"), "jitter"
)
HELP = (
  f"{', '.join(KINDS)}; center:SHARE, border:SHARE, pixels:RATE, PART:JITTER; unions such as"
  " eyes+lips"
)


def get(kind: str) -> Callable:
  """The mask function (key, shape) -> masks of a kind.

  Some kinds take a number: `center:0.1` (the share that is missing), `pixels:0.5` (the probability
  that a pixel is missing), `lips:0.05` (the facial part, shifted by up to this share of the side).
  `eyes+lips` is the union of two kinds. If several kinds are given, separated by commas, one of
  them is drawn for each image; a kind that is named twice is drawn twice as often.

  Raises:
    ValueError: If the kind is unknown, or its number cannot be read or is out of range.

  Examples:
    >>> import jax
    >>> get("random,strokes,eyes+lips")(jax.random.key(0), (8, 64, 64)).shape
    (8, 64, 64, 1)
  """
  for sign, combine in ((",", _mixture), ("+", _union)):
    if sign in kind:
      return functools.partial(combine, [get(name) for name in kind.split(sign)])
  name, colon, number = kind.partition(":")
  if name not in KINDS or (colon and name not in _NUMBERS):
    raise ValueError(f"unknown mask {kind!r}; there are: {HELP}")
  if not colon:
    return KINDS[name]
  try:
    draw = functools.partial(KINDS[name], **{_NUMBERS[name]: float(number)})
  except ValueError:
    raise ValueError(f"the {_NUMBERS[name]} of {kind!r} is not a number") from None
  jax.eval_shape(lambda key: draw(key, (1, 8, 8)), jax.random.key(0))  # Checks the range.
  return draw


def is_kind(kind: str) -> bool:
  """Whether `get` accepts this kind."""
  try:
    get(kind)
  except ValueError:
    return False
  return True


def is_fixed(kind: str) -> bool:
  """Whether a kind is the same hole for every image."""
  fixed = lambda one: one.partition(":")[0] in ("center", "border") or one in (*_PARTS, "eyes")
  return "," not in kind and all(fixed(one) for one in kind.split("+"))


def is_facial(kind: str) -> bool:
  """Whether a kind is of parts of a face alone.

  Examples:
    >>> is_facial("eyes+lips"), is_facial("center"), is_facial("eyes:0.1,center")
    (True, False, False)
  """
  names = {name.partition(":")[0] for name in kind.split("+")}
  return is_kind(kind) and "," not in kind and names <= {*_PARTS, "eyes"}
