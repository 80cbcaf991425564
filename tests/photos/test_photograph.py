"""Photograph files: everything that a file holds is kept."""

import dataclasses
import io
import warnings

import numpy as np
import png
import pytest
import tifffile
from PIL import Image, ImageCms

from gan_restore.data.images import ImageError
from gan_restore.photos import photograph

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def pixels():
  return np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


def again(path, tmp_path, name="again"):
  """What is read of a photograph that was read and written."""
  found = photograph.read(path)
  there = tmp_path / f"{name}{photograph.extension(found.format)}"
  photograph.write(there, found)
  return found, photograph.read(there), there


@pytest.mark.parametrize("extension", ["png", "webp", "tiff", "bmp", "ppm"])
def test_colors_of_8_bits_are_kept(extension, pixels, tmp_path):
  path = tmp_path / f"photo.{extension}"
  Image.fromarray(pixels).save(path, **({"lossless": True} if extension == "webp" else {}))
  found, written, there = again(path, tmp_path)
  np.testing.assert_array_equal(found.pixels, pixels)
  np.testing.assert_array_equal(written.pixels, pixels)
  assert there.suffix == path.suffix and found.alpha is None
  np.testing.assert_array_equal(found.to_float(), np.float32(pixels) / 255)


@pytest.mark.parametrize("mode", ["L", "1", "LA", "RGBA", "P", "CMYK", "I;16"])
@pytest.mark.parametrize("extension", ["png", "tiff"])
def test_modes(mode, extension, pixels, tmp_path):
  path = tmp_path / f"photo.{extension}"
  if mode == "I;16":
    picture = Image.fromarray(pixels[..., 0].astype(np.uint16) * 200)
  else:
    picture = Image.fromarray(pixels).convert(mode)
  if mode == "CMYK" and extension == "png":
    pytest.skip("PNG has no CMYK")
  if mode in ("LA", "RGBA"):
    picture.putalpha(Image.fromarray(pixels[..., 1]))
  picture.save(path)
  found, written, _ = again(path, tmp_path)
  grey = mode in ("L", "1", "LA", "I;16")
  assert found.pixels.shape == (20, 30, 1 if grey else 3)
  assert found.pixels.dtype == (np.uint16 if mode == "I;16" else np.uint8)
  if mode in ("LA", "RGBA"):
    np.testing.assert_array_equal(found.alpha[..., 0], pixels[..., 1])
    np.testing.assert_array_equal(written.alpha, found.alpha)
  np.testing.assert_array_equal(written.pixels, found.pixels)
  if mode == "I;16":
    np.testing.assert_array_equal(found.pixels, np.asarray(picture)[..., None])


@pytest.mark.parametrize("planes", [1, 2, 3, 4])
def test_png_of_16_bits(planes, tmp_path):
  values = np.random.default_rng(0).integers(0, 2**16, (20, 30, planes), np.uint16)
  with open(tmp_path / "photo.png", "wb") as file:
    writer = png.Writer(30, 20, greyscale=planes < 3, alpha=planes % 2 == 0, bitdepth=16)
    writer.write(file, values.reshape(20, -1))
  for found in again(tmp_path / "photo.png", tmp_path)[:2]:
    np.testing.assert_array_equal(found.pixels, values[..., : 3 if planes > 2 else 1])
    assert (found.alpha is None) == (planes % 2 == 1)
    if found.alpha is not None:
      np.testing.assert_array_equal(found.alpha, values[..., -1:])


@pytest.mark.parametrize("planes", [1, 3, 4])
def test_tiff_of_16_bits(planes, tmp_path):
  values = np.random.default_rng(0).integers(0, 2**16, (20, 30, planes), np.uint16)
  tifffile.imwrite(
    tmp_path / "photo.tiff", np.squeeze(values), photometric="rgb" if planes > 1 else "minisblack"
  )
  for found in again(tmp_path / "photo.tiff", tmp_path)[:2]:
    assert found.pixels.dtype == np.uint16
    np.testing.assert_array_equal(found.pixels, values[..., : 3 if planes > 2 else 1])
    assert (found.alpha is not None) == (planes == 4)


def test_tiff_with_one_plane_after_the_other(tmp_path):
  values = np.random.default_rng(0).integers(0, 2**16, (20, 30, 3), np.uint16)
  planes = np.moveaxis(values, -1, 0)
  tifffile.imwrite(tmp_path / "a.tiff", planes, photometric="rgb", planarconfig="separate")
  np.testing.assert_array_equal(photograph.read(tmp_path / "a.tiff").pixels, values)


