"""Compares the convolutions with their definition in NumPy, and their gradients with lax's own."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gan_restore.nn import layers

CASES = [(1, 1), (1, 2), (3, 1), (3, 2), (4, 2), (5, 2), (4, 4), (5, 3), (7, 2)]


def numpy_conv(x, w, stride):
  """The sum of the definition, for each output pixel."""
  n, height, width, _ = x.shape
  kernel = w.shape[0]
  total = max(kernel - stride, 0)
  before, after = total // 2, total - total // 2
  x = np.pad(x, ((0, 0), (before, after), (before, after), (0, 0)))
  y = np.zeros((n, height // stride, width // stride, w.shape[-1]))
  for i in range(y.shape[1]):
    for j in range(y.shape[2]):
      window = x[:, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
      y[:, i, j] = np.einsum("nhwi,hwio->no", window, w)
  return y


def draw(kernel, stride, size=(12, 24)):
  rng = np.random.default_rng(0)
  x = rng.normal(size=(2, *size, 3)).astype(np.float32)
  w = rng.normal(size=(kernel, kernel, 3, 5)).astype(np.float32)
  y = rng.normal(size=(2, size[0] // stride, size[1] // stride, 5)).astype(np.float32)
  return x, w, y


@pytest.mark.parametrize("kernel,stride", CASES)
def test_conv_is_its_definition(kernel, stride):
  x, w, _ = draw(kernel, stride)
  np.testing.assert_allclose(layers.conv(x, w, stride), numpy_conv(x, w, stride), atol=1e-4)


@pytest.mark.parametrize("rate", [1, 2, 4, 8, 16])
def test_dilated_conv_is_its_definition(rate):
  """The paper's sum over the taps, one by one. Taps outside the image add nothing."""
  x, w, _ = draw(3, 1)
  wanted = np.zeros((2, 12, 24, 5))
  for u, v in np.ndindex(12, 24):
    for i, j in np.ndindex(3, 3):
      row, column = u + rate * (i - 1), v + rate * (j - 1)
      if 0 <= row < 12 and 0 <= column < 24:
        wanted[:, u, v] += x[:, row, column] @ w[i, j]
  np.testing.assert_allclose(layers.dilated_conv(x, w, rate), wanted, atol=1e-4)
  if rate >= 12:  # Along that axis, only the centre tap is inside the image.
    np.testing.assert_allclose(layers.dilated_conv(x, w[1:2], rate), wanted, atol=1e-4)


def test_a_dilated_layer_has_the_rate_it_was_given():
  x = jnp.zeros((1, 16, 16, 1)).at[0, 8, 8].set(1)
  layer = layers.Conv(1, 3, 1, dilation=4, kernel_init=jax.nn.initializers.ones)
  y, _ = layer.init_with_output(jax.random.key(0), x)
  assert np.argwhere(np.asarray(y)[0, ..., 0]).tolist() == [
    [i, j] for i in (4, 8, 12) for j in (4, 8, 12)
  ]


@pytest.mark.parametrize("kernel,stride", CASES)
def test_conv_transpose_is_the_adjoint(kernel, stride):
  x, w, y = draw(kernel, stride)
  left = np.sum(numpy_conv(x, w, stride) * y)
  right = np.sum(x * np.asarray(layers.conv_transpose(y, w, stride), np.float64))
  np.testing.assert_allclose(left, right, rtol=1e-4)


@pytest.mark.parametrize("outputs", [(12, 6), (3, 5), (1, 1)])
@pytest.mark.parametrize("kernel,stride", CASES)
def test_gradients_are_those_of_lax(kernel, stride, outputs):
  """Also of odd sizes and of maps of one pixel."""
  x, w, y = draw(kernel, stride, [stride * size for size in outputs])
  total = max(kernel - stride, 0)
  padding = [(total // 2, total - total // 2)] * 2

  def reference(x, w):
    return lax.conv_general_dilated(
      x, w, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )

  _, wanted = jax.vjp(reference, x, w)
  _, got = jax.vjp(lambda x, w: layers.conv(x, w, stride), x, w)
  for a, b in zip(wanted(y), got(y)):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)

  # The gradients of the transposed convolution, by the adjoint written with lax.
  def reference_transpose(y, w):
    return jax.linear_transpose(lambda x: reference(x, w), x)(y)[0]

  _, wanted = jax.vjp(reference_transpose, y, w)
  _, got = jax.vjp(lambda y, w: layers.conv_transpose(y, w, stride), y, w)
  for a, b in zip(wanted(x), got(x)):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kernel,stride", CASES)
def test_gradients_in_bfloat16_are_those_of_float32_but_for_rounding(kernel, stride):
  x, w, y = draw(kernel, stride)
  for layer, first, second in ((layers.conv, x, y), (layers.conv_transpose, y, x)):
    function = functools.partial(layer, stride=stride)
    _, wanted = jax.vjp(function, first, w)
    low = [jnp.asarray(a, jnp.bfloat16) for a in (first, w, second)]
    _, got = jax.vjp(function, *low[:2])
    for a, b in zip(wanted(second), got(low[2])):
      assert b.dtype == jnp.bfloat16
      error = np.asarray(b, np.float32) - a
      assert np.sqrt(np.mean(error**2)) < 0.02 * np.sqrt(np.mean(a**2))


def test_conv_refuses_a_size_the_stride_does_not_divide():
  with pytest.raises(ValueError, match="not divisible by stride 2"):
    layers.conv(jnp.zeros((1, 5, 4, 3)), jnp.zeros((4, 4, 3, 5)), 2)


def test_modules_keep_float32_parameters_in_bfloat16():
  module = layers.ConvTranspose(6, dtype=jnp.bfloat16)
  x = jnp.ones((1, 4, 4, 3))
  variables = module.init(jax.random.key(0), x)
  assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))
  y = module.apply(variables, x)
  assert y.dtype == jnp.bfloat16 and y.shape == (1, 8, 8, 6)


def test_batch_statistics_are_averaged_over_devices():
  assert jax.device_count() >= 2
  x = np.random.default_rng(0).normal(size=(8, 4, 4, 3)).astype(np.float32)
  module = layers.batch_norm(True)
  variables = layers.batch_norm(False).init(jax.random.key(0), x)
  apply = lambda x: module.apply(variables, x, mutable=["batch_stats"])
  whole, _ = jax.pmap(apply, axis_name=layers.AXIS, devices=jax.devices()[:1])(x[None])
  halves, stats = jax.pmap(apply, axis_name=layers.AXIS)(x.reshape(2, 4, 4, 4, 3))
  np.testing.assert_allclose(halves.reshape(x.shape), whole[0], atol=1e-5)
  mean = stats["batch_stats"]["mean"]
  np.testing.assert_allclose(mean[0], 0.1 * x.mean((0, 1, 2)), atol=1e-6)
  np.testing.assert_array_equal(mean[0], mean[1])
