"""Image files in and out: decoding pictures of many formats, cropping, resampling.

Images here are `PIL.Image` in mode RGB, or uint8 arrays [H, W, C]; the pipeline turns them into
float32 in [0, 1].
"""

import contextlib
import os
import pathlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageOps

from gan_restore.data import atomic

MAX_PIXELS = 64_000_000  # Larger pictures are refused, as a protection against decompression bombs.
EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
ORIENTATION = 0x0112  # The EXIF tag that says how a picture is turned.
# The face crop of an aligned CelebA image: the square of 128 at row 50, column 25 of 178 x 218.
CELEBA_SIZE, CELEBA_TOP, CELEBA_LEFT, CELEBA_SIDE = (178, 218), 50, 25, 128


class DataError(ValueError):
  """A data set that cannot be used; the message says what is wrong and what to do."""


class ImageError(ValueError):
  """A file that cannot be used as an image; the message is one sentence that names it."""


def find_images(folder: str | os.PathLike) -> list[pathlib.Path]:
  """All image files below `folder`, by their extensions, sorted; hidden files are left out."""
  folder = pathlib.Path(folder)
  return sorted(
    path
    for path in folder.rglob("*")
    if path.suffix.lower() in EXTENSIONS
    and path.is_file()
    and not any(part.startswith(".") for part in path.relative_to(folder).parts)
  )


def read_image(path: str | os.PathLike, background: str = "white") -> Image.Image:
  """Decodes a picture of any kind as RGB.

  Grey, palette, 16-bit and CMYK pictures are converted, transparency is laid over white, and the
  camera's EXIF rotation is applied.

  Args:
    path: The file.
    background: The colour that shows through transparent pixels.

  Returns:
    An RGB image.

  Raises:
    ImageError: If the file is missing, empty, will not decode or has over `MAX_PIXELS` pixels.
  """
  with opened(path) as (_, upright):
    return to_rgb(upright, background)


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Iterator[tuple[Image.Image, Image.Image]]:
  """Opens a picture file and decodes it.

  Args:
    path: The file.

  Yields:
    (the picture as it is in the file, the picture turned as its EXIF data says).

  Raises:
    ImageError: As `read_image`; also if the body of the `with` statement fails.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise ImageError(f"{path}: no such file")
  if path.stat().st_size == 0:
    raise ImageError(f"{path}: the file is empty")
  try:
    with Image.open(path) as image:
      if image.width * image.height > MAX_PIXELS:
        raise ImageError(
          f"{path}: {image.width}x{image.height} pixels are more than the {MAX_PIXELS:,} allowed"
        )
      image.load()
      yield image, ImageOps.exif_transpose(image)
  except ImageError:
    raise
  except Exception as error:  # Pillow's decoders raise many types of exceptions.
    raise ImageError(f"{path}: cannot be decoded as an image ({error})") from error


def read_mask(path: str | os.PathLike) -> Image.Image:
  """A black and white picture as a mask: mode L, 255 where a pixel is missing, else 0. Transparent
  pixels are known.

  Raises:
    ImageError: As `read_image`; or if over a twentieth of the pixels are neither black nor white.
  """
  values = np.asarray(read_image(path, background="black").convert("L"))
  if np.mean((values > 64) & (values < 192)) > 0.05:
    raise ImageError(
      f"{path}: the mask has grey pixels; it must be white where pixels are missing, and black"
      " elsewhere"
    )
  return mask_picture(values >= 128)


def mask_picture(missing: np.ndarray) -> Image.Image:
  """A mask [H, W] as a picture: white where pixels are missing, that is where it is not 0."""
  return Image.fromarray(np.where(missing, np.uint8(255), np.uint8(0)))


def to_rgb(image: Image.Image, background: str = "white") -> Image.Image:
  """Converts an image of any mode to RGB: 16 bits are scaled to 8, and the background shows through
  transparent pixels."""
  if image.mode.startswith("I;16") or image.mode == "I":  # 16 bits per pixel.
    values = np.asarray(image).astype(np.float64)
    image = Image.fromarray(np.rint(np.clip(values / 257, 0, 255)).astype(np.uint8))
  elif image.mode == "F":
    values = np.nan_to_num(np.asarray(image))
    scale = 255 if values.max(initial=0) <= 1 else 1
    image = Image.fromarray(np.rint(np.clip(values * scale, 0, 255)).astype(np.uint8))
  if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
    image = image.convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, background), image)
  return image.convert("RGB")


def center_box(size: tuple[int, int]) -> tuple[int, int, int, int]:
  """The largest centred square of a (width, height), as (left, top, right, bottom)."""
  width, height = size
  side = min(width, height)
  left, top = (width - side) // 2, (height - side) // 2
  return left, top, left + side, top + side


def celeba_box(size: tuple[int, int]) -> tuple[int, int, int, int]:
  """The face crop of an aligned CelebA image of this (width, height), at any scale.

  Examples:
    >>> celeba_box((178, 218)), celeba_box((89, 109))
    ((25, 50, 153, 178), (12, 25, 76, 89))
  """
  scale = size[0] / CELEBA_SIZE[0]
  left, top, side = int(CELEBA_LEFT * scale), int(CELEBA_TOP * scale), round(CELEBA_SIDE * scale)
  return left, top, left + side, top + side


def is_aligned_celeba(size: tuple[int, int]) -> bool:
  """Whether a (width, height) has the proportions of an aligned CelebA image."""
  width, height = size
  return abs(height - width * CELEBA_SIZE[1] / CELEBA_SIZE[0]) < 1


def crop_and_resample(
  image: Image.Image, size: int, box: tuple[int, int, int, int] | None = None
) -> Image.Image:
  """Crops to a square and resamples it to `size` x `size`, by area where it shrinks.

  Args:
    image: Any mode Pillow can resample.
    size: Pixels on a side of the result.
    box: (left, top, right, bottom); the default is the centred square.

  Returns:
    The crop.
  """
  box = box or center_box(image.size)
  side = box[2] - box[0]
  if side == size:
    return image.crop(box)
  resampling = Image.Resampling.BOX if side > size else Image.Resampling.BICUBIC
  return image.resize((size, size), resampling, box=box)


def to_float(image: Image.Image | np.ndarray) -> np.ndarray:
  """uint8 [H, W, C] or an image -> float32 [H, W, C] in [0, 1]."""
  array = np.asarray(image)
  if array.ndim == 2:
    array = array[..., None]
  return array.astype(np.float32) / 255


def to_uint8(array: np.ndarray) -> np.ndarray:
  """float [..., C] in [0, 1] -> uint8; values outside are clipped."""
  return np.rint(np.clip(np.asarray(array, np.float32), 0, 1) * 255).astype(np.uint8)


def write_png(path: str | os.PathLike, array: np.ndarray) -> None:
  """Writes float [H, W, C] in [0, 1], C = 1 or 3, as a PNG, atomically."""
  pixels = to_uint8(array)
  pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
  with atomic.replacing(path) as partial:
    Image.fromarray(pixels).save(partial, format="PNG")