def test_tiff_of_16_bits_in_which_white_is_zero(tmp_path):
  values = np.random.default_rng(0).integers(0, 2**16, (20, 30), np.uint16)
  tifffile.imwrite(tmp_path / "photo.tiff", values, photometric="miniswhite")
  for found in again(tmp_path / "photo.tiff", tmp_path)[:2]:
    np.testing.assert_array_equal(found.pixels[..., 0], 65535 - values)


def test_png_of_16_bits_with_a_transparent_colour(tmp_path):
  values = np.full((20, 30, 3), 1000, np.uint16)
  values[:5] = 7
  with open(tmp_path / "photo.png", "wb") as file:
    writer = png.Writer(30, 20, greyscale=False, bitdepth=16, transparent=(7, 7, 7))
    writer.write(file, values.reshape(20, -1))
  for found in again(tmp_path / "photo.png", tmp_path)[:2]:
    assert np.all(found.alpha[:5] == 0) and np.all(found.alpha[5:] == 65535)
    np.testing.assert_array_equal(found.pixels, values)


def test_png_of_16_bits_of_which_12_are_significant(tmp_path):
  values = np.random.default_rng(0).integers(0, 2**12, (20, 30, 3), np.uint16) * 16
  plain = io.BytesIO()
  png.Writer(30, 20, greyscale=False, bitdepth=16).write(plain, values.reshape(20, -1))
  first, *others = png.Reader(bytes=plain.getvalue()).chunks()
  with open(tmp_path / "photo.png", "wb") as file:
    png.write_chunks(file, [first, (b"sBIT", bytes([12, 12, 12])), *others])
  np.testing.assert_array_equal(photograph.read(tmp_path / "photo.png").pixels, values)


def test_grey_tiff_of_16_bits_with_opacity(tmp_path):
  """Pillow opens none with two planes, so that it is written in colour."""
  grey, alpha = np.random.default_rng(0).integers(0, 2**16, (2, 20, 30, 1), np.uint16)
  photo = photograph.Photograph(grey, alpha, format="TIFF")
  photograph.write(tmp_path / "photo.tiff", photo)
  found = photograph.read(tmp_path / "photo.tiff")
  np.testing.assert_array_equal(found.pixels, grey.repeat(3, -1))
  np.testing.assert_array_equal(found.alpha, alpha)


def test_a_grey_gif_with_transparency(pixels, tmp_path):
  alpha = (pixels[..., 1:2] > 128).astype(np.uint8) * 255
  photograph.write(tmp_path / "a.gif", photograph.Photograph(pixels[..., :1], alpha, "GIF"))
  np.testing.assert_array_equal(photograph.read(tmp_path / "a.gif").alpha, alpha)


def test_metadata_in_memory(pixels, tmp_path):
  """A picture of Pillow keeps its profile, its EXIF data and its resolution, but its direction."""
  exif = Image.Exif()
  exif[0x010F], exif[0x0112] = "A camera", 6
  path = tmp_path / "a.png"
  Image.fromarray(pixels).save(path, exif=exif, icc_profile=PROFILE, dpi=(300, 300))
  with Image.open(path) as picture:
    photo = photograph.of(picture)
    found = photo.restored(np.zeros((30, 20, 3))).like(picture)
  assert found.size == (20, 30) and found.info["icc_profile"] == PROFILE
  assert round(float(found.info["dpi"][0])) == 300
  assert found.getexif()[0x010F] == "A camera" and 0x0112 not in found.getexif()


@pytest.mark.parametrize(
  "dtype,white", [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1), (np.float64, 1)]
)
def test_an_array_keeps_its_type(dtype, white):
  image = np.zeros((8, 6, 3), dtype)
  found = photograph.of(image).restored(np.ones((8, 6, 3))).like(image)
  assert found.dtype == dtype and found.max() == (
    np.iinfo(dtype).max if dtype().dtype.kind == "u" else 1
  )


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tiff"])
def test_metadata_is_kept(extension, pixels, tmp_path):
  exif = Image.Exif()
  exif[0x010F] = "A camera"
  exif.get_ifd(0x8769)[0x9003] = "2001:02:03 04:05:06"
  path = tmp_path / f"photo.{extension}"
  Image.fromarray(pixels).save(path, exif=exif.tobytes(), icc_profile=PROFILE, dpi=(300, 300))
  *_, there = again(path, tmp_path)
  with Image.open(there) as written:
    assert written.getexif()[0x010F] == "A camera"
    assert written.getexif().get_ifd(0x8769)[0x9003] == "2001:02:03 04:05:06"
    assert written.info["icc_profile"] == PROFILE
    if extension != "webp":  # It has no resolution.
      assert round(float(written.info["dpi"][0])) == 300


