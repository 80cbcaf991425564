"""JPEG: the loss of its compression, as libjpeg computes it.

Images x are [N, H, W, C], float32 in [0, 1], C = 1 or 3; so are the decoded pictures y.
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy import special

from gan_restore.degradations import checks
from gan_restore.degradations.operators import base
from gan_restore.degradations.operators.base import (
  STATIC,
  BuiltIn,
  Deviation,
  Operator,
  Shape,
  pytree,
)

# The axes of the chroma planes [N, h, w] that have half the resolution.
_HALVED = {"4:2:0": (1, 2), "4:2:2": (2,), "4:4:4": ()}
SUBSAMPLINGS = tuple(_HALVED)

# The standard's example tables (ITU-T T.81, annex K), by rows of vertical frequency.
_LUMA = np.array([
  [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55],
  [14, 13, 16, 24, 40, 57, 69, 56], [14, 17, 22, 29, 51, 87, 80, 62],
  [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
  [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
])  # fmt: skip
_CHROMA = np.full((8, 8), 99)
_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]

# The orthonormal discrete cosine transform of 8 values, by rows of frequency.
_DCT = np.cos(np.pi * (np.arange(8) + 0.5) * np.arange(8)[:, None] / 8) / 2
_DCT[0] /= 2**0.5

# RGB to Y, Cb and Cr (JFIF), by rows, and back.
_TO_YCC = np.array(
  [[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]]
)
_TO_RGB = np.array([[1, 0, 1.402], [1, -0.344136286, -0.714136286], [1, 1.772, 0]])

# The share of the variance of each frequency that linear interpolation keeps.
_KEPT = 5 / 8 + 3 / 8 * np.cos(np.pi * np.arange(8) / 8)

# The variance of rounding to a whole number.
_ROUNDED = 1 / 12


@pytree
class Jpeg(BuiltIn):
  """See `jpeg`."""

  kind = "jpeg"
  luma: jax.Array  # [N or 1, 8, 8]
  chroma: jax.Array  # [N or 1, 8, 8]
  # [N, C, 8, 8], of each frequency's errors in each plane; None until it is estimated from y.
  deviations: jax.Array | None = None
  subsampling: str = dataclasses.field(metadata=STATIC, default="4:2:0")

  @property
  def _halved(self) -> tuple[int, ...]:
    return _HALVED[self.subsampling]

  @property
  def mixes(self) -> frozenset[str]:
    return frozenset({"pixels", "channels"} if self._halved else ())

  @property
  def reduction(self) -> int | None:
    return 1

  @property
  def block(self) -> int:
    return 8 if self.subsampling == "4:4:4" else 16

  def __call__(self, x: jax.Array) -> jax.Array:
    """The image itself. Rounding has no useful gradient. If the model had the chroma's lower
    resolution, restorers would sharpen the chroma, with its errors: they lost 0.2 to 1 dB."""
    _check_channels(x)
    return x

  def on_noise(self) -> Operator:
    if not self._halved:
      return self
    return base.as_operator(jax.tree_util.Partial(_average_chroma, self))

  def corrupt(self, x: jax.Array, key: jax.Array) -> jax.Array:
    """Encodes and decodes, with libjpeg's roundings (its slow integer transform)."""
    eight_bits = lambda v: jnp.clip(jnp.round(v), 0, 255)
    planes = [eight_bits(plane) for plane in _to_planes(eight_bits(255 * x) / 255)]
    decoded = []
    for i, plane in enumerate(planes):
      axes = self._halved if i else ()
      if axes:
        # libjpeg rounds up and down in turn.
        turn = jnp.arange(-(-x.shape[2] // 2)) % 2
        bias = (turn + 1) / 4 if len(axes) == 2 else turn / 2
        plane = jnp.floor(_downsample(plane, axes) + bias)
      table = self._table(i)
      coefficients = jnp.round(8 * _transform(plane)) / 8  # libjpeg keeps three binary digits.
      plane = _inverse(_round(coefficients / table) * table, plane.shape[1:])
      plane = eight_bits(plane)
      decoded.append(_upsample(plane, x.shape[1:3], axes))
    return eight_bits(255 * _to_image([jnp.round(plane) for plane in decoded])) / 255

  def _table(self, plane: int) -> jax.Array:
    table = self.chroma if plane else self.luma
    return table[:, None, None]

  def _planes(self, image: jax.Array, of_y: bool = False) -> list[jax.Array]:
    """The planes that were transformed: of y, so that they are those of the file; of any other
    image, by the encoder's averages."""
    first, *chroma = _to_planes(image)
    reduce = _undo_upsample if of_y else _downsample
    return [first, *(reduce(plane, self._halved) for plane in chroma)]

  def given(self, y: jax.Array, shape: Shape, after: Operator) -> Operator:
    """The standard deviations come from the bins of y's own coefficients."""
    picture = after.show(y)
    if self.deviations is not None or picture.shape != tuple(shape):
      return self
    return dataclasses.replace(self, deviations=self._estimate(picture))

  @jax.jit
  def _estimate(self, picture: jax.Array) -> jax.Array:
    """The standard deviations [N, C, 8, 8] of a decoded picture."""
    variances = []
    for i, plane in enumerate(self._planes(picture, of_y=True)):
      table = self._table(i)
      bins = _round(_transform(plane) / table)
      variance = _bin_variance(bins, table, _SHAPES[min(i, 1)], _DECAYS[min(i, 1)])
      variances.append(variance + self._encoding(i, picture.shape[-1]) + _ROUNDED)
    return jnp.sqrt(jnp.stack(variances, 1)).reshape(-1, len(variances), 8, 8)

  def _encoding(self, plane: int, channels: int) -> float:
    """The variance in a plane of the roundings before its transform: of the image, of the plane,
    and of its lower resolution."""
    of_image = np.sum(_TO_YCC[plane] ** 2) if channels == 3 else 0
    if not plane or not self._halved:
      return _ROUNDED * (1 + of_image)
    return _ROUNDED * (1 + (1 + of_image) / 2 ** len(self._halved))

  def noise(self, shape: Shape) -> Deviation:
    """Before y is given, that of coefficients that fill their bins."""
    if self.deviations is None:
      mean = jnp.mean(self.luma**2, (1, 2)) / 12
      return (jnp.sqrt(mean) / 255)[:, None, None, None]
    left = np.ones((self.deviations.shape[1], 8, 8))
    for axis in self._halved:
      left[1:] *= np.expand_dims(_KEPT, 2 - axis)
    variances = jnp.mean(self.deviations**2 * jnp.float32(left), (2, 3)) / 255**2
    if variances.shape[1] == 3:
      weights = jnp.asarray(_TO_RGB**2, jnp.float32)
      variances = jnp.einsum("ni,ci->nc", variances, weights, precision="highest")
    return jnp.sqrt(variances[:, None, None, :] + self._rounding(shape[-1]) ** 2)

  def _rounding(self, channels: int) -> jax.Array:
    """The standard deviation [C] of the roundings after the interpolation."""
    variances = np.full(channels, _ROUNDED)
    if channels == 3 and self._halved:
      variances += _ROUNDED * np.sum(_TO_RGB[:, 1:] ** 2, 1)  # Of the interpolated chroma.
    return jnp.asarray(np.sqrt(variances) / 255, jnp.float32)

  def noise_after(self, after: Operator, shape: Shape) -> Deviation:
    """Not that of independent noise, if pixels or channels are mixed: the errors of one coefficient
    lie in all pixels of its block, and those of one chroma value in all channels. By random probes
    of coefficients, the variance of each channel is estimated, and divided by that of independent
    noise. `propagate` is multiplied by the root of this ratio.

    It is exact where roundings err like chance. Errors that follow the edges of an image are not
    independent: on a photograph, 0.7 to 0.95 of the measured deviation were stated.
    """
    passed = after.propagate(self.noise(shape), shape)
    if self.deviations is None or not after.mixes:
      return passed
    probed = jnp.asarray(base.probe(after, jax.tree_util.Partial(_errors, self), shape))
    rounded = after.propagate(self._rounding(shape[-1]), shape)
    axes = tuple(range(1, jnp.ndim(probed) - 1))
    mean = lambda deviation: jnp.mean(
      jnp.broadcast_to(jnp.square(deviation), probed.shape), axes, keepdims=True
    )
    variance = mean(probed) + mean(rounded)
    return passed * jnp.sqrt(variance / jnp.maximum(mean(passed), 1e-12))

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    """The lower resolution of the chroma reduces noise."""
    if shape[-1] == 1 or not self._halved or not base.is_positive(sigma):
      return sigma
    luma = np.outer(_TO_RGB[:, 0], _TO_YCC[0])
    chroma = _TO_RGB[:, 1:] @ _TO_YCC[1:]
    # The weight of a pixel itself in its interpolated mean of two pixels along each axis, and the
    # sum of squares of all weights.
    own, squares = (of_axis ** len(self._halved) for of_axis in (3 / 8, 5 / 16))
    weights = jnp.asarray(luma**2 + 2 * luma * chroma * own + chroma**2 * squares, jnp.float32)
    variance = jnp.broadcast_to(jnp.square(sigma), (*(jnp.shape(sigma)[:-1] or (1, 1, 1)), 3))
    return jnp.sqrt(jnp.einsum("...j,ij->...i", variance, weights, precision="highest"))

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    """Puts each coefficient back into its bin. Blocks of y with black or white values are left as
    they are, because the decoder clipped them."""
    found = []
    clipped = jnp.any((y < 0.5 / 255) | (y > 1 - 0.5 / 255), -1).astype(x.dtype)
    own, given = _to_planes(x), self._planes(y, of_y=True)
    for i, (plane, target) in enumerate(zip(own, given)):
      table, axes = self._table(i), self._halved if i else ()
      center = _round(_transform(target) / table)
      small = _downsample(plane, axes)
      coefficients = _transform(small)
      inside = jnp.clip(coefficients, (center - 0.5) * table, (center + 0.5) * table)
      spoilt = _in_blocks(_downsample(clipped, axes)) > 0
      inside = jnp.where(spoilt, coefficients, inside)
      change = _inverse(inside - coefficients, small.shape[1:]) - 128
      for axis in axes:
        change = lax.slice_in_dim(jnp.repeat(change, 2, axis), 0, plane.shape[axis], axis=axis)
      found.append(plane + change)
    return _to_image(found)


def jpeg(quality: int = 50, subsampling: str = "4:2:0") -> Jpeg:
  """The loss of JPEG compression at a quality of libjpeg.

  The damage is that of libjpeg. The model is the image itself, with the errors as noise. The
  picture y must still have the pixels of the file, uncropped or cropped at multiples of 8 pixels
  (of 16 along halved axes), because the blocks begin at its upper left corner.

  Args:
    quality: 1 to 100, as in libjpeg and Pillow.
    subsampling: The chroma's resolution: '4:2:0' (half along both axes), '4:2:2' (half along the
      rows) or '4:4:4' (whole).

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C], for C = 1 and 3.

  Raises:
    ValueError: If the quality is out of range, or for another subsampling.

  Examples:
    >>> jpeg(50).luma[0, 0].astype(int).tolist()
    [16, 11, 10, 16, 24, 40, 51, 61]
  """
  luma, chroma = standard_tables(quality)
  return jpeg_tables(luma, chroma, subsampling)


def standard_tables(quality: int) -> tuple[np.ndarray, np.ndarray]:
  """libjpeg's quantisation tables for luma and chroma, each [8, 8].

  Args:
    quality: 1 to 100.

  Returns:
    (luma, chroma).

  Raises:
    ValueError: If the quality is out of range.
  """
  checks.at_least(quality, 1, "quality")
  if quality > 100:
    raise ValueError(f"quality is {quality}; it must be <= 100")
  scale = 5000 // int(quality) if quality < 50 else 200 - 2 * int(quality)
  luma, chroma = (np.clip((table * scale + 50) // 100, 1, 255) for table in (_LUMA, _CHROMA))
  return luma, chroma


def jpeg_tables(
  luma: np.ndarray | jax.Array, chroma: np.ndarray | jax.Array, subsampling: str = "4:2:0"
) -> Jpeg:
  """The loss of JPEG compression with the quantisation tables of a file.

  Args:
    luma: The table of Y, by rows: 64 numbers, or [N, 8, 8] with one for each image. Pillow holds
      it as `picture.quantization[0]`.
    chroma: The table of Cb and Cr, likewise.
    subsampling: As in `jpeg`.

  Returns:
    An operator like that of `jpeg`.

  Raises:
    ValueError: If a table has another size or a number below 1, or for another subsampling.
  """
  checks.one_of(subsampling, SUBSAMPLINGS, "subsampling")
  tables = []
  for name, table in (("luma", luma), ("chroma", chroma)):
    table = np.asarray(table, np.float32)
    if table.size == 0 or table.size % 64 or not np.all(table >= 1):
      raise ValueError(f"{name} must be a table of 64 numbers of at least 1")
    tables.append(jnp.asarray(table.reshape(-1, 8, 8)))
  return Jpeg(tables[0], tables[1], subsampling=subsampling)


# --- Planes [N, h, w] of Y, Cb and Cr, in 0 to 255 ------------------------------------------------


def _check_channels(x):
  if x.shape[-1] not in (1, 3):
    raise ValueError(f"jpeg: images have {x.shape[-1]} channels; they must have 1 or 3")


def _to_planes(x):
  """[N, H, W, C] in [0, 1] -> C planes."""
  _check_channels(x)
  if x.shape[-1] == 1:
    return [255 * x[..., 0]]
  y, cb, cr = (255 * jnp.sum(x * jnp.float32(row), -1) for row in _TO_YCC)
  return [y, cb + 128, cr + 128]


def _to_image(planes):
  """The inverse of `_to_planes`."""
  if len(planes) == 1:
    return planes[0][..., None] / 255
  y, cb, cr = planes[0], planes[1] - 128, planes[2] - 128
  channels = [row[0] * y + row[1] * cb + row[2] * cr for row in _TO_RGB]
  return jnp.stack(channels, -1) / 255


def _downsample(plane, axes):
  """Means of two pixels along each of the axes; the last one is repeated if their number is odd."""
  for axis in axes:
    line = jnp.moveaxis(plane, axis, -1)
    line = jnp.pad(line, ((0, 0), (0, 0), (0, line.shape[-1] % 2)), mode="edge")
    plane = jnp.moveaxis((line[..., ::2] + line[..., 1::2]) / 2, -1, axis)
  return plane


def _upsample(plane, size, axes):
  """Twice the resolution along each of the axes by linear interpolation ("fancy upsampling"), cut
  to `size`."""
  for axis in axes:
    line = jnp.moveaxis(plane, axis, -1)
    padded = jnp.pad(line, ((0, 0), (0, 0), (1, 1)), mode="edge")
    before, after = padded[..., :-2], padded[..., 2:]
    both = jnp.stack([0.75 * line + 0.25 * before, 0.75 * line + 0.25 * after], -1)
    plane = jnp.moveaxis(both.reshape(*line.shape[:-1], -1), -1, axis)
  return plane[:, : size[0], : size[1]]


def _undo_upsample(plane, axes):
  """The plane of half the resolution whose `_upsample` is this one."""
  for axis in axes:
    line = jnp.moveaxis(plane, axis, -1)
    odd = line.shape[-1] % 2
    even, uneven = line[..., ::2], line[..., 1::2]
    if odd:
      uneven = jnp.concatenate([uneven, even[..., -1:]], -1)
    # Value i is 1.5 even[i] - 0.5 uneven[i - 1], and 1.5 uneven[i] - 0.5 even[i + 1].
    first = jnp.concatenate([even[..., :1], 1.5 * even[..., 1:] - 0.5 * uneven[..., :-1]], -1)
    second = jnp.concatenate([1.5 * uneven[..., :-1] - 0.5 * even[..., 1:], uneven[..., -1:]], -1)
    if odd:
      second = second.at[..., -1].set(first[..., -1])
    plane = jnp.moveaxis((first + second) / 2, -1, axis)
  return plane


def _transform(plane):
  """The coefficients [N, rows, columns, 8, 8] of the blocks of a plane."""
  n, h, w = plane.shape
  plane = jnp.pad(plane, ((0, 0), (0, -h % 8), (0, -w % 8)), mode="edge") - 128
  blocks = plane.reshape(n, -(-h // 8), 8, -(-w // 8), 8).transpose(0, 1, 3, 2, 4)
  dct = jnp.float32(_DCT)
  return jnp.einsum("ij,nrcjk,lk->nrcil", dct, blocks, dct, precision="highest")


def _in_blocks(plane):
  """The largest value [N, rows, columns, 1, 1] of each block of a plane."""
  n, h, w = plane.shape
  plane = jnp.pad(plane, ((0, 0), (0, -h % 8), (0, -w % 8)))
  blocks = plane.reshape(n, -(-h // 8), 8, -(-w // 8), 8)
  return jnp.max(blocks, (2, 4))[..., None, None]


def _inverse(coefficients, size):
  """The plane [N, h, w] of coefficients."""
  n, rows, columns = coefficients.shape[:3]
  dct = jnp.float32(_DCT)
  blocks = jnp.einsum("ji,nrcjk,kl->nrcil", dct, coefficients, dct, precision="highest")
  plane = blocks.transpose(0, 1, 3, 2, 4).reshape(n, 8 * rows, 8 * columns)
  return plane[:, : size[0], : size[1]] + 128


def _round(v):
  """To the nearest whole number, halves away from zero."""
  return jnp.trunc(v + jnp.copysign(0.5, v))


# The coefficients of a frequency have a density proportional to exp(-|c / scale|^shape). More of
# them are small than in a Laplace distribution, whose shape is 1. Their scale falls with a power of
# the frequency, the sum of its row and column; the constant coefficients are as large as those of a
# frequency of 0.4. The shapes and powers are those of luma and chroma. Measured on 64 faces and
# parts of 8 photographs: the standard deviation that is estimated from y is 0.85 to 0.98 of the
# true one, for qualities from 5 to 80.
_SHAPES, _DECAYS = (0.85, 0.6), (1.5, 1.9)
_FREQUENCY = np.maximum(np.add.outer(np.arange(8), np.arange(8)), 0.4).ravel()
# Scales at the frequency 1, of which the likeliest is taken.
_LEVELS = np.geomspace(0.01, 3_000, 140)
_PRIOR_BLOCKS = 8  # The number of blocks that the likeliest scale counts for.


def _bin_variance(bins, table, shape, decay):
  """The variances [N, 64] of the coefficients within their bins, for whole numbers `bins` [N, rows,
  columns, 8, 8].

  The scale of each frequency follows from the share of zeros among its coefficients. This share is
  averaged with the one that is expected if all frequencies obey the decay, which counts for
  `_PRIOR_BLOCKS` blocks.
  """
  bins, table = bins.reshape(*bins.shape[:3], 64), table.reshape(-1, 64)
  count = bins.shape[1] * bins.shape[2]
  zeros = jnp.sum(bins == 0, (1, 2))[:, None]  # [N, 1, 64]
  scales = _LEVELS[:, None] * _FREQUENCY**-decay  # [levels, 64]
  expected = special.gammainc(1 / shape, (table[:, None] / 2 / scales) ** shape)
  expected = jnp.clip(expected, 1e-7, 1 - 1e-7)
  likelihood = zeros * jnp.log(expected) + (count - zeros) * jnp.log1p(-expected)
  best = jnp.argmax(jnp.sum(likelihood[..., 1:], -1), 1)[:, None, None]  # Without the constant.
  expected = jnp.take_along_axis(jnp.broadcast_to(expected, likelihood.shape), best, 1)
  share = ((zeros + _PRIOR_BLOCKS * expected) / (count + _PRIOR_BLOCKS))[:, 0]
  # Half a bin, in units of the scale and to the power of the shape, from the share of zeros.
  grid = jnp.geomspace(1e-3, 40, 400)
  half = jnp.interp(share, special.gammainc(1 / shape, grid), grid)
  second, first = 3 / shape, 1 / shape
  moment = math.gamma(second) / math.gamma(first) * special.gammainc(second, half)
  of_zeros = moment / half ** (2 / shape)
  return (of_zeros + (1 - share) / 3) * (table / 2) ** 2  # Other bins are filled evenly.


def _average_chroma(A, x):
  """x [N, H, W, C] with the lower resolution of A's chroma."""
  first, *chroma = _to_planes(x)
  size, axes = x.shape[1:3], A._halved
  return _to_image([first, *(_upsample(_downsample(p, axes), size, axes) for p in chroma)])


def _errors(A, noise):
  """Errors [N, H, W, C] of the decoded picture, of A's standard deviations, made from independent
  noise [1, H, W, C] of the variance 1."""
  planes, size = [], noise.shape[1:3]
  for i in range(noise.shape[-1]):
    axes = A._halved if i else ()
    plane = _downsample(noise[..., i], axes) * 2 ** (len(axes) / 2)  # Its variance remains 1.
    coefficients = _transform(plane + 128) * A.deviations[:, i, None, None]
    plane = _inverse(coefficients, plane.shape[1:]) - (0 if i else 128)
    planes.append(_upsample(plane, size, axes))
  return _to_image(planes)
