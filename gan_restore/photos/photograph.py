"""Photograph files in and out, with what a file holds besides colours.

The format, EXIF data, the colour profile, transparency, grey, and 16 bits per channel are kept. XMP
data is kept in JPEG and WebP.
"""

import dataclasses
import io
import os
import pathlib
import struct
import zlib
from typing import Any

import numpy as np
import png
import tifffile
from PIL import ExifTags, Image, ImageOps, JpegImagePlugin, TiffImagePlugin, TiffTags

from gan_restore.data import atomic, images
from gan_restore.degradations import operators

FORMATS = {
  "jpg": "JPEG", "png": "PNG", "webp": "WEBP", "tiff": "TIFF", "bmp": "BMP", "gif": "GIF",
  "ppm": "PPM",
}  # fmt: skip
LOST = "a JPEG whose blocks were lost when it was cropped, turned or resampled"
_EXTENSIONS = {name: f".{extension}" for extension, name in FORMATS.items()}
_OPAQUE = ("JPEG", "BMP", "PPM")  # Formats that are written without transparency.
_TIFF_TEXTS = (270, 271, 272, 305, 306, 315, 33432)  # Tags: description, camera, date, artist, ...
_SUBSAMPLINGS = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}  # By Pillow's numbers.
_METADATA = ("exif", "icc_profile", "dpi", "xmp")


@dataclasses.dataclass(frozen=True)
class Photograph:
  """A decoded photograph, upright.

  Attributes:
    pixels: The colours [H, W, 3], or [H, W, 1] if it is grey: uint8, uint16 or float32 in [0, 1].
    alpha: The opacity [H, W, 1], likewise; None if it is opaque.
    format: One of the values of `FORMATS`.
    metadata: Options of Pillow's `save`: `exif`, `icc_profile`, `dpi`, `xmp`.
    jpeg: How a JPEG was compressed: (the operator or None, a phrase that says why there is none).
      The phrase is empty if the photograph is no JPEG.
    pictures: The number of pictures in the file, of which this is the first: frames or pages.
  """

  pixels: np.ndarray
  alpha: np.ndarray | None = None
  format: str = "PNG"
  metadata: dict[str, Any] = dataclasses.field(default_factory=dict)
  jpeg: tuple[operators.Jpeg | None, str] = (None, "")
  pictures: int = 1

  @property
  def grey(self) -> bool:
    """Whether it has no colours, in one channel or in three equal ones."""
    return bool(np.all(self.pixels == self.pixels[..., :1]))

  @property
  def full(self) -> int:
    """The value of white, and of opaque pixels."""
    dtype = self.pixels.dtype
    return np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1

  @property
  def picture(self) -> Image.Image:
    """The photograph in mode RGB, 8 bits; transparent pixels have their own colour."""
    return Image.fromarray(images.to_uint8(self.to_float())).convert("RGB")

  def to_float(self) -> np.ndarray:
    """The colours, float32 [H, W, 3] in [0, 1]. Grey is repeated."""
    values = self.pixels.astype(np.float32) / self.full
    return np.broadcast_to(values, (*values.shape[:2], 3))

  def restored(
    self,
    image: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    keep: bool = True,
    colored: bool = False,
  ) -> "Photograph":
    """This photograph with restored colours.

    Args:
      image: The colours [h, w, 3] in [0, 1], of any size.
      mask: [h, w, 1], 1 where pixels were missing, if any were. They become opaque.
      keep: Whether the other pixels keep their values, bit for bit, if there is a mask.
      colored: Whether a grey photograph was given colours.

    Returns:
      The photograph. Grey ones stay grey unless they were given colours.
    """
    dtype, alpha = self.pixels.dtype, self.alpha
    values = np.asarray(image, np.float64)
    if self.grey and not colored:
      values = values.mean(-1, keepdims=True).repeat(self.pixels.shape[-1], -1)
    pixels = values.clip(0, 1) * self.full
    pixels = (pixels if self.full == 1 else np.rint(pixels)).astype(dtype)
    if mask is not None and keep:
      pixels = np.where(mask > 0, pixels, self.pixels)
    if alpha is not None and alpha.shape[:2] != pixels.shape[:2]:
      resized = Image.fromarray(alpha[..., 0]).resize(pixels.shape[1::-1], Image.Resampling.NEAREST)
      alpha = np.asarray(resized)[..., None]
    if alpha is not None and mask is not None:
      alpha = np.where(mask > 0, dtype.type(self.full), alpha)
    metadata = dict(self.metadata)
    if pixels.shape[-1] != self.pixels.shape[-1]:
      metadata.pop("icc_profile", None)  # It is a profile of grey pictures.
    return Photograph(pixels, alpha, self.format, metadata)

  def like(self, image: Image.Image | np.ndarray) -> Image.Image | np.ndarray:
    """This photograph as a value of the type of another, for which `of` made a photograph."""
    values = self.pixels if self.alpha is None else np.concatenate([self.pixels, self.alpha], -1)
    single = values.shape[-1] == 1
    if isinstance(image, Image.Image):
      if values.dtype == np.uint16 and not single:  # Pillow has no such colours.
        values = np.rint(values / 257).astype(np.uint8)
      picture = Image.fromarray(values[..., 0] if single else values)
      picture.info.update(self.metadata)
      return picture
    values = values[..., 0] if single and image.ndim == 2 else values
    return values.astype(image.dtype, copy=False)  # Such as float64, which is restored in float32.


