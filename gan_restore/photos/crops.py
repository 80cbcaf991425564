"""The square of a photograph that a restorer gets, and the mask of the same square."""

import os

import numpy as np
from PIL import Image

from gan_restore.data import images
from gan_restore.photos import faces

CROPS = ("center", "face")
Box = tuple[int, int, int, int]


def choose_box(picture: Image.Image, crop: str) -> Box | None:
  """The square to crop: None for the centred one, or that of the largest frontal face.

  Args:
    picture: The photograph.
    crop: 'center' or 'face'.

  Returns:
    (left, top, right, bottom), or None.

  Raises:
    ImageError: If there is no face.
  """
  if crop == "center":
    return None
  box = faces.find_face(picture)
  if box is None:
    raise images.ImageError("no frontal face found; --crop center crops the centre instead")
  return box


def crop_picture(
  picture: Image.Image, size: tuple[int, int], channels: int, box: Box | None = None
) -> np.ndarray:
  """A square of a photograph as float32 [H, W, C] in [0, 1].

  Args:
    picture: The photograph.
    size: (H, W). If they differ, the middle of the square is taken.
    channels: 3, or 1 for grey.
    box: From `choose_box`.

  Returns:
    The square, resampled.
  """
  picture = images.crop_and_resample(picture, max(size), box)
  return _middle(images.to_float(picture.convert("L") if channels == 1 else picture), size)


def _middle(square, size):
  """The middle [H, W, C] of a square."""
  top, left = ((len(square) - side) // 2 for side in size)
  return square[top : top + size[0], left : left + size[1]]


def crop_mask(mask: Image.Image, size: tuple[int, int], box: Box | None = None) -> np.ndarray:
  """The mask of the same square, float32 [H, W, 1]: a pixel is missing if any part of it is.

  Args:
    mask: Mode L, 255 where a pixel of the photograph is missing, else 0.
    size: (H, W), as in `crop_picture`.
    box: From `choose_box`.

  Returns:
    1 where a pixel of the square is missing, else 0.

  Raises:
    ImageError: If the mask marks every pixel or no pixel of the square as missing.
  """
  cropped = _middle(images.to_float(images.crop_and_resample(mask, max(size), box)), size) > 0
  if cropped.all() or not cropped.any():
    every = "every pixel of the crop as missing; at least one must be known"
    none = "no pixel of the crop as missing; it must mark at least one"
    raise images.ImageError(f"the mask marks {every if cropped.all() else none}")
  return cropped.astype(np.float32)


def read_crop(
  path: str | os.PathLike,
  size: tuple[int, int],
  channels: int,
  crop: str = "center",
  mask: str | os.PathLike | None = None,
) -> tuple[np.ndarray, np.ndarray | None, Box | None]:
  """A square of a photograph, and of its mask.

  Args:
    path: The photograph.
    size: (H, W) of the result, as in `crop_picture`.
    channels: 3, or 1 for grey.
    crop: 'center' or 'face'.
    mask: A black and white picture of the photograph's size, white where pixels are missing.

  Returns:
    (picture [H, W, C] in [0, 1], mask [H, W, 1] or None, the square in the photograph as in
    `choose_box`).

  Raises:
    ImageError: If a file cannot be used, there is no face, or the mask does not fit.
  """
  picture = images.read_image(path)
  box = choose_box(picture, crop)
  cropped = None
  if mask is not None:
    whole = images.read_mask(mask)
    if whole.size != picture.size:
      raise images.ImageError(
        f"the mask is {whole.width}x{whole.height} pixels; it must be"
        f" {picture.width}x{picture.height}, like the picture"
      )
    cropped = crop_mask(whole, size, box)
  return crop_picture(picture, size, channels, box), cropped, box
