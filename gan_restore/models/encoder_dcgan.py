"""The encoder-decoder DCGAN: a fully convolutional generator that gets the broken image, not noise.

A. Ansaerjiang, H. Jiang, L. Song, W. Xie, "Image Semantic Inpainting with DCGAN". Its seven rules,
"Image Inpainting with DCGAN", (1) to (7), are referred to by number.

Images inside the networks are [N, S, S, C] in [-1, 1]; masks [N, S, S, 1], 1 where the pixel is
missing. Missing pixels are 0, mid-grey; the networks do not get the mask.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_restore.degradations import masks
from gan_restore.models import Config, Losses, Trained, Variables
from gan_restore.models.shared import completion
from gan_restore.nn import layers, losses
from gan_restore.restorers import blending

# --- Networks -----------------------------------------------------------------------------------


class Generator(nn.Module):
  """Broken image [N, S, S, C] -> repaired image [N, S, S, C] (7).

  Strided and transposed convolutions (1), each with batch norm (2) and LeakyReLU (6). There is no
  dense layer (3): the bottleneck is a block of 4x4 vectors (4). The output layer has tanh (6).
  """

  channels: int = 3
  width: int = 32
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, broken: jax.Array, train: bool = False) -> jax.Array:
    activate = lambda x: nn.leaky_relu(layers.batch_norm(train, self.dtype)(x), 0.2)
    options = {"use_bias": False, "dtype": self.dtype}
    x, features = broken, self.width
    while x.shape[1] > 4:
      x = activate(layers.Conv(features, **options)(x))
      features *= 2
    x = activate(layers.Conv(features, 3, 1, **options)(x))
    while 2 * x.shape[1] < broken.shape[1]:
      features //= 2
      x = activate(layers.ConvTranspose(features, **options)(x))
    x = layers.ConvTranspose(self.channels, dtype=self.dtype)(x)
    return jnp.tanh(x.astype(jnp.float32))


class Discriminator(nn.Module):
  """(broken image, original or repaired image) -> logits [N]; the sigmoid is in the losses.

  It classifies the pair (7). It has only convolutions (1, 3, 4), all except the last with batch
  norm (2) and ReLU (5). The last one reduces the 4x4 vectors to one number.
  """

  width: int = 32
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, broken: jax.Array, image: jax.Array, train: bool = False) -> jax.Array:
    x, features = jnp.concatenate([broken, image], -1), self.width
    while x.shape[1] > 4:
      x = layers.Conv(features, use_bias=False, dtype=self.dtype)(x)
      x = nn.relu(layers.batch_norm(train, self.dtype)(x))
      features *= 2
    return layers.Conv(1, 4, 4, dtype=self.dtype)(x)[:, 0, 0, 0].astype(jnp.float32)


class DenseGenerator(nn.Module):
  """The GAN of the paper's table 1: broken image -> repaired image, by one hidden layer."""

  channels: int = 3
  width: int = 32
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, broken: jax.Array, train: bool = False) -> jax.Array:
    del train
    x = broken.reshape(broken.shape[0], -1)
    x = nn.leaky_relu(layers.Dense(16 * self.width, dtype=self.dtype)(x), 0.2)
    x = layers.Dense(broken[0].size, dtype=self.dtype)(x)
    return jnp.tanh(x.reshape(broken.shape).astype(jnp.float32))


class DenseDiscriminator(nn.Module):
  """Likewise: (broken image, original or repaired image) -> logits [N]."""

  width: int = 32
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, broken: jax.Array, image: jax.Array, train: bool = False) -> jax.Array:
    del train
    x = jnp.concatenate([broken, image], -1).reshape(broken.shape[0], -1)
    x = nn.relu(layers.Dense(16 * self.width, dtype=self.dtype)(x))
    return layers.Dense(1, dtype=self.dtype)(x)[:, 0].astype(jnp.float32)


# --- Losses -------------------------------------------------------------------------------------


def gradient_loss(x: jax.Array, reference: jax.Array) -> jax.Array:
  r"""The gradient loss: the mean of `|\nabla x - \nabla r|`, by forward differences.

  Args:
    x: Images [N, H, W, C].
    reference: r, likewise.

  Returns:
    A scalar: the mean along rows plus that along columns.
  """
  error = x - reference
  rows, columns = (jnp.mean(jnp.abs(jnp.diff(error, axis=axis))) for axis in (1, 2))
  return rows + columns


# --- The family ---------------------------------------------------------------------------------