def of(image: Image.Image | np.ndarray) -> Photograph:
  """A photograph in memory.

  Args:
    image: A picture of Pillow, which is turned upright if its EXIF data says how; or an array
      [H, W], or [H, W, C] of 1, 3 or 4 channels: uint8, uint16 or float in [0, 1].

  Returns:
    The photograph.

  Raises:
    TypeError: If it is neither.
    ValueError: If the array has another shape or type, or values outside of its range.
  """
  if isinstance(image, Image.Image):
    upright = ImageOps.exif_transpose(image)
    return Photograph(*_split(upright), metadata=_metadata(upright), jpeg=_jpeg(image))
  if not hasattr(image, "__array__"):
    kind = type(image).__name__
    raise TypeError(f"the image is a {kind}; it must be a picture of Pillow or a NumPy array")
  if image.ndim not in (2, 3) or image.shape[2:] not in ((), (1,), (3,), (4,)) or not image.size:
    raise ValueError(f"the image has shape {image.shape}; it must be [H, W] or [H, W, 1, 3 or 4]")
  if np.issubdtype(image.dtype, np.floating):
    image = image.astype(np.float32)
    if not (image.min() >= 0 and image.max() <= 1):
      raise ValueError("the image has values outside of [0, 1], or NaN; they must be in [0, 1]")
  elif image.dtype not in (np.uint8, np.uint16):
    raise ValueError(f"the image is {image.dtype}; it must be uint8, uint16 or float in [0, 1]")
  values = image.reshape(*image.shape[:2], -1)
  colors = min(values.shape[-1], 3)
  return Photograph(values[..., :colors], values[..., 3:] if values.shape[-1] == 4 else None)


def read(path: str | os.PathLike) -> Photograph:
  """Decodes a photograph.

  Args:
    path: The file. The first picture is taken, if there are several.

  Returns:
    The photograph, turned upright if its EXIF data says how.

  Raises:
    ImageError: As `images.read_image`.
  """
  with images.opened(path) as (picture, upright):
    format = "JPEG" if picture.format == "MPO" else picture.format
    metadata = _metadata(upright)
    if format == "TIFF":
      metadata["exif"] = _tiff_exif(picture)
    deep = _read_16_bits(path, picture)
    if deep is not None:
      colors, alpha = deep
    else:
      colors, alpha = _split(upright)
    jpeg = _jpeg(picture)
    # The further pictures of a JPEG are previews and depth maps.
    count = 1 if format == "JPEG" else getattr(picture, "n_frames", 1)
  format = format if format in _EXTENSIONS else "PNG"
  return Photograph(colors, alpha, format, metadata, jpeg, count)


def _metadata(picture: Image.Image) -> dict[str, Any]:
  """`Photograph.metadata` of a picture of Pillow."""
  found = {name: picture.info[name] for name in _METADATA if picture.info.get(name)}
  if picture.mode == "CMYK":
    found.pop("icc_profile", None)  # It is a profile of CMYK.
  return found


def _jpeg(picture: Image.Image) -> tuple[operators.Jpeg | None, str]:
  """`Photograph.jpeg` of a picture that Pillow opened."""
  if not isinstance(picture, JpegImagePlugin.JpegImageFile):  # MPO files are JPEGs too.
    return None, ""
  if picture.decoderconfig:  # It was reduced by `thumbnail` or `draft`.
    return None, LOST
  grey = picture.mode == "L"
  subsampling = "4:4:4" if grey else _SUBSAMPLINGS.get(JpegImagePlugin.get_sampling(picture))
  tables = [picture.quantization[layer[3]] for layer in picture.layer]
  # Without the Adobe marker, or with its transform 1, the planes are Y, Cb and Cr.
  ycc = grey or (picture.mode == "RGB" and picture.info.get("adobe_transform", 1) == 1)
  if subsampling is None or not ycc or any(table != tables[1] for table in tables[2:]):
    return None, "a JPEG of a kind that is not supported"
  luma, chroma = (np.array(tables[i]).reshape(8, 8) for i in (0, 0 if grey else 1))
  # Where the photograph is turned upright, its blocks are turned, too. The grid of the blocks still
  # begins in the upper left corner if the sides that are mirrored are whole numbers of blocks.
  turn = picture.getexif().get(images.ORIENTATION, 1)
  tall, wide = (16 if subsampling == "4:2:0" else 8), (8 if subsampling == "4:4:4" else 16)
  upside_down, mirrored = turn in (3, 4, 6, 7), turn in (2, 3, 7, 8)
  if (upside_down and picture.height % tall) or (mirrored and picture.width % wide):
    return None, LOST
  if turn in (5, 6, 7, 8):
    if subsampling == "4:2:2":
      return None, LOST
    luma, chroma = luma.T, chroma.T
  return operators.jpeg_tables(luma, chroma, subsampling), ""


