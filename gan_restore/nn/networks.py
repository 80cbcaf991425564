"""Networks that several families share. Images are [N, S, S, C] in [-1, 1]."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_restore.nn import layers


class StridedDiscriminator(nn.Module):
  """DCGAN's discriminator for any size: images [N, S, S, C] -> logits [N, outputs].

  Strided convolutions halve the size while it is even and above 4.
  """

  outputs: int = 1
  width: int = 64
  norm: bool = True  # Batch norm; WGAN's critic has none.
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    features = self.width
    x = nn.leaky_relu(layers.Conv(features, dtype=self.dtype)(x), 0.2)
    while x.shape[1] % 2 == 0 and x.shape[1] > 4:
      features *= 2
      x = layers.Conv(features, use_bias=not self.norm, dtype=self.dtype)(x)
      x = layers.batch_norm(train, self.dtype)(x) if self.norm else x
      x = nn.leaky_relu(x, 0.2)
    x = x.reshape(x.shape[0], -1)
    return layers.Dense(self.outputs, dtype=self.dtype)(x).astype(jnp.float32)


class Decoder(nn.Module):
  """DCGAN's generator, with a vector as its input: [N, I] -> [N, S, S, C] in [-1, 1].

  A dense layer, then transposed convolutions that double the size.
  """

  image_size: int
  channels: int
  width: int = 64  # Features before the last layer; doubled at each layer towards the vector.
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    size, features = self.image_size // 2, self.width
    while size % 2 == 0 and size > 4:
      size, features = size // 2, 2 * features
    x = layers.Dense(size * size * features, use_bias=False, dtype=self.dtype)(x)
    x = x.reshape(-1, size, size, features)
    while True:
      x = nn.relu(layers.batch_norm(train, self.dtype)(x))
      if 2 * x.shape[1] == self.image_size:
        break
      features //= 2
      x = layers.ConvTranspose(features, use_bias=False, dtype=self.dtype)(x)
    x = layers.ConvTranspose(self.channels, dtype=self.dtype)(x)
    return jnp.tanh(x.astype(jnp.float32))
