"""Restores photographs in memory."""

import numpy as np
import pytest
from PIL import Image

from gan_restore import hub, photos
from gan_restore.photos import restoration


def test_the_networks_that_fill_faces(whole, monkeypatch):
  """A completion network for each size of the aligned crop; samples are drawn by the prior."""
  for size, name in hub.COMPLETION.items():
    assert hub.load(name).size == (size, size)
  asked = []
  completion = lambda size: lambda y, A: asked.append((size, y.shape[1]))
  monkeypatch.setattr(restoration, "_completion", completion)
  for size, draw in restoration._face_restorers(whole).items():
    draw(np.zeros((1, size, size, 3)), None)
  assert asked == [(size, size) for size in hub.COMPLETION]
  sampling = hub.load(hub.PICTURES, num_samples=2)
  assert list(restoration._face_restorers(sampling)) == [64]


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 1), (40, 50, 3), (40, 50, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_photographs_in_memory(shape, dtype, whole):
  """The restoration has the type and the shape of the image, and its known pixels."""
  full = 1 if dtype == np.float32 else np.iinfo(dtype).max
  image = (np.random.default_rng(0).random(shape) * full * 0.9).astype(dtype)
  mask = np.zeros((40, 50), bool)
  mask[5:10, 20:30] = True
  found = photos.restore(image, "inpaint", mask, restorer=whole)
  assert found.shape == shape and found.dtype == dtype
  np.testing.assert_array_equal(found[~mask], image[~mask])
  assert np.all(found[mask] == full)
  if dtype == np.uint8 and shape != (40, 50, 1):
    picture = Image.fromarray(image)
    found = photos.restore(picture, "inpaint", Image.fromarray(mask), restorer=whole)
    assert found.mode == picture.mode and found.size == picture.size


def test_color_for_a_grey_photograph():
  grey, restorer = np.full((16, 16), 99, np.uint8), hub.load("tv", iterations=2)
  assert photos.restore(grey, "colorize", restorer=restorer).shape == (16, 16, 3)
  assert photos.restore(grey, "denoise:0.1", restorer=restorer).shape == (16, 16)
  assert photos.restore(grey, "demosaic", restorer=restorer).shape == (16, 16, 3)


def test_a_jpeg_that_pillow_opened(tmp_path):
  rows, columns = np.mgrid[:32, :48]
  smooth = np.stack([rows * 5, columns * 4, 60 + rows + columns], -1)
  photo = Image.fromarray(
    np.where((rows > columns)[..., None], 255 - smooth, smooth).astype(np.uint8)
  )
  photo.save(tmp_path / "a.jpg", quality=10, subsampling=0)
  damaged, restorer = Image.open(tmp_path / "a.jpg"), hub.load("tv", iterations=50)
  found = photos.restore(damaged, restorer=restorer)
  assert found.mode == "RGB" and found.size == photo.size
  error = lambda picture: np.mean((np.asarray(picture, float) - np.asarray(photo, float)) ** 2)
  assert error(found) < 0.9 * error(damaged)
  with pytest.raises(ValueError, match="jpeg:auto needs the tables of a JPEG, but this is no JPEG"):
    photos.restore(np.asarray(damaged), "jpeg:auto", restorer=restorer)


def test_masks_in_memory(whole):
  """As an array or as a picture of any mode, the same pixels are missing."""
  photo = np.full((32, 48, 3), 200, np.uint8)
  mask = np.zeros((32, 48), np.uint8)
  mask[10:20, 10:20] = 255
  wanted = photos.restore(photo, "inpaint", mask, restorer=whole)
  picture = Image.fromarray(mask)
  for mode in ("L", "1", "RGB", "RGBA", "P"):
    found = photos.restore(photo, "inpaint", picture.convert(mode), restorer=whole)
    np.testing.assert_array_equal(found, wanted)


def test_photographs_in_memory_that_cannot_be(whole):
  grey = np.full((16, 16, 3), 99, np.uint8)
  with pytest.raises(TypeError, match="the image is a str; it must be a picture of Pillow or"):
    photos.restore("photo.jpg", "denoise", restorer=whole)
  for arguments, message in (
    ((grey[None], "denoise"), "it must be"),
    ((grey.astype(int), "denoise"), "must be uint8, uint16 or float"),
    ((grey.astype(float), "denoise"), "they must be in"),
    ((grey, "inpaint", np.ones((8, 8))), "the mask has the size"),
    ((grey, "inpaint"), "needs a mask"),
    ((grey,), "no damage found"),
  ):
    with pytest.raises(ValueError, match=message):
      photos.restore(*arguments, restorer=whole)
