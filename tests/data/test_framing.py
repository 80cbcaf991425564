import numpy as np
import pytest
from PIL import Image

from gan_restore.data import framing, images

SIZE = (178, 218)


@pytest.fixture(scope="module")
def marked():
  """An aligned picture with a red, a green and a blue disk at known places of the face's frame."""
  pixels = np.full((218, 178, 3), 128, np.uint8)
  rows, columns = np.mgrid[:218, :178] + 0.5
  left, top, right, _ = images.celeba_box(SIZE)
  half = (right - left) / 2
  for channel, (u, v) in enumerate(MARKS):
    x, y = left + half * (1 + u), top + half * (1 + v)
    pixels[(rows - y) ** 2 + (columns - x) ** 2 < 36] = np.eye(3)[channel] * 255
  return pixels


MARKS = np.array([[-0.3, -0.2], [0.35, -0.1], [0.1, 0.4]])


def found_marks(image):
  """Pixel coordinates (column, row) of the centres of the three disks; NaN if not there."""
  x = image.astype(float)
  places = []
  for channel in range(3):
    disk = (x[..., channel] > 180) & (np.delete(x, channel, -1).max(-1) < 100)
    rows, columns = np.nonzero(disk)
    places.append((columns.mean() + 0.5, rows.mean() + 0.5) if len(rows) > 20 else (np.nan,) * 2)
  return np.array(places)


@pytest.mark.parametrize("size", [64, 128])
def test_the_frame_says_where_the_face_is(marked, size):
  """The disks are where the frame maps them to, however the face is scaled, rotated and
  shifted."""
  cut = framing.Framing(size, aligned_share=0.3, known_share=1, margin=0.2, flip=False)
  rng, seen = np.random.default_rng(0), 0
  for _ in range(30):
    example = cut(marked, rng)
    frame, places = example["frame"], found_marks(example["image"])
    assert example["image"].shape == (size, size, 3) and frame.shape == (2, 3)
    for place, mark in zip(places, MARKS):
      inside = (place > 0.12 * size) & (place < 0.88 * size)
      if inside.all():
        seen += 1
        found = frame @ [*place, 1]
        assert np.linalg.det(frame[:, :2]) > 0
        assert abs(found - mark).max() < 1.5 * 2 / (0.7 * size)
  assert seen > 30


def test_mirrored_faces(marked):
  """A mirrored face has the frame of a face, too: its left is where the right was."""
  mirrored, at = 0, np.array([20, 45])
  for seed in range(20):
    plain, other = (
      framing.Framing(64, known_share=1, margin=0.2, flip=flip)(marked, np.random.default_rng(seed))
      for flip in (False, True)
    )
    before, after = plain["frame"] @ [*at, 1], other["frame"] @ [64 - at[0], at[1], 1]
    if np.array_equal(other["image"], plain["image"]):
      np.testing.assert_array_equal(other["frame"], plain["frame"])
    else:
      mirrored += 1
      np.testing.assert_array_equal(other["image"], plain["image"][:, ::-1])
      np.testing.assert_allclose(after, before * [-1, 1], atol=1e-4)
  assert 3 < mirrored < 17


def test_aligned_faces_are_the_crop_of_the_data_set(marked):
  cut = framing.Framing(64, aligned_share=1, known_share=1, flip=False)
  example = cut(marked, np.random.default_rng(0))
  wanted = images.crop_and_resample(Image.fromarray(marked), 64, images.celeba_box(SIZE))
  np.testing.assert_array_equal(example["image"], wanted)
  np.testing.assert_array_equal(example["frame"], framing.aligned(64, 64))


def test_the_frame_is_not_always_told(marked):
  cut = framing.Framing(64, known_share=0.5)
  rng = np.random.default_rng(0)
  known = np.mean([cut(marked, rng)["frame"].any() for _ in range(200)])
  assert 0.4 < known < 0.6
  photograph = np.random.default_rng(0).integers(0, 256, (100, 150, 3), np.uint8)
  assert not cut(photograph, rng)["frame"].any()


def test_patches_of_photographs_are_not_enlarged():
  """A picture of columns of increasing value: the step from pixel to pixel tells the scale."""
  picture = np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 160, 0).repeat(3, 2)
  cut = framing.Framing(32, flip=False, photograph_scales=(1.0, 3.0))
  rng = np.random.default_rng(0)
  steps = [np.diff(cut(picture, rng)["image"][16, 4:-4, 0].astype(float)).mean() for _ in range(50)]
  assert 0.99 < min(steps) and max(steps) < 3.05 and max(steps) - min(steps) > 1


def test_what_lies_outside_the_margin_is_mirrored(marked):
  """The grey bands of some data sets do not reach the images."""
  picture = marked.copy()
  picture[:30] = picture[-20:] = 0
  cut = framing.Framing(64, aligned_share=0, close_share=0, margin=1 / 16)
  rng = np.random.default_rng(0)
  for _ in range(20):
    assert cut(picture, rng)["image"].max(-1).min() > 50


def test_whole_pictures_have_sides_of_multiples_of_8():
  image = framing.whole(np.zeros((321, 481, 3), np.uint8), np.random.default_rng(0))["image"]
  assert image.shape == (320, 480, 3)
