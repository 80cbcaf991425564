"""Layers shared by the families: convolutions with fast gradients, batch norm.

Arrays are NHWC, kernels HWIO. The modules hold the parameters and call the functions above them.

Why the convolutions are written out: a strided convolution `y = F(x, w)` is linear in `x` and in
`w`, so everything that training needs of it, and of its transpose, is one of three maps:

    F(x, w)    the convolution,
    X(y, w)    its adjoint in x: the transposed convolution,
    W(x, y)    its adjoint in w: the weight gradient of both.

XLA's own weight gradient of `lax.conv_transpose` is a convolution with a window as large as the
image and runs 30 to 60 times slower than W on a CPU; X by `lhs_dilation` multiplies by the zeros
it inserts. Here X is a convolution of stride 1 whose channels are then moved into space (sub-pixel
form), which multiplies by no zeros. The gradients agree with `lax`'s to rounding.
"""

import functools

import dm_pix
import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

AXIS = "batch"  # The device axis of a training step; batch statistics are averaged over it.
DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def _padding(kernel: int, stride: int) -> tuple[int, int]:
  """Padding under which a size divisible by `stride` becomes size / stride."""
  total = max(kernel - stride, 0)
  return total // 2, total - total // 2


def _forward(x, w, stride):
  padding = [_padding(k, stride) for k in w.shape[:2]]
  return lax.conv_general_dilated(x, w, (stride, stride), padding, dimension_numbers=DIMENSIONS)