@pytest.mark.parametrize("extension", ["png", "tiff"])
@pytest.mark.parametrize("planes", [1, 3, 4])
def test_metadata_with_16_bits(extension, planes, tmp_path):
  values = np.random.default_rng(0).integers(0, 2**16, (20, 30, planes), np.uint16)
  exif = Image.Exif()
  exif[0x010F] = "A camera"
  exif.get_ifd(0x8769)[0x9003] = "2001:02:03 04:05:06"
  metadata = {"icc_profile": PROFILE, "exif": exif.tobytes(), "dpi": (300, 300)}
  photo = photograph.Photograph(values[..., :3], format=photograph.FORMATS[extension])
  photo = dataclasses.replace(photo, alpha=values[..., 3:] if planes > 3 else None)
  there = tmp_path / f"a.{extension}"
  photograph.write(there, dataclasses.replace(photo, metadata=metadata))
  found, written, there = again(there, tmp_path)
  for read in (found, written):
    np.testing.assert_array_equal(read.pixels, photo.pixels)
  with Image.open(there) as picture:
    assert picture.getexif()[0x010F] == "A camera" and picture.info["icc_profile"] == PROFILE
    assert picture.getexif().get_ifd(0x8769)[0x9003] == "2001:02:03 04:05:06"
    assert [round(float(dpi)) for dpi in picture.info["dpi"]] == [300, 300]
  if extension == "tiff":
    with tifffile.TiffFile(there) as file:
      np.testing.assert_array_equal(file.asarray(), np.squeeze(values))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "png of 16 bits", "tiff", "tiff of 16 bits"])
def test_photographs_are_turned_upright_once(orientation, kind, pixels, tmp_path):
  """Pillow is the reference; 16 bits are turned as 8 bits are."""
  exif = Image.Exif()
  exif[0x0112] = orientation
  path = tmp_path / "photo.png"
  Image.fromarray(pixels).save(path, exif=exif)
  wanted = photograph.read(path).pixels
  deep = pixels.astype(np.uint16) * 257
  if kind == "png of 16 bits":
    photo = photograph.Photograph(deep, metadata={"exif": exif.tobytes()})
    photograph.write(path, photo)
  if kind.startswith("tiff"):
    path = tmp_path / "photo.tiff"
    values = deep if "16" in kind else pixels
    tags = [(0x0112, "H", 1, orientation, True)]
    tifffile.imwrite(path, values, photometric="rgb", extratags=tags)
  if "16" in kind:
    wanted = wanted.astype(np.uint16) * 257
  found, written, _ = again(path, tmp_path)
  np.testing.assert_array_equal(found.pixels, wanted)
  np.testing.assert_array_equal(written.pixels, wanted)


def test_only_missing_pixels_change(pixels):
  mask = np.zeros((20, 30, 1))
  mask[5:10, 5:10] = 1
  alpha = np.where(mask > 0, 0, 77).astype(np.uint8)
  for dtype, scale in ((np.uint8, 1), (np.uint16, 257)):
    before = photograph.Photograph(pixels.astype(dtype) * dtype(scale), alpha.astype(dtype))
    after = before.restored(np.full((20, 30, 3), 0.5), mask)
    same = mask[..., 0] == 0
    np.testing.assert_array_equal(after.pixels[same], before.pixels[same])
    assert (after.pixels[~same] == round(0.5 * np.iinfo(dtype).max)).all()
    np.testing.assert_array_equal(after.alpha[same], before.alpha[same])
    assert (after.alpha[~same] == np.iinfo(dtype).max).all()


