"""Compares blurs with SciPy and OpenCV-like definitions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from gan_restore.degradations import operators

RNG = np.random.default_rng(0)
KERNELS = {
  "motion": operators.motion_blur(7, 30),
  "defocus": operators.defocus(2.3),
  "asymmetric": operators.blur_kernel(RNG.random((3, 7))),
  "one pixel": operators.blur_kernel(np.ones((1, 1))),
}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("size", [(33, 20), (64, 64)])
def test_it_is_scipys_convolution(name, size):
  A = KERNELS[name]
  x = RNG.random((2, *size, 3)).astype(np.float32)
  kernel = np.asarray(A.weights[0])[None, :, :, None]
  wanted = ndimage.convolve(x, kernel, mode="reflect")
  np.testing.assert_allclose(A(x), wanted, atol=1e-5)
  np.testing.assert_allclose(A.weights.sum(), 1, rtol=1e-6)


def test_a_border_that_is_cut():
  kernel = RNG.random((5, 3))
  whole, cut = (operators.blur_kernel(kernel, border) for border in ("mirror", "cut"))
  x = RNG.random((2, 20, 16, 3)).astype(np.float32)
  y = cut(x)
  np.testing.assert_allclose(y, whole(x)[:, 2:-2, 1:-1], atol=1e-5)
  assert operators.image_shape(cut, y.shape) == x.shape == operators.show(cut, y).shape
  with pytest.raises(ValueError, match="smaller than the kernel"):
    cut(x[:, :4])


def test_a_kernel_for_each_image():
  kernels = RNG.random((2, 3, 3))
  x = RNG.random((2, 16, 16, 1)).astype(np.float32)
  both = operators.blur_kernel(kernels)(x)
  for i in range(2):
    np.testing.assert_allclose(
      both[i : i + 1], operators.blur_kernel(kernels[i])(x[i : i + 1]), atol=1e-6
    )


def test_lines_and_disks():
  """A line of 3 pixels is a mean of 3 pixels; the disk has the disk's area and is symmetric."""
  np.testing.assert_allclose(operators.motion_blur(3, 0).weights[0], np.full((1, 3), 1 / 3))
  np.testing.assert_allclose(operators.motion_blur(3, 90).weights[0], np.full((3, 1), 1 / 3))
  up = np.asarray(operators.motion_blur(9, 45).weights[0])  # Counterclockwise: up to the right.
  assert up[0, -1] > 0 and up[0, 0] == 0
  np.testing.assert_allclose(up, up.T[::-1, ::-1], atol=1e-6)
  disk = np.asarray(operators.defocus(3.5).weights[0])
  assert disk.shape == (7, 7)
  np.testing.assert_allclose(disk, disk.T, atol=1e-6)
  np.testing.assert_allclose(disk[3, 3], 1 / (np.pi * 3.5**2), rtol=0.01)
  assert operators.defocus(0.4).weights.shape == (1, 1, 1)


def test_the_kernel_of_a_damage():
  blur = operators.motion_blur(5)
  noisy = operators.compose(operators.denoise(0.1), blur)
  np.testing.assert_array_equal(operators.kernel(noisy), blur.weights)
  assert operators.kernel(operators.denoise(0.1)).shape == (1, 1, 1)
  gaussian = operators.kernel(operators.blur(1.0))[0]
  impulse = np.zeros((9, 9))
  impulse[4, 4] = 1
  wanted = ndimage.gaussian_filter(impulse, 1.0, radius=3, mode="constant")
  np.testing.assert_allclose(gaussian, wanted[1:8, 1:8], atol=1e-6)
  for other in (
    operators.colorize(),
    lambda x: x,
    operators.compose(blur, blur),
    operators.blur_kernel(np.ones((3, 3)), "cut"),
    operators.compose(operators.super_resolve(2), blur),
    operators.salt_and_pepper(),
  ):
    assert operators.kernel(other) is None


@pytest.mark.parametrize(
  "make,message",
  [
    (lambda: operators.blur_kernel(np.ones((2, 3))), "odd h and w"),
    (lambda: operators.blur_kernel(np.ones(3)), "it must be"),
    (lambda: operators.blur_kernel(-np.ones((3, 3))), "negative values"),
    (lambda: operators.blur_kernel(np.full((3, 3), np.nan)), "negative values"),
    (lambda: operators.blur_kernel(np.ones((3, 3)), "wrap"), "border is 'wrap'"),
    (lambda: operators.motion_blur(0.5), "length is 0.5"),
    (lambda: operators.motion_blur(5, np.inf), "angle is inf"),
    (lambda: operators.defocus(0), "radius is 0"),
    (lambda: operators.motion_blur(99)(jnp.zeros((1, 16, 16, 3))), "smaller than half the kernel"),
  ],
)
def test_refusals(make, message):
  with pytest.raises(ValueError, match=message):
    make()


@pytest.mark.parametrize("noise", [operators.denoise(0.05), operators.poisson(200)])
@pytest.mark.parametrize("border", ["mirror", "cut"])
def test_noise_that_was_blurred_is_known_up_to_the_border(noise, border):
  """Over 2,000 draws, in the first and last rows and columns and the corners too."""
  kernel = np.random.default_rng(0).random((5, 9)) ** 3
  x = jnp.broadcast_to(jnp.array([0.46, 0.52, 0.48]), (1, 20, 24, 3))
  A = operators.compose(operators.blur_kernel(kernel, border), noise)
  corrupt = functools.partial(A.corrupt, x)
  drawn = jax.jit(jax.vmap(corrupt))(jax.random.split(jax.random.key(0), 2000))
  stated = operators.noise(operators.given(A, drawn[0], x.shape), x.shape)
  ratio = np.broadcast_to(stated, drawn.shape[1:]) / np.std(drawn, axis=0)
  np.testing.assert_allclose(ratio, 1, atol=0.1)
  for part in (ratio[:, :2], ratio[:, -2:], ratio[:, :, :3], ratio[:, :, -3:]):
    assert abs(np.mean(part) - 1) < 0.02
