"""Operators against scikit-image and SciPy; damage; what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage
from skimage import color, measure

from gan_restore import operators, tasks

KEY = jax.random.key(0)


def test_colorize_is_v_of_hsv(faces):
  wanted = np.stack([color.rgb2hsv(x)[..., 2:] for x in faces])
  np.testing.assert_allclose(operators.colorize()(faces), wanted, atol=1e-6)


def test_the_gradient_of_v():
  """Of the largest channel; shared where several are."""
  x = np.array([[0.2, 0.7, 0.5], [0.4, 0.4, 0.1], [0.3, 0.3, 0.3]], np.float32)
  gradient = jax.grad(lambda x: operators.value(x).sum())(x)
  np.testing.assert_allclose(gradient, [[0, 1, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-6)


def test_super_resolve_is_a_block_mean(faces):
  wanted = measure.block_reduce(faces, (1, 4, 4, 1), np.mean)
  np.testing.assert_allclose(operators.super_resolve(4)(faces), wanted, atol=1e-6)


@pytest.mark.parametrize("factor", [4, 8])
def test_coarsen_is_a_block_mean_brought_back_up(factor, faces):
  y = operators.coarsen(factor)(faces)
  means = measure.block_reduce(faces, (1, factor, factor, 1), np.mean)
  np.testing.assert_allclose(y, np.kron(means, np.ones((1, factor, factor, 1))), atol=1e-6)
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


def test_denoise_adds_the_noise_it_names():
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


def test_compose_applies_the_inner_first_and_keeps_its_damage(faces):
  A = operators.compose(operators.super_resolve(4), operators.denoise(0.1))
  assert A(faces).shape == (8, 16, 16, 3)
  error = np.std(np.asarray(A.corrupt(faces, KEY)) - np.asarray(A(faces)))
  assert 0.01 < error < 0.03  # Averaged over 16 pixels (and clipped).
  plain = operators.compose(lambda x: x**2, operators.colorize())
  np.testing.assert_allclose(plain(faces)[..., 0], faces.max(-1) ** 2, atol=1e-6)


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
    (lambda: operators.inpaint(np.zeros((64, 64))), "no pixel is missing"),
    (lambda: operators.inpaint(np.ones((64, 64))), "no known pixel"),
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


def test_an_operator_has_to_be_a_function():
  with pytest.raises(TypeError, match="the operator is a int"):
    operators.as_operator(3)


@pytest.mark.parametrize("name", tasks.ALL)
def test_what_is_certain_is_put_into_a_guess(name, faces):
  """It comes nearer to the original, agrees with y, and is not moved a second time."""
  y, A = tasks.get(name).corrupt(faces, jax.random.key(0))
  guess = jnp.clip(faces + 0.1 * jax.random.normal(jax.random.key(1), faces.shape), 0.02, 1)
  found = operators.project(A, guess, y)
  if name in ("denoise", "blur"):
    np.testing.assert_array_equal(found, guess)
    return
  assert jnp.mean((found - faces) ** 2) < jnp.mean((guess - faces) ** 2)
  again = operators.corrupt(A, found, jax.random.key(2))
  np.testing.assert_allclose(again, y, atol=0.251 if name == "quantize" else 1e-5)
  np.testing.assert_allclose(operators.project(A, found, y), found, atol=1e-5)


def test_of_a_function_nothing_is_certain(faces):
  np.testing.assert_array_equal(operators.project(lambda x: x / 2, faces, faces / 2), faces)
