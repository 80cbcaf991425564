"""WGAN that restores from a coarse image: a baseline of ResGAN.

M. Arjovsky, S. Chintala, L. Bottou, "Wasserstein GAN", 2017: its algorithm 1, with a critic without
batch norm. The gradient penalty is that of I. Gulrajani et al., 2017.

Images inside the networks are [N, S, S, C] in [-1, 1].
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_restore.degradations import operators
from gan_restore.models import COUNT, Config, Losses, Trained, Variables
from gan_restore.models.shared import coarse
from gan_restore.nn import losses
from gan_restore.nn import networks as shared_networks

PLAYERS = ("generator", "critic")
EXPORTED = ("generator",)
TASK = "coarsen"
CURVES = {"generator_loss": "generator", "critic_loss": "critic"}
REQUIREMENTS = coarse.REQUIREMENTS | {
  "critic_steps": COUNT,
  "clip": (lambda v: v >= 0, ">= 0"),
  "gradient_penalty_weight": losses.WEIGHT,
}


def networks(
  config: Config,
) -> tuple[shared_networks.Decoder, shared_networks.StridedDiscriminator]:
  """The two networks of a config."""
  dtype = jnp.dtype(config.dtype)
  generator = shared_networks.Decoder(config.image_size, config.channels, config.width, dtype)
  return generator, shared_networks.StridedDiscriminator(1, config.width, norm=False, dtype=dtype)


def init(config: Config, key: jax.Array) -> Variables:
  """Fresh variables (`params`, `batch_stats`) of each player."""
  generator, critic = networks(config)
  keys = jax.random.split(key)
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  return {
    "generator": generator.init(keys[0], coarse.vector(config, image)),
    "critic": critic.init(keys[1], image),
  }


def optimizer(config: Config, player: str) -> optax.GradientTransformation:
  """RMSProp, as in the paper. After each step of the critic its weights are clipped to
  [-clip, clip], if `clip` is not 0. With a gradient penalty the optimiser is Adam, as in the paper
  of Gulrajani et al."""
  if config.gradient_penalty_weight:
    tx = optax.adam(config.learning_rate, b1=0.0, b2=0.9)
  else:
    tx = optax.rmsprop(config.learning_rate)
  return optax.chain(tx, clip_weights(config.clip)) if player == "critic" and config.clip else tx


def clip_weights(limit: float) -> optax.GradientTransformation:
  """Changes an update so that the updated weights lie in [-limit, limit]."""

  def update(updates, state, params):
    clipped = lambda u, p: jnp.clip(p + u, -limit, limit) - p
    return jax.tree.map(clipped, updates, params), state

  return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def active_players(config: Config, step: int) -> tuple[str, ...]:
  """Algorithm 1: `critic_steps` steps of the critic, then one of the generator."""
  if step % (config.critic_steps + 1) < config.critic_steps:
    return ("critic",)
  return ("generator",)


def compute_losses(
  config: Config, variables: Variables, batch: dict, key: jax.Array, active: tuple[str, ...]
) -> Losses:
  """The losses on one batch: the critic maximises E f(x) - E f(G), the generator maximises E f(G).

  Args:
    config: The run's config.
    variables: The variables of each player.
    batch: `image` [N, S, S, C] in [-1, 1].
    key: A random key of this step and device, for the gradient penalty.
    active: The players that learn at this step.

  Returns:
    ({player: loss}, (batch statistics {player: ...}, further metrics {name: value})).
  """
  del active
  generator, critic = networks(config)
  real = batch["image"]
  given = coarse.vector(config, operators.Coarsen(config.factor)(real))
  fake, stats = generator.apply(variables["generator"], given, True, mutable=["batch_stats"])
  criticise = lambda x: critic.apply(variables["critic"], x, True)[:, 0]
  distance = jnp.mean(criticise(real)) - jnp.mean(criticise(fake))
  penalty = jnp.zeros(())
  if config.gradient_penalty_weight:
    share = jax.random.uniform(key, (real.shape[0], 1, 1, 1))
    between = share * real + (1 - share) * fake
    # The critic has no batch norm, so that each row of this gradient is that of its image.
    slope = jax.grad(lambda x: jnp.sum(criticise(x)))(between)
    penalty = jnp.mean((jnp.sqrt(jnp.sum(slope**2, (1, 2, 3))) - 1) ** 2)
  reconstruction = coarse.reconstruction_loss(fake, real)
  values = {
    "generator": -jnp.mean(criticise(fake)) + config.reconstruction_weight * reconstruction,
    "critic": -distance + config.gradient_penalty_weight * penalty,
  }
  metrics = {"l_rec": reconstruction, "distance": distance}
  return values, ({"generator": stats}, metrics)


def generate(
  trained: Trained, coarse_image: jax.Array, label: jax.Array | np.ndarray | None = None
) -> jax.Array:
  """G with frozen statistics: coarse images [N, S, S, C] -> [N, S, S, C], both in [0, 1]."""
  del label
  generator, _ = networks(trained.config)
  given = coarse.vector(trained.config, 2 * coarse_image - 1)
  return (generator.apply(trained.variables["generator"], given) + 1) / 2


samples = functools.partial(coarse.samples, generate)
restore = functools.partial(coarse.restore, generate)
evaluate = functools.partial(coarse.evaluate, restore, None)
