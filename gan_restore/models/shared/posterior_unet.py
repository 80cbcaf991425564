"""The network of the priors for any damage: the pixel-wise posterior, and noise -> images.

The network does not get the operator. It gets the pixel-wise posterior (`restorers.posterior`): the
mean and standard deviation of each pixel given y. For noise, this standard deviation is about that
of the noise, everywhere. For a hole, it is that of the prior inside and almost 0 outside. The
network also gets the smooth mean, the posterior mean if neighbouring pixels are correlated. It
continues known values smoothly into holes and interpolates low resolutions smoothly.

The inputs follow T. Karras et al., "Elucidating the design space of diffusion-based generative
models", 2022 (EDM): for noise, they are those of EDM's scaling, divided by 2. One network for many
operators: M. Terris et al., "Reconstruct anything model", 2025.

Images inside the network are [N, H, W, C] in [-1, 1]; its inputs and outputs are in [0, 1].
"""

import functools

import dm_pix
import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_restore.nn import layers
from gan_restore.restorers.posterior import PRIOR_STD, PixelPosterior

# An untrained network keeps the posterior mean where its standard deviation is well below this.
_FINE = 0.03


class Block(nn.Module):
  """x + conv(silu((1 + scale(c)) rms(conv(silu(x))) + shift(c))), where c is the condition.

  At initialisation the block is the identity. rms divides the features of a pixel (or, if the block
  is not local, of the image) by the root of their mean square. Without it, training collapses
  within a few thousand steps at the config's learning rate.
  """

  local: bool = True
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, condition: jax.Array) -> jax.Array:
    features = x.shape[-1]
    conv = functools.partial(layers.Conv, features, 3, 1, dtype=self.dtype)
    h = conv(kernel_init=nn.initializers.he_normal())(nn.silu(x))
    axes = -1 if self.local else (1, 2, 3)
    h /= jnp.sqrt(jnp.mean(h**2, axes, keepdims=True) + 1e-4)
    zeros = nn.initializers.zeros
    affine = layers.Conv(2 * features, 1, 1, dtype=self.dtype, kernel_init=zeros)(condition)
    scale, shift = jnp.split(affine, 2, -1)
    return x + conv(kernel_init=zeros)(nn.silu((1 + scale) * h + shift))


