"""The part of a photograph that a restorer gets, and the mask of the same part."""

import os

import numpy as np
from PIL import Image

from gan_restore.data import images
from gan_restore.photos import faces

CROPS = ("whole", "center", "face")
Box = tuple[int, int, int, int]


def choose_box(picture: Image.Image, crop: str) -> Box:
  """The part to restore.

  Args:
    picture: The photograph.
    crop: 'whole', the photograph; 'center', its centred square; or 'face', that of the largest
      face.

  Returns:
    (left, top, right, bottom).

  Raises:
    ImageError: If there is no face.
    ValueError: If a face is to be found, and the extra `faces` is not installed.
  """
  if crop == "whole":
    return 0, 0, *picture.size
  if crop == "center":
    return images.center_box(picture.size)
  box = faces.find_box(picture)
  if box is None:
    raise images.ImageError("no face found; the crop center takes the centre instead")
  return box


def crop_picture(
  picture: Image.Image, size: tuple[int, int], channels: int, box: Box
) -> np.ndarray:
  """A part of a photograph as float32 [H, W, C] in [0, 1].

  Args:
    picture: The photograph.
    size: (H, W). A part of another size is a square, which is resampled; if H and W differ, the
      middle of the square is taken.
    channels: 3, or 1 for grey.
    box: From `choose_box`.

  Returns:
    The part.
  """
  picture = picture.convert("L") if channels == 1 else picture
  return images.to_float(_cut(picture, size, box))


def _cut(picture, size, box):
  """The part of a picture in mode RGB or L."""
  width, height = box[2] - box[0], box[3] - box[1]
  if (height, width) == tuple(size):
    return picture.crop(box)
  square = images.crop_and_resample(picture, max(size), box)
  top, left = ((max(size) - side) // 2 for side in size)
  return square.crop((left, top, left + size[1], top + size[0]))


def crop_mask(mask: Image.Image, size: tuple[int, int], box: Box) -> np.ndarray:
  """The mask of the same part, float32 [H, W, 1]: a pixel is missing if any part of it is.

  Args:
    mask: Mode L, 255 where a pixel of the photograph is missing, else 0.
    size: (H, W), as in `crop_picture`.
    box: From `choose_box`.

  Returns:
    1 where a pixel of the part is missing, else 0.

  Raises:
    ImageError: If the mask marks every pixel or no pixel of the part as missing.
  """
  # In floating point, so that one pixel of a large photograph is not rounded away.
  cropped = np.asarray(_cut(mask.convert("F"), size, box))[..., None] > 1e-3
  if cropped.all() or not cropped.any():
    every = "every pixel of the crop as missing; at least one must be known"
    none = "no pixel of the crop as missing; it must mark at least one"
    raise images.ImageError(f"the mask marks {every if cropped.all() else none}")
  return cropped.astype(np.float32)


def read_mask(path: str | os.PathLike, picture: Image.Image) -> Image.Image:
  """The mask of a photograph, as in `images.read_mask`.

  Args:
    path: A black and white picture of the photograph's size, white where pixels are missing.
    picture: The photograph.

  Returns:
    The mask.

  Raises:
    ImageError: If the file cannot be used, or has another size.
  """
  mask = images.read_mask(path)
  if mask.size != picture.size:
    raise images.ImageError(
      f"the mask is {mask.width}x{mask.height} pixels; it must be"
      f" {picture.width}x{picture.height}, like the picture"
    )
  return mask