def _split(picture) -> tuple[np.ndarray, np.ndarray | None]:
  """(colours, opacity or None) of a picture of Pillow."""
  mode = picture.mode
  if mode.startswith("I"):  # 16 bits.
    return np.asarray(picture).clip(0, 2**16 - 1).astype(np.uint16)[..., None], None
  grey = mode in ("1", "L", "LA", "La")
  if mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in picture.info:
    values = np.asarray(picture.convert("RGBA"))
    alpha = values[..., 3:]
    return values[..., : 1 if grey else 3], None if np.all(alpha == 255) else alpha
  if grey:
    return np.asarray(picture.convert("L"))[..., None], None
  return np.asarray(images.to_rgb(picture)), None


def _tiff_exif(picture) -> bytes:
  """The descriptive tags of a TIFF file, without those about its pixels."""
  found, exif = picture.getexif(), Image.Exif()
  for tag in _TIFF_TEXTS:
    if tag in found:
      exif[tag] = found[tag]
  for part in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
    if values := found.get_ifd(part):
      exif.get_ifd(part).update(values)
  return exif.tobytes()


def _read_16_bits(path, picture) -> tuple[np.ndarray, np.ndarray | None] | None:
  """(colours, opacity or None) of a file with 16 bits per channel, which Pillow would reduce to 8;
  None of another file."""
  tags = picture.tag_v2 if picture.format == "TIFF" else {}
  turn = picture.getexif().get(images.ORIENTATION, 1)
  inverted = tags.get(262) == 0  # White is zero.
  # 16 bits per sample, grey or RGB.
  if set(tags.get(258, ())) == {16} and tags.get(262) in (0, 1, 2):
    with tifffile.TiffFile(path) as file:
      page = file.pages.first
      values, turn = page.asarray(), page.tags.valueof(images.ORIENTATION, default=1)
    if values.dtype != np.uint16:
      return None
    if page.planarconfig == 2 and values.ndim == 3:  # One plane after the other.
      values = np.moveaxis(values, 0, -1)
  elif picture.format == "PNG" and (content := pathlib.Path(path).read_bytes())[24] == 16:
    reader = png.Reader(bytes=content)
    reader.preamble()
    reader.sbit = None  # Otherwise values of fewer significant bits would be shifted.
    width, height, rows, _ = reader.asDirect()  # A transparent colour becomes opacity.
    values = np.array(list(rows), np.uint16).reshape(height, width, -1)
  else:
    return None
  values = values.reshape(*values.shape[:2], -1)
  planes = values.shape[-1]
  if planes > 4:
    return None
  values = _TURNS.get(turn, _TURNS[1])(values)
  count = 3 if planes >= 3 else 1
  colors, alpha = values[..., :count], values[..., count:]
  colors = np.uint16(65535) - colors if inverted else colors
  extra = tags.get(TiffImagePlugin.EXTRASAMPLES, (2,))[0]
  if planes == count or extra == 0:  # No further plane, or one that is no opacity.
    return colors, None
  if extra == 1:  # The colours are multiplied with the opacity.
    plain = np.rint(colors / np.maximum(alpha / 65535, 1e-6)).clip(0, 65535)
    colors = plain.astype(np.uint16)
  return colors, alpha


# What turns an array [H, W, C] upright, by EXIF's orientation.
_TURNS = {
  1: lambda x: x,
  2: lambda x: x[:, ::-1],
  3: lambda x: x[::-1, ::-1],
  4: lambda x: x[::-1],
  5: lambda x: x.swapaxes(0, 1),
  6: lambda x: x.swapaxes(0, 1)[:, ::-1],
  7: lambda x: x.swapaxes(0, 1)[::-1, ::-1],
  8: lambda x: x.swapaxes(0, 1)[::-1],
}


def extension(format: str, path: pathlib.Path | None = None) -> str:
  """The extension of files of a format: that of `path`, if it is of the format.

  Examples:
    >>> extension("JPEG"), extension("JPEG", pathlib.Path("a.JPEG")), extension("PNG")
    ('.jpg', '.JPEG', '.png')
  """
  own = path.suffix if path else ""
  return own if Image.registered_extensions().get(own.lower()) == format else _EXTENSIONS[format]


