"""Training images cut out of whole pictures at random: faces framed anyhow, and patches.

A frame is a matrix [2, 3] that maps a pixel (column, row, 1) of an image to coordinates (u, v) in
the face's own frame, where CelebA's face crop is the square from -1 to 1. A matrix of zeros stands
for no face, or an unknown frame. Pixel (0, 0) covers the square from (0, 0) to (1, 1).
"""

import dataclasses
from typing import Any

import jax
import numpy as np
from PIL import Image

from gan_restore.data import images

UNKNOWN = np.zeros((2, 3), np.float32)


def aligned(height: int, width: int) -> np.ndarray:
  """The frame of CelebA's own face crop, resampled to a size.

  Examples:
    >>> (aligned(64, 64) @ [32, 32, 1]).tolist(), (aligned(64, 64) @ [64, 0, 1]).tolist()
    ([0.0, 0.0], [1.0, -1.0])
  """
  return np.array([[2 / width, 0, -1], [0, 2 / height, -1]], np.float32)


def mirror(frame: np.ndarray | jax.Array, width: int) -> Any:
  """The frame of the mirrored image: column x becomes width - x, and the face's left its right.

  Examples:
    >>> bool(np.all(mirror(aligned(64, 64), 64) == aligned(64, 64)))
    True
  """
  flipped = frame @ np.array([[-1, 0, width], [0, 1, 0], [0, 0, 1]], np.float32)
  return flipped * np.array([[-1], [1]], np.float32)


def shift(frame: np.ndarray | jax.Array, left: int | jax.Array, top: int | jax.Array) -> Any:
  """The frame of the part of an image that begins at column `left` and row `top`.

  Args:
    frame: [..., 2, 3].
    left: The first column.
    top: The first row.

  Returns:
    [..., 2, 3].

  Examples:
    >>> shift(aligned(64, 64), 32, 0)[:, 2].tolist()
    [0.0, -1.0]
  """
  moved = frame[..., :1] * left + frame[..., 1:2] * top
  return frame + moved * np.array([0, 0, 1], np.float32)


