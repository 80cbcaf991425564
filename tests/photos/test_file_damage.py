"""The damage that is detected in picture files."""

import jax
import numpy as np
import pytest
from PIL import Image, ImageOps

from gan_restore.degradations import operators
from gan_restore.photos import file_damage, photograph


@pytest.fixture
def picture():
  """A smooth picture of 80x64 pixels."""
  rows, columns = np.mgrid[:64, :80] / 80
  return Image.fromarray(np.uint8(255 * np.stack([rows, columns, 1 - rows], -1).clip(0, 1)))


def find_jpeg(path, size, box):
  return file_damage.find_jpeg(photograph.read(path), size, box)


@pytest.mark.parametrize("quality", [10, 50, 83, 96])
@pytest.mark.parametrize("number,name", [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")])
def test_the_tables_of_a_jpeg(quality, number, name, picture, tmp_path):
  picture.save(tmp_path / "a.jpg", quality=quality, subsampling=number)
  found, why = find_jpeg(tmp_path / "a.jpg", (64, 64), (0, 0, 64, 64))
  assert why == "" and found.subsampling == name
  np.testing.assert_array_equal(found.luma, operators.jpeg(quality).luma)
  np.testing.assert_array_equal(found.chroma, operators.jpeg(quality).chroma)
  assert file_damage.describe(found) == f"JPEG of quality {quality}, {name}"


def test_the_tables_of_a_whole_picture(picture, tmp_path):
  """Its last blocks may be cut by the end of the picture."""
  picture.crop((0, 0, 77, 59)).save(tmp_path / "a.jpg", quality=30)
  found, why = find_jpeg(tmp_path / "a.jpg", (59, 77), (0, 0, 77, 59))
  assert why == ""
  np.testing.assert_array_equal(found.luma, operators.jpeg(30).luma)


def test_a_grey_jpeg(picture, tmp_path):
  picture.convert("L").save(tmp_path / "a.jpg", quality=40)
  found, _ = find_jpeg(tmp_path / "a.jpg", (64, 64), (0, 0, 64, 64))
  np.testing.assert_array_equal(found.luma, operators.jpeg(40).luma)
  assert file_damage.describe(found, grey=True) == "grey JPEG of quality 40"


@pytest.mark.parametrize(
  "box,size", [((8, 0, 72, 64), 64), ((0, 0, 64, 64), 32), ((0, 0, 72, 64), 64)]
)
def test_blocks_that_were_lost(box, size, picture, tmp_path):
  picture.save(tmp_path / "a.jpg")
  found, why = find_jpeg(tmp_path / "a.jpg", (size, size), box)
  assert found is None and "blocks were lost" in why


def test_a_jpeg_that_pillow_opened(picture, tmp_path):
  """Its copies, crops and conversions are no JPEGs any more."""
  picture.save(tmp_path / "a.jpg", quality=20)
  opened, box = Image.open(tmp_path / "a.jpg"), (0, 0, 80, 64)
  found, _ = file_damage.find_jpeg(photograph.of(opened), (64, 80), box)
  np.testing.assert_array_equal(found.luma, operators.jpeg(20).luma)
  for derived in (opened.copy(), opened.convert("YCbCr"), opened.crop(box), np.asarray(opened)):
    assert file_damage.find_jpeg(photograph.of(derived), (64, 80), box) == (None, "")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("read", [photograph.read, lambda path: photograph.of(Image.open(path))])
def test_a_jpeg_that_was_turned(read, orientation, picture, tmp_path):
  """Its blocks and tables are turned, too: the upright original, compressed by the operator, is the
  upright photograph."""
  exif = Image.Exif()
  exif[0x0112] = orientation
  noise = np.random.default_rng(0).normal(0, 20, (64, 80, 1))
  picture = Image.fromarray(np.uint8((np.float64(picture) + noise).clip(0, 255)))
  picture.save(tmp_path / "a.jpg", exif=exif, quality=20)
  photo = read(tmp_path / "a.jpg")
  original = ImageOps.exif_transpose(_with_exif(picture, exif))
  height, width = photo.pixels.shape[:2]
  assert (height, width) == original.size[::-1]
  A, _ = file_damage.find_jpeg(photo, (height, width), (0, 0, width, height))
  compressed = A.corrupt(np.float32(original)[None] / 255, jax.random.key(0))[0]
  error = abs(np.float32(photo.pixels) / 255 - compressed).mean()
  assert error < 1 / 255  # With tables that are not turned, 5 / 255.


def _with_exif(picture, exif):
  turned = picture.copy()
  turned.info["exif"] = exif.tobytes()
  return turned


def test_a_jpeg_that_was_turned_and_is_no_whole_number_of_blocks(picture, tmp_path):
  exif = Image.Exif()
  for orientation, size, subsampling in ((6, (80, 60), 2), (3, (76, 64), 2), (5, (80, 64), 1)):
    exif[0x0112] = orientation
    picture.resize(size).save(tmp_path / "a.jpg", exif=exif, subsampling=subsampling)
    photo = photograph.read(tmp_path / "a.jpg")
    height, width = photo.pixels.shape[:2]
    found, why = file_damage.find_jpeg(photo, (height, width), (0, 0, width, height))
    assert found is None and "turned" in why


def test_a_picture_too_small_for_the_estimate_of_noise():
  """Its hole is filled."""
  noisy = np.random.default_rng(0).integers(0, 256, (10, 30, 3), np.uint8)
  mask = np.zeros((10, 30, 1), np.float32)
  mask[2:4] = 1
  photo = photograph.of(noisy)
  found = file_damage.detect(photo, photo.to_float(), (0, 0, 30, 10), mask)
  assert found.task == "inpaint"
  assert file_damage.detect(photo, photo.to_float(), (0, 0, 30, 10)).task == ""


def test_a_jpeg_that_was_reduced(picture, tmp_path):
  picture.save(tmp_path / "a.jpg")
  opened = Image.open(tmp_path / "a.jpg")
  opened.thumbnail((40, 32))
  found, why = file_damage.find_jpeg(photograph.of(opened), (32, 40), (0, 0, 40, 32))
  assert found is None and "resampled" in why


def test_other_files_that_hold_a_jpeg(picture, tmp_path):
  """Several pictures in one file, as of phones; one table for all planes; blocks of 8 pixels."""
  picture.save(tmp_path / "a.mpo", format="MPO", save_all=True, append_images=[picture])
  table = [7] * 64
  picture.save(tmp_path / "a.jpg", qtables=[table], subsampling=0)
  assert find_jpeg(tmp_path / "a.mpo", (64, 64), (0, 0, 64, 64))[0] is not None
  found, _ = find_jpeg(tmp_path / "a.jpg", (64, 64), (8, 0, 72, 64))
  assert np.all(found.luma == 7) and np.all(found.chroma == 7)


def test_a_jpeg_of_another_kind(picture, tmp_path):
  picture.convert("CMYK").save(tmp_path / "a.jpg")
  found, why = find_jpeg(tmp_path / "a.jpg", (64, 64), (0, 0, 64, 64))
  assert found is None and "not supported" in why
  picture.save(tmp_path / "a.png")
  assert find_jpeg(tmp_path / "a.png", (64, 64), (0, 0, 64, 64)) == (None, "")


def test_a_photograph_without_damage(picture):
  square = np.asarray(picture, np.float32)[:, :64] / 255
  photo, box = photograph.of(picture), (0, 0, 64, 64)
  found = file_damage.detect(photo, square, box)
  assert found.task == "" and found.sentence == "no damage found"
  hole = np.ones((64, 64, 1), np.float32)
  assert file_damage.detect(photo, square, box, hole).task == "inpaint"
