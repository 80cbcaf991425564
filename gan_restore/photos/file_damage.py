"""Detects the damage of a photograph: the task `auto`, and `jpeg:auto`."""

import dataclasses

import numpy as np

from gan_restore.data import images
from gan_restore.degradations import operators
from gan_restore.photos import crops, photograph
from gan_restore.photos.photograph import Photograph

_NOISE_MIN = 0.01  # Less noise than this is not worth removing.
_NOISE_SIDE = 16  # The noise of smaller pictures cannot be estimated.


@dataclasses.dataclass(frozen=True)
class FileDamage:
  """The damage to one photograph.

  Attributes:
    task: A name of `tasks.get`; empty if there is none.
    mask: The mask of its part [H, W, 1], or None.
    jpeg: The operator of `jpeg:auto`, or None.
    grey: Whether the photograph is grey, so that its noise is too.
    sentence: What was detected, for people; empty if the task named the damage.
  """

  task: str
  mask: np.ndarray | None = None
  jpeg: operators.Jpeg | None = None
  sentence: str = ""
  grey: bool = False

  @property
  def kind(self) -> tuple:
    """What the photographs of a batch have in common."""
    return self.task, self.mask is None, self.jpeg and self.jpeg.subsampling, self.grey


def detect(
  photo: Photograph,
  square: np.ndarray,
  box: crops.Box,
  mask: np.ndarray | None = None,
) -> FileDamage:
  """Detects the damage of a part of a photograph.

  It finds the quantisation tables of a JPEG, if the part has the file's own pixels and begins at
  a block; the transparent pixels; and, if there are no tables, the noise, by
  `operators.estimate_sigma`.

  Args:
    photo: The photograph.
    square: The part [H, W, C] in [0, 1], from `crops.crop_picture`.
    box: The same part in the photograph, from `crops.choose_box`.
    mask: The mask of a hole [H, W, 1] that is known besides, or None.

  Returns:
    The damage, with an empty task if there is none.
  """
  found, parts = [], []
  compression, why = find_jpeg(photo, square.shape[:2], box)
  if compression is None:
    small = min(square.shape[:2]) < _NOISE_SIDE
    sigma = 0.0 if small else float(operators.estimate_sigma(square[None]).item())
    if sigma >= _NOISE_MIN:
      found.append(f"noise of {sigma:.2f}")
      parts.append("denoise:auto")
    if why:
      found.append(why)
  else:
    found.append(describe(compression, photo.grey))
    parts.append("jpeg:auto")
  transparent = transparent_pixels(photo, square.shape[:2], box)
  if transparent is not None:
    found.append(f"{transparent.mean():.0%} transparent pixels")
    mask = transparent if mask is None else np.maximum(mask, transparent)
  if mask is not None:
    parts.append("inpaint")
  what = ", ".join(found) or ("a hole" if parts else "no damage found")
  return FileDamage("+".join(parts), mask, compression, what)


def find_jpeg(
  photo: Photograph, size: tuple[int, int], box: crops.Box
) -> tuple[operators.Jpeg | None, str]:
  """The compression of a JPEG, if a part of it still has the blocks of the file.

  Args:
    photo: The photograph.
    size: (H, W) of the part after resampling.
    box: The part in the photograph, from `crops.choose_box`.

  Returns:
    (the operator or None, a phrase that says why there is none). The phrase is empty if there is
    an operator, and if the photograph is no JPEG.
  """
  compression, why = photo.jpeg
  if compression is None:
    return None, why
  left, top, right, bottom = box
  height = 16 if compression.subsampling == "4:2:0" else 8
  width = 8 if compression.subsampling == "4:4:4" else 16
  # Only the picture's edge cuts blocks.
  whole = all(
    side % block == 0 or end == last
    for side, block, end, last in zip(size, (height, width), (bottom, right), photo.pixels.shape)
  )
  if (bottom - top, right - left) != tuple(size) or left % width or top % height or not whole:
    return None, photograph.LOST
  return compression, ""


def describe(compression: operators.Jpeg, grey: bool = False) -> str:
  """The quality of libjpeg whose luma table is most like that of a JPEG, and its subsampling.

  Args:
    compression: From `find_jpeg`.
    grey: Whether the photograph is grey. Its phrase has no subsampling.

  Returns:
    A phrase.

  Examples:
    >>> describe(operators.jpeg(75))
    'JPEG of quality 75, 4:2:0'
  """
  table = np.asarray(compression.luma[0])
  apart = lambda quality: np.mean((operators.standard_tables(quality)[0] - table) ** 2)
  quality = min(range(1, 101), key=apart)
  if grey:
    return f"grey JPEG of quality {quality}"
  return f"JPEG of quality {quality}, {compression.subsampling}"


def transparent_pixels(
  photo: Photograph, size: tuple[int, int], box: crops.Box
) -> np.ndarray | None:
  """The mask [H, W, 1] of the transparent pixels of a part; None if there are none.

  Args:
    photo: The photograph.
    size: (H, W) of the part after resampling.
    box: The part in the photograph, from `crops.choose_box`.

  Returns:
    The mask, or None.
  """
  if photo.alpha is None:
    return None
  clear = photo.alpha[..., 0] < photo.full / 2
  try:
    return crops.crop_mask(images.mask_picture(clear), size, box)
  except images.ImageError:  # No pixel is transparent, or all are.
    return None
