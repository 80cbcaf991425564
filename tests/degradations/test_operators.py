"""Compares operators with scikit-image and SciPy, and their stated noise with measured noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage
from skimage import color, measure

from gan_restore.degradations import operators, tasks

KEY = jax.random.key(0)


def half(size=64):
  mask = np.zeros((size, size), np.float32)
  mask[:, : size // 2] = 1
  return mask


# --- Values -------------------------------------------------------------------------------------


def test_colorize_is_v_of_hsv(faces):
  wanted = np.stack([color.rgb2hsv(x)[..., 2:] for x in faces])
  np.testing.assert_allclose(operators.colorize()(faces), wanted, atol=1e-6)


def test_the_map_papers_colorize_damages_by_greyscale_and_models_by_v(faces):
  from PIL import Image

  A = operators.colorize("map_paper")
  grey = [np.asarray(Image.fromarray(np.uint8(255 * x)).convert("L")) / 255 for x in faces]
  np.testing.assert_allclose(A.corrupt(faces, KEY)[..., 0], np.stack(grey), atol=1.01 / 255)
  np.testing.assert_array_equal(A(faces), operators.colorize()(faces))
  with pytest.raises(ValueError, match="kind is 'sepia'; it must be one of value, luma, map_paper"):
    operators.colorize("sepia")


def test_the_gradient_of_v():
  """The gradient goes to the largest channel, and is shared equally between equal channels."""
  x = np.array([[0.2, 0.7, 0.5], [0.4, 0.4, 0.1], [0.3, 0.3, 0.3]], np.float32)
  gradient = jax.grad(lambda x: operators.hsv_value(x).sum())(x)
  np.testing.assert_allclose(gradient, [[0, 1, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-6)


def test_black_becomes_grey_where_v_is_known():
  y = np.full((1, 2, 2, 1), 0.5, np.float32)
  found = operators.project(operators.colorize(), np.zeros((1, 2, 2, 3), np.float32), y)
  np.testing.assert_array_equal(found, np.full((1, 2, 2, 3), 0.5))


def test_super_resolve_is_a_block_mean(faces):
  wanted = measure.block_reduce(faces, (1, 4, 4, 1), np.mean)
  np.testing.assert_allclose(operators.super_resolve(4)(faces), wanted, atol=1e-6)


@pytest.mark.parametrize("factor", [4, 8])
def test_coarsen_is_a_block_mean_of_the_images_size(factor, faces):
  A = operators.coarsen(factor)
  y = A(faces)
  means = measure.block_reduce(faces, (1, factor, factor, 1), np.mean)
  np.testing.assert_allclose(y, np.kron(means, np.ones((1, factor, factor, 1))), atol=1e-6)
  np.testing.assert_allclose(A.low_resolution(y), means, atol=1e-6)
  with pytest.raises(ValueError, match="not divisible by factor 7"):
    operators.coarsen(7)(faces)


@pytest.mark.parametrize("sigma", [0.7, 2.0])
def test_blur_is_scipys(faces, sigma):
  wanted = ndimage.gaussian_filter(faces, (0, sigma, sigma, 0), mode="reflect", truncate=3)
  np.testing.assert_allclose(operators.blur(sigma)(faces), wanted, atol=1e-5)


def test_inpaint_takes_a_mask_for_each_image(faces):
  masks = np.zeros((8, 64, 64, 1), np.float32)
  for i in range(8):
    masks[i, i : i + 8, :20] = 1
  y = np.asarray(operators.inpaint(masks)(faces))
  assert (y[masks[..., 0] == 1] == 0).all()
  np.testing.assert_array_equal(y[masks[..., 0] == 0], faces[masks[..., 0] == 0])


def test_denoise_adds_the_noise_it_states():
  grey = jnp.full((4, 64, 64, 3), 0.5)
  noisy = operators.denoise(0.1).corrupt(grey, KEY)
  np.testing.assert_allclose(np.std(noisy), 0.1, rtol=0.02)
  np.testing.assert_array_equal(operators.denoise(0.1)(grey), grey)
  bright = operators.denoise(0.5).corrupt(grey, KEY)
  assert bright.min() >= 0 and bright.max() <= 1


def test_quantize_rounds_to_levels(faces):
  y = np.asarray(operators.quantize(5).corrupt(faces, KEY))
  assert set(np.unique(y)) <= {0, 0.25, 0.5, 0.75, 1}
  assert np.abs(y - faces).max() <= 0.125 + 1e-6


# --- Compositions -------------------------------------------------------------------------------


def test_compose_applies_the_inner_first_and_keeps_its_damage(faces):
  A = operators.compose(operators.super_resolve(4), operators.denoise(0.1))
  assert A(faces).shape == (8, 16, 16, 3)
  error = np.std(np.asarray(A.corrupt(faces, KEY)) - np.asarray(A(faces)))
  assert 0.01 < error < 0.03  # The noise is averaged over 16 pixels (and clipped).
  plain = operators.compose(lambda x: x**2, operators.colorize())
  np.testing.assert_allclose(plain(faces)[..., 0], faces.max(-1) ** 2, atol=1e-6)


def test_two_holes_are_one():
  first, second = half(), half().T
  A = operators.compose(operators.inpaint(first), operators.inpaint(second))
  assert A.kind == "inpaint"
  np.testing.assert_array_equal(A.mask[0, ..., 0], np.maximum(first, second))


OUTERS = {
  "super_resolve": operators.super_resolve(4),
  "coarsen": operators.coarsen(4),
  "blur": operators.blur(1.5),
  "inpaint": operators.inpaint(half()),
  "colorize": operators.colorize(),
  "quantize": operators.quantize(5),
  "blurred again": operators.compose(operators.blur(0.7), operators.super_resolve(2)),
  "decimation": lambda x: x[:, ::2, ::3],
  "a mask of one's own": lambda x: x * (jnp.arange(64) < 20)[:, None],
  "a gain": lambda x: 3 * x,
  "a sum": lambda x: x.sum(-1),
  "a difference": lambda x: x[:, 1:] - x[:, :-1],
  "a gamma curve": lambda x: x**2,
}


@pytest.mark.parametrize("name", OUTERS)
def test_the_noise_of_a_composition_is_that_which_is_measured(name):
  """1,000 draws of noise pass through the outer operator, at images where it is smooth."""
  colors = jnp.array([0.45, 0.6, 0.5])  # One channel is clearly the largest.
  grey = name in ("a gamma curve", "quantize")
  x = jnp.full((1, 64, 64, 3), 0.5) if grey else jnp.broadcast_to(colors, (1, 64, 64, 3))
  outer = OUTERS[name]
  A = operators.compose(outer, operators.denoise(0.01))
  noisy = lambda key: outer(x + 0.01 * jax.random.normal(key, x.shape))
  drawn = jax.jit(jax.vmap(noisy))(jax.random.split(KEY, 1000))
  wanted = np.asarray(jnp.std(drawn, axis=0))
  if name == "quantize":  # The rounding error adds to the input noise.
    wanted = np.sqrt(wanted**2 + 1 / 16 / 12)
  found = np.broadcast_to(operators.noise(A, x.shape), wanted.shape)
  np.testing.assert_array_equal(found == 0, wanted == 0)  # Where there is no noise at all.
  there = wanted > 0
  ratio = found[there] / wanted[there]
  np.testing.assert_allclose(np.median(ratio), 1, atol=0.05)
  # The standard deviation of 1,000 draws is accurate to 10%. For plain functions that mix many
  # pixels it is estimated from 64 random directions.
  assert np.quantile(ratio, 0.05) > 0.75 and np.quantile(ratio, 0.95) < 1.3


def test_noise_of_the_outer_operator_adds_to_what_passes():
  A = operators.compose(
    operators.denoise(0.03), operators.compose(operators.super_resolve(2), operators.denoise(0.08))
  )
  assert operators.noise(A, (1, 8, 8, 3)) == pytest.approx(0.05)


def test_the_noise_of_a_function_is_zero_and_its_gain_is_of_its_rows():
  assert operators.noise(lambda x: 3 * x, (2, 8, 8, 3)) == 0
  np.testing.assert_allclose(operators.gain(lambda x: 3 * x, (2, 8, 8, 3)), [3, 3], rtol=1e-5)
  known = lambda x: x * (jnp.arange(8) < 4)[:, None]  # Rows of zeros do not count.
  np.testing.assert_allclose(operators.gain(known, (1, 8, 8, 3)), [1], rtol=1e-5)
  fourier = lambda x: jnp.fft.fft2(x[..., 0]).real
  assert 5 < operators.gain(fourier, (1, 8, 8, 1))[0] < 11  # Between 8 / sqrt(2) and 8.
  for A in (operators.super_resolve(4), operators.compose(operators.blur(1), operators.colorize())):
    assert operators.gain(A, (1, 8, 8, 3)) == 1


@pytest.mark.parametrize("name", ["blur:1+super_resolve:2", "colorize+denoise:0.05", "coarsen:4"])
def test_y_is_shown_at_the_images_size(name, faces):
  y, A = tasks.get(name).corrupt(faces, KEY)
  shown = operators.show(A, y)
  assert shown.shape == faces.shape
  assert abs(np.asarray(shown) - faces).mean() < 0.2


@pytest.mark.parametrize(
  "name", ["inpaint+denoise:0.05", "blur:1+inpaint", "super_resolve:2+inpaint", "inpaint+jumble"]
)
def test_the_missing_pixels_of_a_composition(name):
  """The mask has the size of the image, even if the hole has another resolution."""
  if name == "inpaint+jumble":
    A = operators.compose(lambda x: x[:, ::-1], tasks.get("inpaint").operator(KEY, (1, 64, 64, 3)))
  else:
    A = tasks.get(name).operator(KEY, (1, 64, 64, 3))
  missing = np.asarray(operators.missing(A, (1, 64, 64, 3)))
  assert missing.shape == (1, 64, 64, 1) and missing[:, 16:48, 16:48].all()
  assert missing.sum() == 32 * 32
  # Of a convolution, y has only the pixels whose neighbours are all known: 56x58 of 64x64.
  hole = operators.inpaint(np.pad(np.ones((10, 20)), ((3, 43), (5, 33))))
  A = operators.compose(hole, operators.blur_kernel(np.ones((9, 7)), "cut"))
  rows, columns = np.nonzero(operators.missing(A, (1, 64, 64, 3))[0, ..., 0])
  assert (rows.min(), rows.max(), columns.min(), columns.max()) == (7, 16, 8, 27)
  assert operators.missing(operators.blur(1), (1, 64, 64, 3)) is None
  assert operators.missing(lambda x: x, (1, 64, 64, 3)) is None


@pytest.mark.parametrize("size", [64, 32])
def test_observing_a_picture(size):
  """y made from a picture is grey if A has one output channel, and blank in holes."""
  picture = np.random.default_rng(0).random((2, size, size, 3)).astype(np.float32)
  shape = (2, 64, 64, 3)
  if size == 64:
    y = operators.observe(tasks.get("inpaint").operator(KEY, shape), picture, shape)
    assert (y[:, 16:48, 16:48] == 0).all()
    np.testing.assert_array_equal(y[:, :16], picture[:, :16])
    y = operators.observe(tasks.get("colorize+denoise:0.1").operator(KEY, shape), picture, shape)
    np.testing.assert_array_equal(y[..., 0], picture.max(-1))
  else:
    A = tasks.get("colorize+super_resolve:2+inpaint").operator(KEY, shape)
    y = operators.observe(A, picture, shape)
    assert y.shape == (2, 32, 32, 1) and (y[:, 8:24, 8:24] == 0).all()
    A = operators.coarsen(2)
    y = operators.observe(A, picture, shape)
    np.testing.assert_array_equal(y, picture.repeat(2, 1).repeat(2, 2))
    with pytest.raises(ValueError, match="the picture has shape"):
      operators.observe(A, picture[:, :20], shape)


# --- Projections --------------------------------------------------------------------------------

UNPROJECTED = (  # Damages after which y determines no value exactly.
  "denoise", "blur", "motion_blur", "defocus", "poisson", "poisson_gaussian", "speckle",
)  # fmt: skip


@pytest.mark.parametrize(
  "name",
  [*tasks.ALL, "colorize+super_resolve:4", "super_resolve:2+quantize:9", "blur:1+inpaint",
   "inpaint+colorize", "super_resolve:4+denoise:0.1", "denoise:0.1+super_resolve:4"],
)  # fmt: skip
def test_the_projection_agrees_with_y(name, faces):
  """It is closer to the original and agrees with y. A second projection changes nothing."""
  faces = 0.3 + 0.7 * faces  # Bright images: no correction leads to negative values.
  y, A = tasks.get(name).corrupt(faces, jax.random.key(0))
  A = operators.given(A, y, faces.shape)
  noise = jax.random.normal(jax.random.key(1), faces.shape)
  guess = jnp.clip(0.85 * faces + 0.02 * noise, 0.02, 1)
  found = operators.project(A, guess, y)
  if name in UNPROJECTED:
    np.testing.assert_array_equal(found, guess)
    return
  assert jnp.mean((found - faces) ** 2) <= jnp.mean((guess - faces) ** 2)
  np.testing.assert_allclose(operators.project(A, found, y), found, atol=1e-5)
  if "denoise" not in name and "blur" not in name and name not in ("jpeg", "salt_and_pepper"):
    again = operators.corrupt(A, found, jax.random.key(2))
    step = {"quantize": 0.251, "super_resolve:2+quantize:9": 0.126}
    np.testing.assert_allclose(again, y, atol=step.get(name, 1e-5))


def test_a_function_is_not_projected_on(faces):
  np.testing.assert_array_equal(operators.project(lambda x: x / 2, faces, faces / 2), faces)


# --- Pytrees and refusals -----------------------------------------------------------------------


def test_one_compilation_for_all_masks_of_a_shape(faces):
  count = 0

  @jax.jit
  def apply(A, x):
    nonlocal count
    count += 1
    return A(x)

  for i in range(3):
    apply(operators.inpaint(np.eye(64, k=i)), faces)
  assert count == 1


@pytest.mark.parametrize(
  "make,message",
  [
    (lambda: operators.inpaint(np.zeros((64, 64))), "marks no pixel as missing"),
    (lambda: operators.inpaint(np.ones((64, 64))), "at least one pixel must be known"),
    (lambda: operators.inpaint(np.full((64, 64), 0.5)), "not binary"),
    (lambda: operators.inpaint(np.full((64, 64), np.nan)), "not binary"),
    (lambda: operators.inpaint(np.ones(64)), r"shape \(64,\)"),
    (lambda: operators.inpaint(np.ones((64, 64, 3))), r"shape \(1, 64, 64, 3\)"),
    (lambda: operators.super_resolve(0), "factor is 0"),
    (lambda: operators.super_resolve(1.5), "whole number"),
    (lambda: operators.denoise(-1), "sigma is -1"),
    (lambda: operators.quantize(1), "levels is 1"),
    (lambda: operators.blur(0), "sigma is 0"),
    (lambda: operators.super_resolve(3)(jnp.zeros((1, 64, 64, 3))), "not divisible by factor 3"),
  ],
)
def test_refusals(make, message):
  with pytest.raises(ValueError, match=message):
    make()


def test_an_operator_must_be_a_function():
  with pytest.raises(TypeError, match="the operator is a int"):
    operators.as_operator(3)


@pytest.mark.parametrize(
  "A,given",
  [
    (operators.blur(1), "blur"),
    (operators.compose(operators.denoise(), operators.blur(1)), "a composition"),
    (lambda x: x, "a plain function"),
  ],
)
def test_a_restorer_of_one_damage_says_what_it_was_given(A, given):
  with pytest.raises(
    operators.UnsupportedOperatorError, match=f"mine restores only inpaint; A is {given}"
  ):
    operators.expect("mine", A, "inpaint")


def test_one_image_is_no_batch():
  composed = operators.compose(lambda x: x**2, operators.super_resolve(2))
  for A in (operators.super_resolve(4), operators.denoise(0.1), composed):
    with pytest.raises(ValueError, match=r"y has shape \[8, 8, 3\]; it must be \[N, h, w, C\]"):
      operators.image_shape(A, (8, 8, 3))


@pytest.mark.parametrize("kernel", ["box", "bicubic", "lanczos"])
def test_a_low_resolution_is_a_matrix_for_each_line(kernel):
  A, line = operators.super_resolve(4, kernel), np.random.default_rng(0).random(32)
  x = np.broadcast_to(np.float32(line)[:, None], (1, 32, 32, 1))  # All rows are this line.
  np.testing.assert_allclose(A(x)[0, 3, :, 0], A.weights(32) @ line, atol=1e-5)
