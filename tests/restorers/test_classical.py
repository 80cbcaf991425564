import jax
import numpy as np
import pytest
from PIL import Image

from gan_restore import hub
from gan_restore.degradations import operators, tasks
from gan_restore.evaluation import metrics
from gan_restore.restorers import classical

BASELINES = [
  ("inpaint", "biharmonic", 8),
  ("super_resolve", "bicubic", 0.3),
  ("super_resolve", "lanczos", 0.3),
  ("coarsen", "bicubic", 0.3),
  ("coarsen", "lanczos", 0.3),
  ("super_resolve:4@bicubic", "lanczos", 0.0),
  ("salt_and_pepper", "median", 8),
  ("salt_and_pepper", "biharmonic", 8),
  pytest.param("poisson", "bm3d", 6, marks=pytest.mark.slow),
  ("poisson_gaussian", "non_local_means", 3),
  ("speckle", "wavelet", 3),
  pytest.param("jpeg:10", "bm3d", 0.1, marks=pytest.mark.slow),
  ("defocus:2+denoise:0.01", "wiener", 1),
  ("motion_blur:5@0+denoise:0.01", "richardson_lucy", 1),
  ("demosaic", "malvar", 0),
  ("demosaic", "menon", 1),
]


@pytest.mark.parametrize("task,name,margin", BASELINES)
def test_baselines_gain_at_least_margin_db(task, name, margin, faces):
  y, A = tasks.get(task).corrupt(faces, jax.random.key(0))
  score = lambda r: metrics.psnr(r(y, A).image, faces).mean()
  assert score(hub.load(name)) > score(hub.load("damaged")) + margin


@pytest.mark.parametrize("name", ["non_local_means", "wavelet", "bm3d"])
def test_grey_pictures_in_three_channels(name, faces):
  """The channels are equal, and so is their noise."""
  x = faces[:2].mean(-1, keepdims=True)
  noise = 0.1 * np.random.default_rng(0).standard_normal(x.shape)
  x, y = (np.repeat(image, 3, -1) for image in (x, np.clip(x + noise, 0, 1).astype(np.float32)))
  A = operators.compose(operators.grey(), operators.denoise(0.1))
  assert np.all(metrics.psnr(hub.load(name)(y, A).image, x) > metrics.psnr(y, x) + 4)


@pytest.mark.parametrize(
  "name,filter", [("bicubic", Image.Resampling.BICUBIC), ("lanczos", Image.Resampling.LANCZOS)]
)
def test_interpolation_is_pillows(name, filter, faces):
  """Compared inside. Pillow and JAX treat the border in the same way, but Pillow uses 8 bits."""
  y, A = tasks.get("coarsen").corrupt(faces[:1], jax.random.key(0))
  ours = np.asarray(hub.load(name)(y, A).image)[0]
  small = np.asarray(y)[0, ::8, ::8]
  theirs = [Image.fromarray(c).resize((64, 64), filter) for c in small.transpose(2, 0, 1)]
  np.testing.assert_allclose(ours, np.clip(np.stack(theirs, -1), 0, 1), atol=1e-5)


@pytest.mark.parametrize("name", [*tasks.NAMES, "blur:1+super_resolve:2", "colorize+denoise:0.05"])
def test_the_damage_can_be_shown_as_an_image(name, faces):
  y, A = tasks.get(name).corrupt(faces, jax.random.key(0))
  assert classical.damaged(y, A).image.shape == faces.shape


def test_biharmonic_keeps_the_known_pixels(faces):
  y, A = tasks.get("inpaint", mask="strokes").corrupt(faces, jax.random.key(0))
  image = classical.biharmonic(y, A).image
  np.testing.assert_allclose(image * (1 - A.mask), y, atol=1e-6)


def test_biharmonic_takes_one_mask_for_all(faces):
  mask = np.zeros(faces.shape[1:3], np.float32)
  mask[4:9, 5:12] = 1
  A = operators.inpaint(mask)
  image = classical.biharmonic(A(faces), A).image
  alone = classical.biharmonic(A(faces[1:2]), A).image
  np.testing.assert_allclose(image[1:2], alone, atol=1e-6)


@pytest.mark.parametrize(
  "name,A",
  [
    ("biharmonic", operators.colorize()),
    ("bicubic", operators.denoise()),
    ("lanczos", operators.inpaint(np.eye(64))),
    ("mirror", lambda x: x),
    ("bm3d", operators.blur(1.0)),
    ("wiener", operators.denoise()),
    ("richardson_lucy", operators.blur_kernel(np.ones((3, 3)), "cut")),
    ("menon", operators.colorize()),
  ],
)
def test_other_operators_are_refused_in_a_sentence(name, A, faces):
  with pytest.raises(operators.UnsupportedOperatorError, match=f"{name} restores only .*; A is"):
    hub.load(name)(faces, A)


def test_an_unknown_name():
  with pytest.raises(ValueError, match=r"nothing: no such .*; restorers by name: map, auto"):
    hub.load("nothing")


def test_the_mirror_takes_the_other_side_where_it_is_known(faces):
  """Off the centre, a missing pixel is the mirrored one if known, else the nearest known one."""
  mask = np.zeros((64, 64), np.float32)
  mask[20:30, 8:26] = 1  # Only left of the middle.
  mask[40:50, 20:50] = 1  # Across the middle: 20 to 43 is missing on both sides.
  A = operators.inpaint(mask)
  image = np.asarray(classical.mirror(A(faces), A).image)
  np.testing.assert_array_equal(image[:, mask == 0], faces[:, mask == 0])
  flipped = faces[:, :, ::-1]
  np.testing.assert_array_equal(image[:, 20:30, 8:26], flipped[:, 20:30, 8:26])
  np.testing.assert_array_equal(image[:, 40:50, 44:50], flipped[:, 40:50, 44:50])
  np.testing.assert_array_equal(image[:, 40, 22:42], faces[:, 39, 22:42])  # From the pixel above.
  np.testing.assert_array_equal(image[:, 49, 22:42], faces[:, 50, 22:42])


def test_the_mirror_is_exact_on_a_symmetric_face(faces):
  symmetric = (faces + faces[:, :, ::-1]) / 2
  y, A = tasks.get("inpaint", mask="left_eye").corrupt(symmetric, jax.random.key(0))
  np.testing.assert_allclose(classical.mirror(y, A).image, symmetric, atol=1e-6)
  with pytest.raises(operators.UnsupportedOperatorError, match="mirror restores only inpaint"):
    classical.mirror(faces, operators.denoise())


def test_the_median_of_an_image_does_not_depend_on_the_others(faces):
  few, many = operators.salt_and_pepper(0.05), operators.salt_and_pepper(0.5)
  y = np.concatenate(
    [few.corrupt(faces[:1], jax.random.key(0)), many.corrupt(faces[1:2], jax.random.key(1))]
  )
  both = classical.median(y, few).image
  for i in range(2):
    np.testing.assert_array_equal(both[i], classical.median(y[i : i + 1], few).image[0])


@pytest.mark.parametrize(
  "name,A",
  [
    ("damaged", operators.inpaint(np.eye(64))),
    ("bicubic", operators.coarsen(4)),
    ("mirror", operators.inpaint(np.eye(64))),
  ],
)
def test_bad_pixels_are_refused_in_a_sentence(name, A, faces):
  restore = hub.load(name)
  with pytest.raises(TypeError, match="y has dtype uint8"):
    restore(np.uint8(255 * faces), A)
  with pytest.raises(ValueError, match="y holds NaN"):
    restore(faces * np.nan, A)
