"""Pictures in many formats."""

import numpy as np
import pytest
from PIL import Image

from gan_restore.data import images

RAMP = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (20, 1))  # [20, 32]


def test_16_bit_grey(tmp_path):
  Image.fromarray(RAMP.astype(np.uint16) * 257).save(tmp_path / "a.png")
  got = np.asarray(images.read_image(tmp_path / "a.png"))
  np.testing.assert_array_equal(got, np.stack([RAMP] * 3, -1))


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "CMYK"])
def test_modes(tmp_path, mode):
  path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
  Image.fromarray(RAMP).convert(mode).save(path)
  image = images.read_image(path)
  assert image.mode == "RGB" and image.size == (32, 20)
  if mode in ("L", "P", "RGB"):
    np.testing.assert_array_equal(np.asarray(image)[..., 0], RAMP)
  if mode == "CMYK":
    np.testing.assert_allclose(np.asarray(image)[..., 0], RAMP.astype(int), atol=6)


def test_transparency_is_laid_over_white(tmp_path):
  rgba = np.zeros((4, 4, 4), np.uint8)
  rgba[:2, :, 3] = 255
  Image.fromarray(rgba).save(tmp_path / "a.png")
  got = np.asarray(images.read_image(tmp_path / "a.png"))
  assert (got[:2] == 0).all() and (got[2:] == 255).all()


def test_exif_rotation_is_applied(tmp_path):
  image = Image.fromarray(RAMP)
  exif = image.getexif()
  exif[0x0112] = 6  # The camera was turned by 90 degrees.
  image.save(tmp_path / "a.jpg", exif=exif, quality=95)
  assert images.read_image(tmp_path / "a.jpg").size == (20, 32)


def test_what_cannot_be_used_is_named(tmp_path, monkeypatch):
  (tmp_path / "empty.png").touch()
  (tmp_path / "text.png").write_text("not a picture")
  Image.fromarray(RAMP).save(tmp_path / "whole.png")
  noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
  Image.fromarray(noise).save(tmp_path / "half.png")
  (tmp_path / "half.png").write_bytes((tmp_path / "half.png").read_bytes()[:6000])
  for name, message in [
    ("none.png", "no such file"),
    ("empty.png", "is empty"),
    ("text.png", "cannot be decoded"),
    ("half.png", "cannot be decoded"),
  ]:
    with pytest.raises(images.ImageError, match=rf"{name}: .*{message}"):
      images.read_image(tmp_path / name)
  monkeypatch.setattr(images, "MAX_PIXELS", 100)
  with pytest.raises(images.ImageError, match=r"32x20 pixels are more than the 100"):
    images.read_image(tmp_path / "whole.png")


def test_area_resampling_is_a_block_mean():
  array = np.random.default_rng(0).integers(0, 256, (128, 160, 3), dtype=np.uint8)
  got = np.asarray(images.crop_and_resample(Image.fromarray(array), 32)).astype(float)
  wanted = array[:, 16:144].reshape(32, 4, 32, 4, 3).mean((1, 3))
  np.testing.assert_allclose(got, wanted, atol=1)


def test_small_pictures_are_enlarged():
  got = images.crop_and_resample(Image.fromarray(RAMP), 64)
  assert got.size == (64, 64)


def test_aligned_celeba_is_known_by_its_proportions():
  assert images.is_aligned_celeba((178, 218)) and images.is_aligned_celeba((89, 109))
  assert not images.is_aligned_celeba((64, 64)) and not images.is_aligned_celeba((218, 178))


def test_png_round_trip(tmp_path):
  x = np.random.default_rng(0).random((5, 7, 3))
  images.write_png(tmp_path / "a.png", x)
  got = images.to_float(images.read_image(tmp_path / "a.png"))
  np.testing.assert_allclose(got, x, atol=0.5 / 255 + 1e-6)
  images.write_png(tmp_path / "grey.png", x[..., :1])
  assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []


def test_masks(tmp_path):
  mask = np.zeros((20, 20), np.uint8)
  mask[5:10] = 255
  Image.fromarray(mask).save(tmp_path / "m.jpg")
  np.testing.assert_array_equal(np.asarray(images.read_mask(tmp_path / "m.jpg")), mask)
  Image.fromarray(RAMP).save(tmp_path / "grey.png")
  with pytest.raises(images.ImageError, match="the mask has grey pixels"):
    images.read_mask(tmp_path / "grey.png")


def test_transparent_pixels_of_a_mask_are_known(tmp_path):
  """White on a transparent ground, as drawing programs export it."""
  pixels = np.zeros((8, 8, 4), np.uint8)
  pixels[2:4, 2:6] = 255
  Image.fromarray(pixels).save(tmp_path / "mask.png")
  np.testing.assert_array_equal(np.asarray(images.read_mask(tmp_path / "mask.png")), pixels[..., 3])