PLAYERS = ("generator", "discriminator")
EXPORTED = ("generator",)
TASK = "inpaint"
CURVES = {
  "l_content": "content loss",
  "l_gradient": "gradient loss",
  "l_g": "generator loss",
  "l_prior": "prior loss",
  "l_d": "discriminator loss",
}
REQUIREMENTS = completion.REQUIREMENTS | {
  "network": (lambda v: v in ("conv", "dense"), "conv or dense"),
  "content_weight": losses.WEIGHT,
  "known_weight": losses.WEIGHT,
  "gradient_weight": losses.WEIGHT,
  "generator_weight": losses.WEIGHT,
  "prior_weight": losses.WEIGHT,
}


def networks(config: Config) -> tuple[nn.Module, nn.Module]:
  """The two networks of a config."""
  dtype = jnp.dtype(config.dtype)
  conv = config.network == "conv"
  generator, discriminator = (
    (Generator, Discriminator) if conv else (DenseGenerator, DenseDiscriminator)
  )
  return generator(config.channels, config.width, dtype), discriminator(config.width, dtype)


def init(config: Config, key: jax.Array) -> Variables:
  """Fresh variables (`params`, `batch_stats`) of each player."""
  generator, discriminator = networks(config)
  keys = jax.random.split(key)
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  return {
    "generator": generator.init(keys[0], image),
    "discriminator": discriminator.init(keys[1], image, image),
  }


def active_players(config: Config, step: int) -> tuple[str, ...]:
  """The players that learn at a step: both, or only the generator if it has no adversary (the CNN
  of table 1)."""
  del step
  return PLAYERS if config.generator_weight or config.prior_weight else ("generator",)


def compute_losses(
  config: Config, variables: Variables, batch: dict, key: jax.Array, active: tuple[str, ...]
) -> Losses:
  r"""The losses on one batch: the five losses of the paper.

  The paper's section on losses contains errors. It lets D maximise log D(G(x)) + log(1 - D(x)),
  with G(x) and x exchanged, and calls D(x) the generator's output. It gives no formula for the
  content, gradient and prior losses. They are read as follows, where x is the original, b the
  broken image, G = G(b), and s is x with its hole replaced by G:

    discriminator  -E[log D(b, x)] - 1/2 E[log(1 - D(b, G))] - 1/2 E[log(1 - D(b, s))]
    generator      -E[log D(b, G)], the non-saturating form
    prior          -E[log D(b, s)]: by it, D says how realistic the inpainted image is
    content        the L1 distance between G and x in the hole, plus `known_weight` times outside
    gradient       the L1 distance between the gradients of s and x, so that seams are penalised

  Args:
    config: The run's config.
    variables: The variables of each player.
    batch: `image` [N, S, S, C] in [-1, 1].
    key: A random key of this step and device, for the masks.
    active: The players that learn at this step.

  Returns:
    ({player: loss}, (batch statistics {player: ...}, further metrics {name: value})). The
    metrics hold each term separately.
  """
  generator, discriminator = networks(config)
  real = batch["image"]
  mask = masks.get(config.masks)(key, real.shape[:3])
  broken = real * (1 - mask)
  apply = lambda network, variables, *x: network.apply(variables, *x, True, mutable=["batch_stats"])

  generated, stats_g = apply(generator, variables["generator"], broken)
  stitched = blending.paste(real, generated, mask)
  metrics = {
    "l_content": completion.reconstruction_loss(generated, real, mask, config.known_weight),
    "l_gradient": gradient_loss(stitched, real),
  }
  on_generator = (
    config.content_weight * metrics["l_content"] + config.gradient_weight * metrics["l_gradient"]
  )
  if active == ("generator",):
    return {"generator": on_generator}, ({"generator": stats_g}, metrics)

  stats: dict = {}
  logits: list[jax.Array] = []
  for image in (real, generated, stitched):
    own = {**variables["discriminator"], **stats}
    on_image, stats = apply(discriminator, own, broken, image)
    logits.append(on_image)
  on_real, on_generated, on_stitched = logits
  metrics["l_g"] = losses.generator_loss(on_generated)
  metrics["l_prior"] = losses.generator_loss(on_stitched)
  metrics["l_d"] = 0.5 * (
    losses.discriminator_loss(on_real, on_generated)
    + losses.discriminator_loss(on_real, on_stitched)
  )
  on_generator += config.generator_weight * metrics["l_g"]
  on_generator += config.prior_weight * metrics["l_prior"]
  values = {"generator": on_generator, "discriminator": metrics["l_d"]}
  return values, ({"generator": stats_g, "discriminator": stats}, metrics)


def complete(trained: Trained, image: jax.Array, mask: jax.Array) -> jax.Array:
  """G(b) with frozen statistics: raw output [N, S, S, C], both images in [0, 1]."""
  generator, _ = networks(trained.config)
  broken = (2 * image - 1) * (1 - mask)
  return (generator.apply(trained.variables["generator"], broken) + 1) / 2


samples = functools.partial(completion.samples, complete)
restore = functools.partial(completion.restore, complete)
evaluate = functools.partial(completion.evaluate, restore)