def _adjoint_x(y, w, stride):
  """X: `y` [N, h, w, O] -> [N, h * stride, w * stride, I].

  Along one axis, pixel q = stride * b + r of the padded output receives y[i] w[k] where
  k = q - stride * i. So k splits into a tap t = b - i and the phase r: a full convolution of y over
  the taps, with one set of features for each phase. The padding is cropped last.
  """
  kh, kw, channels, features = w.shape
  _, height, width, _ = y.shape
  th, tw = -(-kh // stride), -(-kw // stride)
  w = jnp.pad(w, ((0, th * stride - kh), (0, tw * stride - kw), (0, 0), (0, 0)))
  w = w.reshape(th, stride, tw, stride, channels, features)[::-1, :, ::-1]
  w = w.transpose(0, 2, 5, 1, 3, 4).reshape(th, tw, features, stride * stride * channels)
  padding = ((th - 1, th - 1), (tw - 1, tw - 1))
  out = lax.conv_general_dilated(y, w, (1, 1), padding, dimension_numbers=DIMENSIONS)
  out = dm_pix.depth_to_space(out, stride) if stride > 1 else out
  top, left = _padding(kh, stride)[0], _padding(kw, stride)[0]
  return out[:, top : top + height * stride, left : left + width * stride]


def _adjoint_w(x, y, shape, stride):
  """W: the sum over the batch of `y`'s correlations with `x`; `shape` is the kernel's."""
  zero = jnp.zeros(shape, x.dtype)
  return jax.linear_transpose(lambda w: _forward(x, w, stride), zero)(y)[0]


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def conv(x: jax.Array, w: jax.Array, stride: int = 1) -> jax.Array:
  """Convolution: `x` [N, H, W, I], `w` [kh, kw, I, O] -> [N, H / stride, W / stride, O].

  Zero padding, (k - stride) / 2 on each side (the odd pixel below and to the right). H and W must
  be divisible by `stride`.
  """
  if x.shape[1] % stride or x.shape[2] % stride:
    raise ValueError(f"conv: a size of {x.shape[1:3]} is not divisible by stride {stride}")
  return _forward(x, w, stride)


def _conv_fwd(x, w, stride):
  return conv(x, w, stride), (x, w)


def _conv_bwd(stride, residuals, dy):
  x, w = residuals
  return _adjoint_x(dy, w, stride), _adjoint_w(x, dy, w.shape, stride)


conv.defvjp(_conv_fwd, _conv_bwd)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def conv_transpose(y: jax.Array, w: jax.Array, stride: int = 2) -> jax.Array:
  """The adjoint of `conv` in its input: `y` [N, h, w, O], `w` [kh, kw, I, O] ->
  [N, h * stride, w * stride, I].

  PyTorch calls it ConvTranspose2d. In the kernel the output features `I` stand before `O`, as in
  the convolution whose adjoint it is.
  """
  return _adjoint_x(y, w, stride)


def _conv_transpose_fwd(y, w, stride):
  return conv_transpose(y, w, stride), (y, w)


def _conv_transpose_bwd(stride, residuals, dx):
  y, w = residuals
  return _forward(dx, w, stride), _adjoint_w(dx, y, w.shape, stride)


conv_transpose.defvjp(_conv_transpose_fwd, _conv_transpose_bwd)


def dilated_conv(x: jax.Array, w: jax.Array, rate: int) -> jax.Array:
  """Dilated convolution: `x` [N, H, W, I], `w` [kh, kw, I, O] -> [N, H, W, O], k odd.

  y(u, v) = sum_ij x(u + rate i, v + rate j) w(i, j) (Yu and Koltun 2016), zero padding. XLA's own
  gradients are as fast as its forward pass here.
  """
  padding = [(rate * (k // 2),) * 2 for k in w.shape[:2]]
  return lax.conv_general_dilated(
    x, w, (1, 1), padding, rhs_dilation=(rate, rate), dimension_numbers=DIMENSIONS
  )


class Conv(nn.Module):
  """A convolution, [N, H, W, I] -> [N, H / stride, W / stride, features].

  With a `dilation` above 1 the stride has to be 1 and the kernel odd.
  """

  features: int
  kernel: int = 4
  stride: int = 2
  dilation: int = 1
  use_bias: bool = True
  dtype: jnp.dtype = jnp.float32
  kernel_init: nn.initializers.Initializer = nn.initializers.normal(0.02)

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    shape = (self.kernel, self.kernel, x.shape[-1], self.features)
    w = self.param("kernel", self.kernel_init, shape, jnp.float32)
    x, w = x.astype(self.dtype), w.astype(self.dtype)
    y = conv(x, w, self.stride) if self.dilation == 1 else dilated_conv(x, w, self.dilation)
    if self.use_bias:
      y += self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32).astype(y.dtype)
    return y


class ConvTranspose(nn.Module):
  """A transposed convolution, [N, h, w, O] -> [N, h * stride, w * stride, features]."""

  features: int
  kernel: int = 4
  stride: int = 2
  use_bias: bool = True
  dtype: jnp.dtype = jnp.float32
  kernel_init: nn.initializers.Initializer = nn.initializers.normal(0.02)

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    shape = (self.kernel, self.kernel, self.features, x.shape[-1])
    w = self.param("kernel", self.kernel_init, shape, jnp.float32)
    y = conv_transpose(x.astype(self.dtype), w.astype(self.dtype), self.stride)
    if self.use_bias:
      y += self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32).astype(y.dtype)
    return y


class Dense(nn.Module):
  """A dense layer, [N, I] -> [N, features]. The result of a row does not depend on the number of
  rows.

  A matrix product of few rows is summed in another order than one of many, and a latent search
  amplifies the difference of 1e-7 to 1e-3. Therefore the rows are padded to a multiple of 64, which
  costs little compared with the convolutions. Convolutions give an image the same numbers in any
  batch of two or more.
  """

  features: int
  use_bias: bool = True
  dtype: jnp.dtype = jnp.float32
  kernel_init: nn.initializers.Initializer = nn.initializers.normal(0.02)

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    n = x.shape[0]
    w = self.param("kernel", self.kernel_init, (x.shape[-1], self.features), jnp.float32)
    x = jnp.pad(x.astype(self.dtype), ((0, -n % 64), (0, 0)))
    y = (x @ w.astype(self.dtype))[:n]
    if self.use_bias:
      y += self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32).astype(y.dtype)
    return y


def _scale_init(key, shape, dtype=jnp.float32):
  return 1 + 0.02 * jax.random.normal(key, shape, dtype)


def batch_norm(
  train: bool, dtype: jnp.dtype = jnp.float32, name: str | None = None
) -> nn.BatchNorm:
  """Batch norm with DCGAN's momentum and initial scale.

  Args:
    train: Whether the statistics are those of the batch, averaged over the device axis, or the
      running averages.
    dtype: Data type of the output.
    name: Name of the module.

  Returns:
    The module.
  """
  return nn.BatchNorm(
    use_running_average=not train,
    momentum=0.9,
    dtype=dtype,
    axis_name=AXIS if train else None,
    scale_init=_scale_init,
    name=name,
  )
