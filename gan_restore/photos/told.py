"""What a picture file itself tells about its damage: the task `auto`, and `jpeg:auto`."""

import dataclasses
import os

import numpy as np
from PIL import Image, ImageOps, JpegImagePlugin

from gan_restore.data import images
from gan_restore.degradations import operators
from gan_restore.photos import crops

_NOISE_MIN = 0.01  # Less noise than this is not worth removing.
_SUBSAMPLINGS = {0: "4:4:4", 2: "4:2:0"}  # By Pillow's numbers.


@dataclasses.dataclass(frozen=True)
class Told:
  """The damage that a file tells.

  Attributes:
    task: Its name in `tasks`; empty if there is none.
    jpeg: The operator of `jpeg:auto`, or None.
    mask: The transparent pixels of the square [H, W, 1], or None.
    sentence: What was found, for people.
  """

  task: str
  jpeg: operators.Jpeg | None
  mask: np.ndarray | None
  sentence: str


def tell(path: str | os.PathLike, square: np.ndarray, box: crops.Box | None) -> Told:
  """What a file tells about the damage of one of its squares.

  It tells the quantisation tables of a JPEG, if the square has the file's own pixels and begins at
  a block; the transparent pixels; and, if there are no tables, the noise, by
  `operators.estimate_sigma`.

  Args:
    path: The file.
    square: The square [S, S, C] in [0, 1], from `crops.crop_picture`.
    box: The same square in the file, from `crops.choose_box`.

  Returns:
    What was found.
  """
  found, parts = [], []
  compression, why = find_jpeg(path, len(square), box)
  if compression is None:
    sigma = float(operators.estimate_sigma(square[None]).item())
    if sigma >= _NOISE_MIN:
      found.append(f"noise of {sigma:.2f}")
      parts.append("denoise:auto")
    if why:
      found.append(why)
  else:
    found.append(f"JPEG of quality {quality(compression)}, {compression.subsampling}")
    parts.append("jpeg:auto")
  mask = _transparent(path, len(square), box)
  if mask is not None:
    found.append(f"{mask.mean():.0%} transparent pixels")
    parts.append("inpaint")
  return Told("+".join(parts), compression, mask, ", ".join(found) or "no damage found")


def find_jpeg(
  path: str | os.PathLike, size: int, box: crops.Box | None
) -> tuple[operators.Jpeg | None, str]:
  """The compression of a JPEG file, if a square of it still has the blocks of the file.

  Args:
    path: The file.
    size: The side of the square after resampling, in pixels.
    box: The square in the file, from `crops.choose_box`.

  Returns:
    (the operator or None, why there is none; empty if the file is no JPEG).
  """
  with Image.open(path) as picture:
    if picture.format != "JPEG":
      return None, ""
    subsampling = _SUBSAMPLINGS.get(JpegImagePlugin.get_sampling(picture))
    left, top, right, _ = box or images.center_box(picture.size)
    quantization = getattr(picture, "quantization", {})
    tables = [quantization[i] for i in sorted(quantization)]
    turned = picture.getexif().get(0x0112, 1) != 1
    if picture.mode == "L":  # One table, and no chroma.
      subsampling, tables = "4:4:4", tables * 2
  if right - left != size or turned or left % 16 or top % 16:
    return None, "a JPEG, whose blocks were lost when it was cropped or resampled"
  if subsampling is None or len(tables) != 2:
    return None, "a JPEG of a kind that is not supported"
  return operators.jpeg_tables(tables[0], tables[1], subsampling), ""


def quality(compression: operators.Jpeg) -> int:
  """The quality of libjpeg whose luma table is most like this one.

  Examples:
    >>> quality(operators.jpeg(75))
    75
  """
  table = np.asarray(compression.luma[0])
  apart = lambda q: float(np.mean((np.asarray(operators.jpeg(q).luma[0]) - table) ** 2))
  return min(range(1, 101), key=apart)


def _transparent(path, size, box) -> np.ndarray | None:
  """The mask [S, S, 1] of the transparent pixels of a square; None if there are none."""
  with Image.open(path) as picture:
    if not (picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info):
      return None
    alpha = ImageOps.exif_transpose(picture).convert("RGBA").getchannel("A")
  hole = alpha.point(lambda value: 255 if value < 128 else 0)
  mask = images.to_float(images.crop_and_resample(hole, size, box)) > 0
  return mask.astype(np.float32) if mask.any() and not mask.all() else None