def test_grey_stays_grey_unless_it_was_colored(pixels):
  grey = photograph.Photograph(pixels[..., :1], pixels[..., 1:2])
  image = np.random.default_rng(0).random((40, 60, 3))
  assert grey.to_float().shape == (20, 30, 3)
  enlarged = grey.restored(image)
  assert enlarged.pixels.shape == enlarged.alpha.shape == (40, 60, 1)
  np.testing.assert_array_equal(enlarged.alpha[::2, ::2], grey.alpha)
  np.testing.assert_allclose(enlarged.pixels / 255, image.mean(-1, keepdims=True), atol=0.5 / 254)
  assert grey.restored(image, colored=True).pixels.shape == (40, 60, 3)


def test_a_format_without_transparency_shows_white(tmp_path):
  clear = photograph.Photograph(
    np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 1), np.uint8), "JPEG"
  )
  photograph.write(tmp_path / "a.jpg", clear)
  assert photograph.read(tmp_path / "a.jpg").pixels.min() > 250


def test_files_that_cannot_be_read_or_written(pixels, tmp_path):
  buffer = io.BytesIO()
  Image.fromarray(pixels).save(buffer, format="png")
  for name, content in (("cut.png", buffer.getvalue()[:200]), ("empty.png", b""), ("a.png", b"x")):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError):
      photograph.read(tmp_path / name)
  with pytest.raises(OSError):
    photograph.write(tmp_path / "nowhere" / "a.png", photograph.Photograph(pixels))
  before = sorted(tmp_path.iterdir())
  wrong = photograph.Photograph(pixels, metadata={"icc_profile": "not bytes"})
  with pytest.raises(TypeError):
    photograph.write(tmp_path / "b.png", wrong)
  assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tiff", "bmp", "gif"])
def test_broken_files_are_read_or_refused_in_a_sentence(extension, tmp_path):
  """1,000 files with changed, missing or further bytes."""
  rng = np.random.default_rng(0)
  exif = Image.Exif()
  exif[0x0112] = 6
  buffer = io.BytesIO()
  noise = rng.integers(0, 256, (24, 32, 3), np.uint8)
  options = {} if extension in ("bmp", "gif") else {"exif": exif.tobytes()}
  Image.fromarray(noise).save(buffer, format=photograph.FORMATS[extension], **options)
  whole = np.frombuffer(buffer.getvalue(), np.uint8)
  path, refused = tmp_path / f"a.{extension}", 0
  for i in range(1000 // 6 + 1):
    broken = whole.copy()
    if i % 3 == 0:
      broken = broken[: rng.integers(len(broken))]
    else:
      # The head of a file says most about it.
      end = len(broken) if i % 3 == 1 else min(len(broken), 200)
      broken[rng.integers(0, end, rng.integers(1, 6))] = rng.integers(0, 256)
    path.write_bytes(broken.tobytes())
    try:
      with warnings.catch_warnings(action="ignore"):
        found = photograph.read(path)
        photograph.write(tmp_path / "written.png", dataclasses.replace(found, format="PNG"))
    except ImageError as error:
      refused += 1
      assert str(path) in str(error)
  assert refused > 20


def test_grey_of_16_bits_in_a_ppm(tmp_path):
  values = np.random.default_rng(0).integers(0, 2**16, (20, 30), np.uint16)
  Image.fromarray(values).save(tmp_path / "photo.pgm", format="PPM")
  for found in again(tmp_path / "photo.pgm", tmp_path)[:2]:
    np.testing.assert_array_equal(found.pixels[..., 0], values)


def test_what_a_fourth_plane_of_a_tiff_means(tmp_path):
  """Opacity, opacity by which the colours are multiplied, or nothing that concerns a picture."""
  colors = np.random.default_rng(0).integers(0, 2**15, (20, 30, 3), np.uint16)
  alpha = np.full((20, 30, 1), 2**15, np.uint16)
  values = np.concatenate([colors, alpha], -1)
  read = {}
  for kind in ("unassalpha", "assocalpha", "unspecified"):
    tifffile.imwrite(tmp_path / "photo.tiff", values, photometric="rgb", extrasamples=[kind])
    read[kind] = photograph.read(tmp_path / "photo.tiff")
  np.testing.assert_array_equal(read["unassalpha"].pixels, colors)
  np.testing.assert_array_equal(read["unassalpha"].alpha, alpha)
  np.testing.assert_allclose(read["assocalpha"].pixels, colors * (65535 / 2**15), atol=1)
  np.testing.assert_array_equal(read["assocalpha"].alpha, alpha)
  np.testing.assert_array_equal(read["unspecified"].pixels, colors)
  assert read["unspecified"].alpha is None
