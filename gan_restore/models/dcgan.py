"""DCGAN: the face prior of MAP restoration.

Networks: A. Radford, L. Metz, S. Chintala, "Unsupervised Representation Learning with Deep
Convolutional Generative Adversarial Networks", 2015. Their use as an image prior: R. A. Yeh,
T. Y. Lim et al., "Image Restoration with Deep Generative Models", 2018 (its section 3.2: "at each
layer in G this architecture halves the number of channels and doubles the spatial dimension. The
discriminator D is constructed in reverse order"). They are `Decoder` and `StridedDiscriminator` of
`nn.networks`.

Images inside the networks are [N, S, S, C] in [-1, 1], S = 4 * 2^n (16 or more); latents z are [N,
latent_dim], uniform on [-1, 1].
"""

import functools
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp

from gan_restore import data
from gan_restore.degradations import tasks
from gan_restore.evaluation import scoring
from gan_restore.models import COUNT, Config, Losses, Trained, Variables
from gan_restore.nn import augmentations, losses
from gan_restore.nn.networks import Decoder, StridedDiscriminator
from gan_restore.restorers import latent_search

PLAYERS = ("generator", "discriminator")
CURVES = {"generator_loss": "generator", "discriminator_loss": "discriminator"}
REQUIREMENTS = {"latent_dim": COUNT}


def networks(config: Config) -> tuple[Decoder, StridedDiscriminator]:
  """The two networks of a config: G, from z, and D."""
  dtype = jnp.dtype(config.dtype)
  generator = Decoder(config.image_size, config.channels, config.width, dtype)
  return generator, StridedDiscriminator(1, config.width, dtype=dtype)


def init(config: Config, key: jax.Array) -> Variables:
  """Fresh variables (`params`, `batch_stats`) of each player."""
  generator, discriminator = networks(config)
  keys = jax.random.split(key)
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  return {
    "generator": generator.init(keys[0], jnp.zeros((1, config.latent_dim))),
    "discriminator": discriminator.init(keys[1], image),
  }


def active_players(config: Config, step: int) -> tuple[str, ...]:
  """The players that learn at a step: always both."""
  del config, step
  return PLAYERS


def sample_latent(config: Config, key: jax.Array, n: int) -> jax.Array:
  """z [n, latent_dim], uniform on [-1, 1]: p_Z of the paper."""
  return jax.random.uniform(key, (n, config.latent_dim), minval=-1.0, maxval=1.0)


def discriminate_augmented(
  config: Config, variables: dict, real: jax.Array, fake: jax.Array, keys: Sequence[jax.Array]
) -> tuple[jax.Array, jax.Array, dict]:
  """D's logits of real and of generated images, both augmented.

  Args:
    config: The config, with `width`, `dtype` and `augment`.
    variables: The variables of D.
    real: [N, S, S, C] in [-1, 1].
    fake: Likewise.
    keys: Two random keys, for the augmentation of the real and of the generated images.

  Returns:
    (logits of the real images [N], logits of the generated images [N], D's batch statistics after
    both).
  """
  discriminator = StridedDiscriminator(1, config.width, dtype=jnp.dtype(config.dtype))
  logits: list[jax.Array] = []
  stats: dict = {}
  for x, key in zip((real, fake), keys):
    x = augmentations.augment(x, config.augment, key)
    on_x, stats = discriminator.apply({**variables, **stats}, x, True, mutable=["batch_stats"])
    logits.append(on_x[:, 0])
  return logits[0], logits[1], stats


def compute_losses(
  config: Config, variables: Variables, batch: dict, key: jax.Array, active: tuple[str, ...]
) -> Losses:
  """The losses on one batch: eq. 2 of the paper with the non-saturating generator loss.

  Both players' losses use the same generated images, so that one pass through each network is
  enough.

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
  generator, _ = networks(config)
  real = batch["image"]
  key_z, *keys = jax.random.split(key, 3)
  z = sample_latent(config, key_z, real.shape[0])
  fake, stats_g = generator.apply(variables["generator"], z, True, mutable=["batch_stats"])

  on_real, on_fake, stats_d = discriminate_augmented(
    config, variables["discriminator"], real, fake, keys
  )
  values = {
    "generator": losses.generator_loss(on_fake),
    "discriminator": losses.discriminator_loss(on_real, on_fake),
  }
  stats = {"generator": stats_g, "discriminator": stats_d}
  metrics = {
    "d_real": jnp.mean(jax.nn.sigmoid(on_real)),
    "d_fake": jnp.mean(jax.nn.sigmoid(on_fake)),
  }
  return values, (stats, metrics)


def generate(trained: Trained, z: jax.Array) -> jax.Array:
  """G(z) with frozen statistics: [N, latent_dim] -> [N, S, S, C] in [0, 1]."""
  generator, _ = networks(trained.config)
  return (generator.apply(trained.variables["generator"], z) + 1) / 2


def discriminate(trained: Trained, x: jax.Array) -> jax.Array:
  """Logits of D with frozen statistics: [N, S, S, C] in [0, 1] -> [N]."""
  _, discriminator = networks(trained.config)
  return discriminator.apply(trained.variables["discriminator"], x * 2 - 1)[:, 0]


def latent_prior(trained: Trained) -> latent_search.LatentPrior:
  """The functions of a trained DCGAN that the latent search needs."""
  return latent_search.LatentPrior(
    jax.tree_util.Partial(generate, trained),
    jax.tree_util.Partial(discriminate, trained),
    latent_dim=trained.config.latent_dim,
    image_shape=trained.image_shape,
  )


def samples(trained: Trained, batch: dict, key: jax.Array) -> jax.Array:
  """64 random G(z) [64, S, S, C] in [0, 1] for the grid that training writes."""
  del batch
  return generate(trained, sample_latent(trained.config, key, 64))


restore = functools.partial(latent_search.restore, latent_prior)


def evaluate(trained: Trained, source: data.Source, n: int = 32) -> Iterator[tuple[str, float]]:
  """Scores MAP restoration with this prior on the first images of `source`; grey images are not
  scored on colorize.

  Yields:
    (name, value): `psnr`, the PSNR of raw G(z), averaged over the MAP paper's tasks, then that of
    each task.
  """
  restorer = functools.partial(
    trained.family.restore, trained, num_restarts=1, num_steps=100, blend="none"
  )
  scores = {}
  for task in tasks.of_the_map_paper(trained.config.channels):
    scores[task] = scoring.evaluate(restorer, tasks.get(task), source, limit=n)["raw/psnr"]
  yield "psnr", sum(scores.values()) / len(scores)
  yield from ((f"{task}/psnr", value) for task, value in scores.items())