class PosteriorUNet(nn.Module):
  """`PixelPosterior` of images -> images [N, H, W, C], about in [0, 1].

  A U-Net of residual blocks. The input is first rearranged into blocks of 2x2 pixels (space to
  depth). The resolution of the features is then halved `depth` times. Each resolution has twice the
  features of the one before, up to four times the first. The encoder and the decoder have one
  residual block for each resolution, but two at the finest; there are two at the coarsest. Skip
  connections add the encoder's features to the decoder's.

  There are two kinds. A `local` network has only local operations, so that it does the same for
  images of any size. If the frame of the face is known, it also gets each pixel's coordinates in
  it, as Fourier features. The other kind is for aligned faces of one size. It normalises by the
  whole image, and has no frame.

  With z, white noise [P * N, H, W, Z], the decoder also gets noise at each resolution. The outputs
  are then P samples of each image instead of a mean (see `models.sampler`), the first samples of
  all images first; the encoder runs once for all of them. With `encode`, the outputs are the
  features of the encoder, from the finest resolution to the coarsest.

  The network has two outputs for each pixel. The first is a correction, in units of about the
  posterior standard deviation. The second is the logit of a weight between the posterior mean and
  the smooth mean. The correction is added to the weighted mean of the two. An untrained network,
  whose outputs are 0, gives a mixture of the two means.
  """

  channels: int = 3
  width: int = 64
  depth: int = 3
  local: bool = True
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(
    self,
    posterior: PixelPosterior,
    frame: jax.Array,
    z: jax.Array | None = None,
    encode: bool = False,
  ) -> jax.Array | list[jax.Array]:
    mean, smooth = 2 * posterior.mean - 1, 2 * posterior.smooth_mean - 1
    uncertainty = 1 + jnp.log(posterior.std / PRIOR_STD) / 2  # Around 0.
    if self.local:
      # Twice the standard deviations that the two means have under the prior.
      contrast = 4 * jnp.sqrt(jnp.maximum(PRIOR_STD**2 - posterior.std**2, 0) + 0.025**2)
      smooth_contrast = jnp.asarray(4 * PRIOR_STD)
    else:
      contrast = jnp.maximum(jnp.sqrt(jnp.mean(mean**2, (1, 2, 3), keepdims=True)), 0.05)
      smooth_contrast = contrast
    x = jnp.concatenate([mean / contrast, smooth / smooth_contrast, uncertainty], -1)
    he, zeros = nn.initializers.he_normal(), nn.initializers.zeros
    conv = functools.partial(layers.Conv, dtype=self.dtype, kernel_init=he)
    pointwise = functools.partial(layers.Conv, kernel=1, stride=1, dtype=self.dtype)
    x = conv(self.width, 3, 1)(dm_pix.space_to_depth(x, 2))
    if self.local:
      x += pointwise(self.width, kernel_init=zeros, name="frame")(_coordinates(frame, x.shape))
    doubt = jnp.mean(uncertainty, -1, keepdims=True)
    embed = pointwise(64, name="condition")

    def blocks(x, count):
      side = doubt.shape[1] // x.shape[1] if self.local else doubt.shape[1]
      condition = nn.silu(embed(_embed(nn.avg_pool(doubt, (side, side), (side, side)))))
      for _ in range(count):
        x = Block(self.local, self.dtype)(x, condition)
      return x

    def with_noise(x, level):
      if z is None:
        return x
      side = z.shape[1] // x.shape[1]
      white = side * nn.avg_pool(z, (side, side), (side, side))  # Of variance 1 at any resolution.
      init = nn.initializers.normal(0.1)
      own = pointwise(x.shape[-1], use_bias=False, kernel_init=init, name=f"noise_{level}")
      return x + own(white)

    way_down = []
    for level in range(self.depth):
      x = blocks(x, 1 if level else 2)
      way_down.append(x)
      x = conv(min(2 * x.shape[-1], 4 * self.width), 2, 2)(x)
    x = blocks(x, 1)
    if encode:
      return [*way_down, x]
    if z is not None:
      # Copies, because the gradient of a convolution under `jax.vmap` is ten times slower on a CPU.
      copy = lambda x: jnp.tile(x, (len(z) // len(doubt), 1, 1, 1))
      x, way_down, posterior, doubt = jax.tree.map(copy, (x, way_down, posterior, doubt))
    x = blocks(with_noise(x, self.depth), 1)
    for level in reversed(range(self.depth)):
      past = way_down[level]
      up = layers.ConvTranspose(past.shape[-1], 2, 2, dtype=self.dtype, kernel_init=he)
      x = blocks(with_noise(up(x) + past, level), 1 if level else 2)
    x = layers.Conv(8 * self.channels, 3, 1, kernel_init=zeros)(nn.silu(x))
    x = dm_pix.depth_to_space(x.astype(jnp.float32), 2)
    correction, share = jnp.split(x, 2, -1)
    share = nn.sigmoid(share + 2 * jnp.log(posterior.std / _FINE))
    scale = jnp.sqrt(posterior.std**2 + _FINE**2)
    smoothed = posterior.mean + share * (posterior.smooth_mean - posterior.mean)
    return smoothed + scale * correction


def _embed(x):
  """Fourier features of a number, with 16 frequencies: [..., 1] -> [..., 32]."""
  angle = x * 2.0 ** jnp.linspace(-2, 3, 16)
  return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], -1)


def _coordinates(frame, shape):
  """Fourier features [N, h, w, 13] of the coordinates of blocks of 2x2 pixels in the frames
  [N, 2, 3] of faces, for features of a shape [N, h, w, C]; 0 for a frame of zeros."""
  _, height, width, _ = shape
  rows, columns = 2 * jnp.arange(height) + 1.0, 2 * jnp.arange(width) + 1.0
  at = jnp.stack([*jnp.meshgrid(columns, rows), jnp.ones((height, width))], -1)
  angle = jnp.pi / 2 * jnp.clip(jnp.einsum("nij,hwj->nhwi", frame, at), -2, 2)
  waves = [wave(2**k * angle) for k in range(3) for wave in (jnp.cos, jnp.sin)]
  features = jnp.concatenate([jnp.ones_like(angle[..., :1]), *waves], -1)
  return features * jnp.any(frame != 0, (1, 2))[:, None, None, None]
