"""ResGAN: restoring from an extremely coarse image, with a classifier inside the discriminator.

M. Wang, H. Li, F. Li, "Generative Adversarial Network based on Resnet for Conditional Image
Restoration". Equation numbers below are this paper's.

Images inside the networks are [N, S, S, C] in [-1, 1]; coarse images X_r likewise (`coarse.py`).
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gan_restore.degradations import operators
from gan_restore.evaluation.metrics import accuracy
from gan_restore.models import COUNT, Config, Losses, Trained, Variables
from gan_restore.models.shared import coarse
from gan_restore.nn import layers
from gan_restore.nn import networks as shared_networks

# --- Networks -----------------------------------------------------------------------------------


class Generator(nn.Module):
  """X_g = f(g(X_r) + X_r) (eq. 9): coarse image [N, S, S, C] -> image [N, S, S, C].

  g halves the size by strided convolutions while it is even and above 8, and doubles it again by
  transposed ones (its DCNN). Skip connections (the paper's pass-through channel) connect the coarse
  image to the output of g, and each encoder layer to the decoder layer of the same size. `join`
  says how the two tensors are merged:

    "concatenate"  along channels, the paper's variant, so that neither tensor dominates the other;
    "add"          the sum, as eq. 9 is printed.
  """

  channels: int = 3
  width: int = 64
  join: str = "concatenate"
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, coarse_image: jax.Array, train: bool = False) -> jax.Array:
    norm = lambda x: nn.relu(layers.batch_norm(train, self.dtype)(x))
    conv = functools.partial(layers.Conv, dtype=self.dtype)

    def join(x, past):
      return x + past if self.join == "add" else jnp.concatenate([x, past], -1)

    x = norm(conv(self.width, 3, 1, use_bias=False)(coarse_image))
    way_down = []
    while x.shape[1] % 2 == 0 and x.shape[1] > 8:
      way_down.append(x)
      x = norm(conv(2 * x.shape[-1], use_bias=False)(x))
    x = join(norm(conv(x.shape[-1], 3, 1, use_bias=False)(x)), x)
    for past in reversed(way_down):
      up = layers.ConvTranspose(past.shape[-1], use_bias=False, dtype=self.dtype)
      x = join(norm(up(x)), past)
    g = conv(self.channels, 3, 1)(x)
    x = join(g.astype(jnp.float32), coarse_image)
    x = nn.relu(conv(self.width, 3, 1)(x))
    return jnp.tanh(conv(self.channels, 3, 1)(x).astype(jnp.float32))


# --- Losses -------------------------------------------------------------------------------------


def objective(on_real: jax.Array, on_fake: jax.Array, y: jax.Array) -> jax.Array:
  r"""V(D, G), which D maximises and G minimises (eq. 6), summed over the d bits (eq. 5).

  .. math::
    Y \log[D(X)(1 - D(G))] + (1 - Y) \log[(1 - D(X)) D(G)]

  D learns to output Y for real images and 1 - Y for generated ones. G learns to make D output Y for
  its images. With linear D and G the gradients are eqs 7 and 8.

  Args:
    on_real: Logits of D(X) [N, d].
    on_fake: Logits of D(G(X_r)) [N, d].
    y: Bits [N, d].

  Returns:
    The mean over the images, a scalar.
  """
  log = nn.log_sigmoid  # log D; of the negative, log(1 - D).
  bits = y * (log(on_real) + log(-on_fake)) + (1 - y) * (log(-on_real) + log(on_fake))
  return jnp.mean(jnp.sum(bits, -1))


# --- The family ---------------------------------------------------------------------------------

PLAYERS = ("generator", "discriminator")
EXPORTED = ("generator",)
TASK = "coarsen"
CURVES = {"generator_loss": "generator", "discriminator_loss": "discriminator"}
REQUIREMENTS = coarse.REQUIREMENTS | {
  "join": (lambda v: v in ("concatenate", "add"), "concatenate or add"),
  "discriminator_round": COUNT,
  "generator_round": COUNT,
}


def networks(config: Config) -> tuple[Generator, shared_networks.StridedDiscriminator]:
  """The two networks of a config.

  D is DCGAN's discriminator with logits [N, d], one Bernoulli variable for each class or attribute
  (eq. 5): its last layer is the embedded classifier.
  """
  dtype = jnp.dtype(config.dtype)
  generator = Generator(config.channels, config.width, config.join, dtype)
  return generator, shared_networks.StridedDiscriminator(config.classes, config.width, dtype=dtype)


def init(config: Config, key: jax.Array) -> Variables:
  """Fresh variables (`params`, `batch_stats`) of each player."""
  generator, discriminator = networks(config)
  keys = jax.random.split(key)
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  return {
    "generator": generator.init(keys[0], image),
    "discriminator": discriminator.init(keys[1], image),
  }


def active_players(config: Config, step: int) -> tuple[str, ...]:
  """In turn: `discriminator_round` steps of the discriminator, then `generator_round` steps of the
  generator.

  "Adversarial training is circularly implemented to prevent degeneration of the generated images."
  """
  length = config.discriminator_round + config.generator_round
  if step % length < config.discriminator_round:
    return ("discriminator",)
  return ("generator",)


def compute_losses(
  config: Config, variables: Variables, batch: dict, key: jax.Array, active: tuple[str, ...]
) -> Losses:
  """The losses on one batch: eq. 6, of which each player optimises its own part.

  The generator's part has the non-saturating form: it maximises the log likelihood of Y under
  D(G(X_r)) instead of minimising that of 1 - Y. For each bit the gradient has the same sign.

  Args:
    config: The run's config.
    variables: The variables of each player.
    batch: `image` [N, S, S, C] in [-1, 1], `label` [N] or [N, classes].
    key: Not used; the restoration depends only on the coarse image.
    active: The players that learn at this step.

  Returns:
    ({player: loss}, (batch statistics {player: ...}, further metrics {name: value})).
  """
  del key
  generator, discriminator = networks(config)
  real, y = batch["image"], coarse.targets(config, batch["label"])
  apply = lambda network, variables, x: network.apply(variables, x, True, mutable=["batch_stats"])
  fake, stats_g = apply(generator, variables["generator"], operators.Coarsen(config.factor)(real))
  own = variables["discriminator"]
  on_real, stats_d = apply(discriminator, own, real)
  on_fake, stats_d = apply(discriminator, {**own, **stats_d}, fake)
  reconstruction = coarse.reconstruction_loss(fake, real)
  wants = jnp.mean(jnp.sum(y * nn.log_sigmoid(on_fake) + (1 - y) * nn.log_sigmoid(-on_fake), -1))
  values = {
    "generator": config.reconstruction_weight * reconstruction - wants,
    "discriminator": -objective(on_real, on_fake, y),
  }
  metrics = {
    "l_rec": reconstruction,
    "accuracy_real": jnp.mean(accuracy(on_real, batch["label"])),
    "accuracy_fake": jnp.mean(accuracy(on_fake, batch["label"])),
  }
  stats = {"generator": stats_g, "discriminator": stats_d}
  return values, (stats, metrics)


def generate(
  trained: Trained, coarse_image: jax.Array, label: jax.Array | np.ndarray | None = None
) -> jax.Array:
  """G(X_r) with frozen statistics: [N, S, S, C] -> [N, S, S, C], both in [0, 1]."""
  del label  # The generator does not need it: the paper's difference from CGAN.
  generator, _ = networks(trained.config)
  return (generator.apply(trained.variables["generator"], 2 * coarse_image - 1) + 1) / 2


def classify(trained: Trained, x: jax.Array) -> jax.Array:
  """Logits [N, d] of the embedded classifier, of images [N, S, S, C] in [0, 1]."""
  _, discriminator = networks(trained.config)
  return discriminator.apply(trained.variables["discriminator"], 2 * x - 1)


samples = functools.partial(coarse.samples, generate)
restore = functools.partial(coarse.restore, generate)
evaluate = functools.partial(coarse.evaluate, restore, classify)
