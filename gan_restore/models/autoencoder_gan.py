"""An autoencoding GAN: a prior for the latent search whose generator can reproduce real faces.

A DCGAN's generator is trained to produce realistic images, but not to reproduce each training
image. The latent search fails on images that G cannot produce. Here an encoder E is trained
together with G so that G(E(x)) is close to x, while the discriminator gets G of random latents, as
in a DCGAN (A. B. L. Larsen et al., "Autoencoding beyond pixels using a learned similarity metric",
2016, but with the L1 distance of pixels). The latents E(x) are normalised over the batch to the
mean and variance of p_Z. The generator's blocks are residual, and normalised before their
convolutions (K. He et al., "Identity mappings in deep residual networks", 2016).

The interface, and therefore the search, is that of `dcgan`. Images inside the networks are
[N, S, S, C] in [-1, 1]; latents z are [N, latent_dim], in [-1, 1].
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_restore.models import Config, Losses, Trained, Variables, dcgan
from gan_restore.nn import layers, losses
from gan_restore.nn.networks import StridedDiscriminator
from gan_restore.restorers import latent_search

_HE = nn.initializers.he_normal()


class Generator(nn.Module):
  """z [N, latent_dim] -> image [N, S, S, C] in [-1, 1].

  A dense layer to 4x4, blocks of twice the size up to S / 2 (4, 2 and 1 times `width` features at
  8x8, 16x16 and 32x32), and a transposed convolution.
  """

  image_size: int = 64
  channels: int = 3
  width: int = 32
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, z: jax.Array, train: bool = False) -> jax.Array:
    norm = lambda x: nn.relu(layers.batch_norm(train, self.dtype)(x))
    conv = functools.partial(layers.Conv, use_bias=False, dtype=self.dtype, kernel_init=_HE)
    up = functools.partial(layers.ConvTranspose, use_bias=False, dtype=self.dtype, kernel_init=_HE)
    features = lambda size: self.width * min(self.image_size // (2 * size), 4)
    x = layers.Dense(16 * features(4), use_bias=False, dtype=self.dtype)(z)
    x = x.reshape(-1, 4, 4, features(4))
    while x.shape[1] < self.image_size // 2:
      wide = features(2 * x.shape[1])
      h = up(wide)(norm(x))
      x = jnp.repeat(jnp.repeat(conv(wide, 1, 1)(x), 2, axis=1), 2, axis=2) + h
      x += conv(wide, 3, 1)(norm(x))
    x = layers.ConvTranspose(self.channels, dtype=self.dtype)(norm(x))
    return jnp.tanh(x.astype(jnp.float32))


class Encoder(nn.Module):
  """Image [N, S, S, C] in [-1, 1] -> z [N, latent_dim] in [-1, 1]."""

  latent_dim: int
  width: int = 32
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    features = self.width
    conv = functools.partial(layers.Conv, dtype=self.dtype, kernel_init=_HE)
    x = nn.leaky_relu(conv(features)(x), 0.2)
    while x.shape[1] > 4:
      features = min(2 * features, 4 * self.width)
      x = conv(features, use_bias=False)(x)
      x = nn.leaky_relu(layers.batch_norm(train, self.dtype)(x), 0.2)
    code = layers.Dense(self.latent_dim, dtype=self.dtype)(x.reshape(x.shape[0], -1))
    axis = layers.AXIS if train else None
    normalise = nn.BatchNorm(
      not train, momentum=0.9, use_scale=False, use_bias=False, axis_name=axis
    )
    return jnp.clip(normalise(code.astype(jnp.float32)) / 3**0.5, -1, 1)


PLAYERS = ("generator", "discriminator", "encoder")
CURVES = {"discriminator_loss": "discriminator", "l_rec": "distance, L1"}
REQUIREMENTS = dcgan.REQUIREMENTS | {
  "reconstruction_weight": losses.WEIGHT,
  "adversarial_weight": losses.WEIGHT,
  "code_sigma": losses.WEIGHT,
}
sample_latent = dcgan.sample_latent


def networks(config: Config) -> tuple[Generator, StridedDiscriminator, Encoder]:
  """The three networks of a config."""
  dtype = jnp.dtype(config.dtype)
  return (
    Generator(config.image_size, config.channels, config.width, dtype),
    StridedDiscriminator(1, config.width, dtype=dtype),
    Encoder(config.latent_dim, config.width, dtype),
  )


def init(config: Config, key: jax.Array) -> Variables:
  """Fresh variables (`params`, `batch_stats`) of each player."""
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  keys = jax.random.split(key, 3)
  generator, discriminator, encoder = networks(config)
  return {
    "generator": generator.init(keys[0], jnp.zeros((1, config.latent_dim))),
    "discriminator": discriminator.init(keys[1], image),
    "encoder": encoder.init(keys[2], image),
  }


def active_players(config: Config, step: int) -> tuple[str, ...]:
  """The players that learn at a step: always all."""
  del config, step
  return PLAYERS


def compute_losses(
  config: Config, variables: Variables, batch: dict, key: jax.Array, active: tuple[str, ...]
) -> Losses:
  r"""The losses on one batch.

  With the latents :math:`z_x = E(x)`, G and E minimise

  .. math::
    w_r \, E|x - G(z_x + \epsilon)|_1 - w_a \, E_z[\log D(G(z))]

  where a little noise :math:`\epsilon` is added so that latents near :math:`z_x` also give faces.
  Only G minimises the second term. D minimises the loss of a DCGAN's discriminator.

  Args:
    config: The run's config.
    variables: The variables of each player.
    batch: `image` [N, S, S, C] in [-1, 1].
    key: A random key of this step and device.
    active: The players that learn at this step.

  Returns:
    ({player: loss}, (batch statistics {player: ...}, further metrics {name: value})).
  """
  del active
  generator, _, encoder = networks(config)
  x = batch["image"]
  key_z, key_noise, *keys = jax.random.split(key, 4)
  train = lambda network, player, *args: network.apply(
    variables[player], *args, True, mutable=["batch_stats"]
  )
  code, stats_e = train(encoder, "encoder", x)
  noisy = code + config.code_sigma * jax.random.normal(key_noise, code.shape)
  z = jnp.concatenate([sample_latent(config, key_z, len(x)), jnp.clip(noisy, -1, 1)])
  images, stats_g = train(generator, "generator", z)
  fake, back = jnp.split(images, 2)

  on_real, on_fake, stats_d = dcgan.discriminate_augmented(
    config, variables["discriminator"], x, fake, keys
  )
  l_rec = jnp.mean(jnp.abs(back - x))
  l_adv = losses.generator_loss(on_fake)
  values = {
    "generator": config.reconstruction_weight * l_rec + config.adversarial_weight * l_adv,
    "discriminator": losses.discriminator_loss(on_real, on_fake),
    "encoder": config.reconstruction_weight * l_rec,
  }
  stats = {"generator": stats_g, "discriminator": stats_d, "encoder": stats_e}
  metrics = {
    "l_rec": l_rec,
    "d_real": jnp.mean(jax.nn.sigmoid(on_real)),
    "d_fake": jnp.mean(jax.nn.sigmoid(on_fake)),
  }
  return values, (stats, metrics)


def generate(trained: Trained, z: jax.Array) -> jax.Array:
  """G(z) with frozen statistics: [N, latent_dim] -> [N, S, S, C] in [0, 1]."""
  return (networks(trained.config)[0].apply(trained.variables["generator"], z) + 1) / 2


def discriminate(trained: Trained, x: jax.Array) -> jax.Array:
  """Logits of D with frozen statistics: [N, S, S, C] in [0, 1] -> [N]."""
  _, discriminator, _ = networks(trained.config)
  return discriminator.apply(trained.variables["discriminator"], x * 2 - 1)[:, 0]


def encode(trained: Trained, x: jax.Array) -> jax.Array:
  """E(x) with frozen statistics: [N, S, S, C] in [0, 1] -> z [N, latent_dim]."""
  return networks(trained.config)[2].apply(trained.variables["encoder"], x * 2 - 1)


def latent_prior(trained: Trained) -> latent_search.LatentPrior:
  """The functions of the trained GAN that the latent search needs."""
  return latent_search.LatentPrior(
    jax.tree_util.Partial(generate, trained),
    jax.tree_util.Partial(discriminate, trained),
    jax.tree_util.Partial(encode, trained),
    latent_dim=trained.config.latent_dim,
    image_shape=trained.image_shape,
  )


def samples(trained: Trained, batch: dict, key: jax.Array) -> jax.Array:
  """For the grid that training writes: 32 random G(z), then 16 images, each followed by
  G(E(x)); in [0, 1]."""
  drawn = generate(trained, sample_latent(trained.config, key, 32))
  x = (batch["image"][:16] + 1) / 2
  pairs = jnp.stack([x, generate(trained, encode(trained, x))], 1)
  return jnp.concatenate([drawn, pairs.reshape(-1, *x.shape[1:])])


restore = functools.partial(latent_search.restore, latent_prior)
evaluate = dcgan.evaluate