def write(path: str | os.PathLike, photograph: Photograph) -> None:
  """Writes a photograph in its format. The file is complete or not there.

  JPEGs have the quality 95, without subsampling. GIFs have at most 256 colours. The other formats
  keep every value.

  Args:
    path: The file.
    photograph: The photograph. Where the format has no transparency, the colours are laid over
      white; where it has no 16 bits, they are reduced to 8.
  """
  with atomic.replacing(path) as partial:
    _write(partial, photograph)


def _write(path, photograph) -> None:
  colors, alpha, format = photograph.pixels, photograph.alpha, photograph.format
  deep = colors.dtype == np.uint16
  values = colors if alpha is None else np.concatenate([colors, alpha], -1)
  if deep and format == "TIFF":
    _write_tiff_16(path, values, photograph.metadata)
    return
  if deep and format == "PNG":
    _write_png_16(path, values, photograph.metadata)
    return
  if deep and not (format == "PPM" and values.shape[-1] == 1):
    values = np.rint(values / 257).astype(np.uint8)
  picture = Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)
  if alpha is not None and format == "GIF":  # Pillow writes grey GIFs without transparency.
    picture = picture.convert("RGBA")
  if alpha is not None and format in _OPAQUE:
    picture = images.to_rgb(picture)
  options = dict(photograph.metadata)
  if format == "JPEG":
    options |= {"quality": 95, "subsampling": 0}
  if format == "WEBP":
    options |= {"lossless": True, "exact": True}
  picture.save(path, format=format, **options)


def _write_tiff_16(path, values, metadata) -> None:
  """Pillow writes no colours of 16 bits, but the directory of any TIFF. One strip of deflated rows
  follows it."""
  if values.shape[-1] == 2:  # Pillow does not open grey with opacity.
    values = values[..., [0, 0, 0, 1]]
  height, width, planes = values.shape
  strip = zlib.compress(values.astype("<u2").tobytes())
  exif = Image.Exif()
  exif.load(metadata.get("exif", b""))
  tags = TiffImagePlugin.ImageFileDirectory_v2()
  tags.update({tag: exif[tag] for tag in _TIFF_TEXTS if tag in exif})
  for part in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
    if own := exif.get_ifd(part):
      tags[part] = dict(own)
  tags.tagtype[TiffImagePlugin.STRIPOFFSETS] = TiffTags.LONG
  tags.update({
    TiffImagePlugin.IMAGEWIDTH: width,
    TiffImagePlugin.IMAGELENGTH: height,
    TiffImagePlugin.ROWSPERSTRIP: height,
    TiffImagePlugin.SAMPLESPERPIXEL: planes,
    TiffImagePlugin.BITSPERSAMPLE: (16,) * planes,
    TiffImagePlugin.COMPRESSION: 8,  # Deflate.
    TiffImagePlugin.PHOTOMETRIC_INTERPRETATION: 2 if planes > 2 else 1,  # RGB, or 0 is black.
    TiffImagePlugin.STRIPOFFSETS: 0,  # Counted from the end of the directory.
    TiffImagePlugin.STRIPBYTECOUNTS: len(strip),
  })  # fmt: skip
  if planes == 4:
    tags[TiffImagePlugin.EXTRASAMPLES] = 2  # Opacity, not multiplied with the colours.
  if "icc_profile" in metadata:
    tags.tagtype[TiffImagePlugin.ICCPROFILE] = TiffTags.UNDEFINED
    tags[TiffImagePlugin.ICCPROFILE] = metadata["icc_profile"]
  if "dpi" in metadata:
    tags[TiffImagePlugin.X_RESOLUTION], tags[TiffImagePlugin.Y_RESOLUTION] = metadata["dpi"]
    tags[TiffImagePlugin.RESOLUTION_UNIT] = 2  # Inches.
  with open(path, "wb") as file:
    tags.save(file)
    file.write(strip)


def _write_png_16(path, values, metadata) -> None:
  height, width, planes = values.shape
  buffer = io.BytesIO()
  writer = png.Writer(width, height, greyscale=planes < 3, alpha=planes % 2 == 0, bitdepth=16)
  writer.write(buffer, values.reshape(height, -1))
  first, *others = png.Reader(bytes=buffer.getvalue()).chunks()
  further = []
  if "dpi" in metadata:
    per_metre = [round(float(dpi) / 0.0254) for dpi in metadata["dpi"]]
    further.append((b"pHYs", struct.pack(">IIB", *per_metre, 1)))
  if "icc_profile" in metadata:
    further.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata["icc_profile"])))
  if "exif" in metadata:
    further.append((b"eXIf", metadata["exif"].removeprefix(b"Exif\0\0")))
  with open(path, "wb") as file:
    png.write_chunks(file, [first, *further, *others])