@dataclasses.dataclass(frozen=True)
class Framing:
  """How training images are cut out of pictures.

  Attributes:
    size: Pixels on a side of the image.
    aligned_share: Share of the faces that are framed exactly as CelebA's.
    scales: Range of the size of the other faces, in sizes of the aligned face.
    close_share: Share of the other faces of which the image is only a part.
    roll: Their largest rotation in degrees.
    shift: Their largest shift along each axis, in sides of the image.
    known_share: Share of the faces whose frame is given.
    photograph_scales: Range of the factor by which pictures without a face are reduced.
    flip: Whether half of the images are mirrored.
    margin: How far around the face crop the pictures are real, in its sides; beyond, they are
      mirrored.
  """

  size: int
  aligned_share: float = 0.5
  scales: tuple[float, float] = (0.7, 1.4)
  close_share: float = 0.25
  roll: float = 25.0
  shift: float = 0.15
  known_share: float = 2 / 3
  photograph_scales: tuple[float, float] = (1.0, 3.0)
  flip: bool = True
  margin: float = 0.2

  def __call__(self, picture: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Cuts an image out of a picture at random. A picture with the proportions of an aligned CelebA
    image is taken for one.

    Args:
      picture: uint8 [H, W, C].
      rng: Random generator.

    Returns:
      `image` uint8 [size, size, C] and its `frame` float32 [2, 3].
    """
    whole = Image.fromarray(picture)
    if images.is_aligned_celeba(whole.size):
      image, frame = self._face(whole, rng)
    else:
      image, frame = self._patch(whole, rng), UNKNOWN
    if self.flip and rng.random() < 0.5:
      # The mirrored face has a mirrored frame: u of the mirrored pixel, negated.
      image = image[:, ::-1]
      frame = mirror(frame, self.size)
    if rng.random() > self.known_share:
      frame = UNKNOWN
    return {"image": np.ascontiguousarray(image), "frame": np.asarray(frame, np.float32)}

  def _face(self, picture, rng):
    box = images.celeba_box(picture.size)
    side = box[2] - box[0]
    sharp = 1.25 * side / self.size  # Faces are not enlarged much, because that would teach blur.
    if rng.random() < self.aligned_share and sharp >= 1:
      return np.asarray(
        images.crop_and_resample(picture, self.size, images.celeba_box(picture.size))
      ), aligned(self.size, self.size)
    low, high = self.scales
    shift = self.shift
    if rng.random() < self.close_share:
      low, high, shift = high, high * 2, 0.5
    high = max(min(high, sharp), low)
    scale = np.exp(rng.uniform(np.log(low), np.log(high)))
    angle = np.deg2rad(rng.uniform(-self.roll, self.roll))
    moved = rng.uniform(-shift, shift, 2)
    return similarity_crop(picture, self.size, scale, angle, moved, self.margin)

  def _patch(self, picture, rng):
    low, high = self.photograph_scales
    high = max(low, min(high, min(picture.size) / self.size))
    factor = np.exp(rng.uniform(np.log(low), np.log(high)))
    side = min(factor * self.size, *picture.size)
    left, top = (rng.uniform(0, length - side) for length in picture.size)
    if factor < 1.15:
      side, left, top = min(self.size, *picture.size), int(left), int(top)
    box = (left, top, left + side, top + side)
    if side == self.size:
      return np.asarray(picture.crop(tuple(map(int, box))))
    return np.asarray(picture.resize((self.size, self.size), Image.Resampling.BICUBIC, box=box))


def similarity_crop(
  picture: Image.Image, size: int, scale: float, angle: float, shift: np.ndarray, margin: float
) -> tuple[np.ndarray, np.ndarray]:
  """An image of an aligned CelebA picture in which the face is scaled, rotated and shifted.

  Args:
    picture: An aligned CelebA image, at any resolution.
    size: Pixels on a side of the result.
    scale: Side of the face crop, in sides of the result.
    angle: Rotation of the face in radians, clockwise.
    shift: Shift of the face's centre to the right and down, in sides of the result.
    margin: Width of the part of the picture around the face crop that is used, in sides of the
      crop; what lies beyond is mirrored.

  Returns:
    (image uint8 [size, size, C], frame [2, 3]).
  """
  left, top, right, bottom = images.celeba_box(picture.size)
  # Coordinates in the face's frame of a pixel of the result.
  c, s = np.cos(angle), np.sin(angle)
  turn = np.array([[c, s], [-s, c]]) * 2 / (size * scale)
  frame = np.column_stack([turn, -turn @ (size * (0.5 + np.asarray(shift)))])
  # The part of the picture that is real, reduced so that no pixel is skipped.
  side = right - left
  reach = int(margin * side)
  box = (
    max(left - reach, 0), max(top - reach, 0),
    min(right + reach, picture.size[0]), min(bottom + reach, picture.size[1]),
  )  # fmt: skip
  reduction = max(side / (size * scale), 1.0)
  extent = np.array([box[2] - box[0], box[3] - box[1]])
  reduced = np.maximum(np.round(extent / reduction), 1).astype(int)
  resampling = Image.Resampling.BOX if reduction > 1.5 else Image.Resampling.BICUBIC
  small = np.asarray(picture.resize(tuple(reduced), resampling, box=box))
  to_small = frame * side / 2
  to_small[:, 2] += [(left + right) / 2 - box[0], (top + bottom) / 2 - box[1]]
  to_small *= (reduced / extent)[:, None]
  to_small[:, 2] += size
  mirrored = np.pad(small, ((size, size), (size, size), (0, 0)), mode="symmetric")
  image = Image.fromarray(mirrored).transform(
    (size, size), Image.Transform.AFFINE, tuple(to_small.ravel()), Image.Resampling.BICUBIC
  )
  return np.asarray(image), np.asarray(frame, np.float32)


def whole(picture: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
  """The whole picture, without the last rows and columns beyond a multiple of 8, so that the blocks
  of low resolutions and of JPEG fit."""
  del rng
  height, width = (side - side % 8 for side in picture.shape[:2])
  if not height or not width:
    raise ValueError(
      f"a picture has {picture.shape[1]}x{picture.shape[0]} pixels; at least 8x8 are needed"
    )
  return {"image": picture[:height, :width]}
