"""CGAN restoring from a coarse image: a rival of ResGAN.

M. Mirza, S. Osindero, "Conditional Generative Adversarial Nets", 2014 (eq. 3 of the ResGAN paper):
the label goes into both networks. So of all five models it alone is told the label when it
restores. The networks are DCGAN's.

Images inside the networks are [N, S, S, C] in [-1, 1]; labels are bits [N, classes].
"""

import functools

import jax
import jax.numpy as jnp

from gan_restore import coarse, losses

PLAYERS = ("generator", "discriminator")
CURVES = {"generator_loss": "generator", "discriminator_loss": "discriminator"}
REQUIREMENTS = coarse.REQUIREMENTS


def networks(config) -> tuple[coarse.Decoder, coarse.Critic]:
  """The two networks of a config."""
  dtype = jnp.dtype(config.dtype)
  generator = coarse.Decoder(config.image_size, config.channels, config.width, dtype)
  return generator, coarse.Critic(1, config.width, dtype=dtype)


def _with_vector(config, coarse_image, bits):
  return jnp.concatenate([coarse.vector(config, coarse_image), bits], -1)


def _with_maps(image, bits):
  """The image [N, S, S, C] and a constant channel for each bit."""
  maps = jnp.broadcast_to(bits[:, None, None], (*image.shape[:3], bits.shape[-1]))
  return jnp.concatenate([image, maps.astype(image.dtype)], -1)


def init(config, key: jax.Array) -> dict[str, dict]:
  """Fresh variables (`params`, `batch_stats`) of each player."""
  generator, discriminator = networks(config)
  keys = jax.random.split(key)
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  bits = jnp.zeros((1, config.classes))
  return {
    "generator": generator.init(keys[0], _with_vector(config, image, bits)),
    "discriminator": discriminator.init(keys[1], _with_maps(image, bits)),
  }


def learning(config, step: int) -> tuple[str, ...]:
  """Which players learn at a step: both, always."""
  del config, step
  return PLAYERS


def play(config, variables, batch, key, learning):
  """One game on one batch: eq. 3 with the non-saturating generator loss.

  Args:
    config: The run's config.
    variables: Of each player.
    batch: `image` [N, S, S, C] in [-1, 1], `label` [N] or [N, classes].
    key: Not used.
    learning: Not used.

  Returns:
    ({player: loss}, (batch statistics {player: ...}, further metrics {name: value})).
  """
  del key, learning
  generator, discriminator = networks(config)
  real, bits = batch["image"], coarse.targets(config, batch["label"])
  apply = lambda network, variables, x: network.apply(variables, x, True, mutable=["batch_stats"])
  given = _with_vector(config, coarse.coarsen(config, real), bits)
  fake, stats_g = apply(generator, variables["generator"], given)
  own = variables["discriminator"]
  on_real, stats_d = apply(discriminator, own, _with_maps(real, bits))
  on_fake, stats_d = apply(discriminator, {**own, **stats_d}, _with_maps(fake, bits))
  reconstruction = coarse.reconstruction_loss(fake, real)
  values = {
    "generator": losses.generator_loss(on_fake) + config.reconstruction_weight * reconstruction,
    "discriminator": losses.discriminator_loss(on_real, on_fake),
  }
  stats = {"generator": stats_g, "discriminator": stats_d}
  return values, (stats, {"l_rec": reconstruction})


def generate(config, variables, coarse_image, label=None) -> jax.Array:
  """G with frozen statistics: coarse images [N, S, S, C] -> [N, S, S, C], both in [-1, 1].

  Raises:
    ValueError: If there is no label.
  """
  if label is None:
    raise ValueError("cgan restores a picture of a known class or known attributes: label=")
  generator, _ = networks(config)
  bits = coarse.targets(config, label)
  return generator.apply(variables["generator"], _with_vector(config, coarse_image, bits))


samples = functools.partial(coarse.samples, generate)
restore = functools.partial(coarse.restore, generate)
evaluate = functools.partial(coarse.evaluate, restore, None)
