"""GAN, DCGAN and CGAN that restore from a coarse image: baselines of ResGAN.

I. Goodfellow et al., "Generative Adversarial Nets", 2014 (eq. 1 of the ResGAN paper), by dense
networks; A. Radford, L. Metz, S. Chintala, 2015, by convolutional ones; M. Mirza, S. Osindero,
"Conditional Generative Adversarial Nets", 2014 (eq. 3), where the label is an input of both
networks and must be given for a restoration. Their noise vector is replaced by the pixels of the
coarse image, so that every model gets the same input.

Images inside the networks are [N, S, S, C] in [-1, 1]; labels are bits [N, classes].
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gan_restore.degradations import operators
from gan_restore.models import Config, Losses, Trained, Variables
from gan_restore.models.shared import coarse
from gan_restore.nn import layers, losses
from gan_restore.nn import networks as shared_networks


class DenseGenerator(nn.Module):
  """A shallow network: [N, I] -> [N, S, S, C] by one hidden layer."""

  image_size: int
  channels: int
  width: int = 64
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    del train
    x = nn.relu(layers.Dense(16 * self.width, dtype=self.dtype)(x))
    x = layers.Dense(self.image_size**2 * self.channels, dtype=self.dtype)(x)
    x = x.reshape(-1, self.image_size, self.image_size, self.channels)
    return jnp.tanh(x.astype(jnp.float32))


class DenseDiscriminator(nn.Module):
  """Likewise: [N, S, S, C] -> logits [N, 1]."""

  width: int = 64
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    del train
    x = x.reshape(x.shape[0], -1)
    x = nn.leaky_relu(layers.Dense(16 * self.width, dtype=self.dtype)(x), 0.2)
    return layers.Dense(1, dtype=self.dtype)(x).astype(jnp.float32)


PLAYERS = ("generator", "discriminator")
EXPORTED = ("generator",)
TASK = "coarsen"
CURVES = {"generator_loss": "generator", "discriminator_loss": "discriminator"}
REQUIREMENTS = coarse.REQUIREMENTS | {
  "network": (lambda v: v in ("dense", "conv"), "dense or conv"),
}


def networks(config: Config) -> tuple[nn.Module, nn.Module]:
  """The two networks of a config: the GAN's (`dense`) or DCGAN's (`conv`)."""
  dtype = jnp.dtype(config.dtype)
  size = config.image_size, config.channels, config.width, dtype
  if config.network == "dense":
    return DenseGenerator(*size), DenseDiscriminator(config.width, dtype)
  return shared_networks.Decoder(*size), shared_networks.StridedDiscriminator(
    1, config.width, dtype=dtype
  )


def _generator_input(config, coarse_image, label):
  """The input of G: the coarse pixels and, for a conditional GAN, the label's bits."""
  pixels = coarse.vector(config, coarse_image)
  if not config.conditional:
    return pixels
  return jnp.concatenate([pixels, coarse.targets(config, label)], -1)


def _discriminator_input(config, image, label):
  """The input of D: the image and, for a conditional GAN, a constant channel for each bit."""
  if not config.conditional:
    return image
  bits = coarse.targets(config, label)[:, None, None]
  maps = jnp.broadcast_to(bits, (*image.shape[:3], bits.shape[-1]))
  return jnp.concatenate([image, maps.astype(image.dtype)], -1)


def init(config: Config, key: jax.Array) -> Variables:
  """Fresh variables (`params`, `batch_stats`) of each player."""
  generator, discriminator = networks(config)
  keys = jax.random.split(key)
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  label = jnp.zeros(1, jnp.int32)
  return {
    "generator": generator.init(keys[0], _generator_input(config, image, label)),
    "discriminator": discriminator.init(keys[1], _discriminator_input(config, image, label)),
  }


def active_players(config: Config, step: int) -> tuple[str, ...]:
  """The players that learn at a step: always both."""
  del config, step
  return PLAYERS


def compute_losses(
  config: Config, variables: Variables, batch: dict, key: jax.Array, active: tuple[str, ...]
) -> Losses:
  """The losses on one batch: eq. 1, or eq. 3 for a conditional GAN, with the non-saturating
  generator loss.

  Args:
    config: The run's config.
    variables: The variables of each player.
    batch: `image` [N, S, S, C] in [-1, 1]; for a conditional GAN also `label` [N] or [N, classes].
    key: Not used.
    active: The players that learn at this step.

  Returns:
    ({player: loss}, (batch statistics {player: ...}, further metrics {name: value})).
  """
  del key, active
  generator, discriminator = networks(config)
  real, label = batch["image"], batch.get("label")
  apply = lambda network, variables, x: network.apply(variables, x, True, mutable=["batch_stats"])
  given = _generator_input(config, operators.Coarsen(config.factor)(real), label)
  fake, stats_g = apply(generator, variables["generator"], given)
  own = variables["discriminator"]
  on_real, stats_d = apply(discriminator, own, _discriminator_input(config, real, label))
  on_fake, stats_d = apply(
    discriminator, {**own, **stats_d}, _discriminator_input(config, fake, label)
  )
  reconstruction = coarse.reconstruction_loss(fake, real)
  values = {
    "generator": losses.generator_loss(on_fake) + config.reconstruction_weight * reconstruction,
    "discriminator": losses.discriminator_loss(on_real, on_fake),
  }
  stats = {"generator": stats_g, "discriminator": stats_d}
  return values, (stats, {"l_rec": reconstruction})


def generate(
  trained: Trained, coarse_image: jax.Array, label: jax.Array | np.ndarray | None = None
) -> jax.Array:
  """G with frozen statistics: coarse images [N, S, S, C] -> [N, S, S, C], both in [0, 1].

  Raises:
    ValueError: If the GAN is conditional and there is no label.
  """
  config = trained.config
  if config.conditional and label is None:
    raise ValueError(
      "label is None; it must be the class or the attributes of each image, as this GAN is"
      " conditional"
    )
  generator, _ = networks(config)
  given = _generator_input(config, 2 * coarse_image - 1, label)
  return (generator.apply(trained.variables["generator"], given) + 1) / 2


samples = functools.partial(coarse.samples, generate)
restore = functools.partial(coarse.restore, generate)
evaluate = functools.partial(coarse.evaluate, restore, None)
