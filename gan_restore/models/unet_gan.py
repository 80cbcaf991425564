"""U-Net GAN: the hole is filled from its surroundings, then completed in one forward pass.

S. Bidari, B. Nyaupane, "An Approach for Damaged Facial Image Restoration using GAN". Equation
numbers below are this paper's.

Images inside the networks are [N, S, S, C] in [-1, 1]; masks [N, S, S, 1], 1 where the pixel is
missing.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_restore.degradations import masks
from gan_restore.models import COUNT, Config, Losses, Trained, Variables
from gan_restore.models.shared import completion
from gan_restore.nn import layers, losses
from gan_restore.nn.networks import StridedDiscriminator
from gan_restore.restorers import blending, fills

# --- Networks -----------------------------------------------------------------------------------

_activate = functools.partial(nn.leaky_relu, negative_slope=0.2)


# The largest correction of a pixel in [-1, 1]. Without a bound, the second stage drew spots where
# the first one left much undetermined.
_CORRECTION = 0.12


class UNet(nn.Module):
  """(image [N, S, S, C], hole filled, mask [N, S, S, 1]) -> image [N, S, S, C].

  Strided convolutions halve the size down to 4x4, and transposed ones double it again. At each size
  the encoder's features are concatenated to the decoder's along channels. With `residual`, the
  output is a correction of the image by at most `_CORRECTION`, which is 0 at initialisation.
  """

  channels: int = 3
  width: int = 32
  residual: bool = False
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array, mask: jax.Array, train: bool = False) -> jax.Array:
    norm = lambda x: layers.batch_norm(train, self.dtype)(x)
    conv = functools.partial(layers.Conv, dtype=self.dtype)
    x = _activate(conv(self.width, 3, 1)(jnp.concatenate([image, mask], -1)))
    way_down = []
    while x.shape[1] > 4:
      way_down.append(x)
      features = min(2 * x.shape[-1], 8 * self.width)
      x = _activate(norm(conv(features, use_bias=False)(x)))
    for past in reversed(way_down):
      up = layers.ConvTranspose(past.shape[-1], use_bias=False, dtype=self.dtype)
      x = jnp.concatenate([nn.relu(norm(up(x))), past], -1)
    if self.residual:
      zeros = nn.initializers.zeros
      x = conv(self.channels, 3, 1, kernel_init=zeros)(x).astype(jnp.float32)
      return image + _CORRECTION * jnp.tanh(x / _CORRECTION)
    return jnp.tanh(conv(self.channels, 3, 1)(x).astype(jnp.float32))


class Generator(nn.Module):
  """(image, mask) -> completions [N, S, S, C], one from each stage; the last is the result.

  One stage is the paper's U-Net. With two, the second refines what the first has put into the hole.
  This is a small version of the coarse-to-refined network that is the paper's baseline. With
  `coarse` above 1, the first stage is the network of smaller images: it completes the image at
  1 / `coarse` of the resolution, and does not learn. The second stage then has 1 / `coarse` of the
  features, and adds the details.
  """

  channels: int = 3
  width: int = 32
  stages: int = 1
  coarse: int = 1
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array, mask: jax.Array, train: bool = False) -> list[jax.Array]:
    factor, outputs = self.coarse, []
    for stage in range(self.stages):
      reduced = factor > 1 and stage == 0
      width, residual = (self.width, False) if reduced else (self.width // factor, factor > 1)
      unet = UNet(self.channels, width, residual, self.dtype)
      if reduced:
        window = factor, factor
        small = nn.avg_pool(image, window, window), nn.max_pool(mask, window, window)
        output = jax.image.resize(unet(*small), image.shape, "cubic")
        output = jax.lax.stop_gradient(output)
      else:
        output = unet(image, mask, train)
      outputs.append(output)
      image = blending.paste(image, output, mask)
    return outputs


# --- The family ---------------------------------------------------------------------------------

PLAYERS = ("generator", "discriminator")
EXPORTED = ("generator",)
TASK = "inpaint"
CURVES = {"l_rec": "reconstruction", "l_g": "generator, BCE", "l_d": "discriminator, BCE"}
REQUIREMENTS = completion.REQUIREMENTS | {
  "fill": (lambda v: v in fills.FILLS, f"one of {', '.join(fills.FILLS)}"),
  "stages": (lambda v: v in (1, 2), "1 or 2"),
  "coarse": COUNT,
  "reconstruction_weight": losses.WEIGHT,
  "known_weight": losses.WEIGHT,
  "adversarial_weight": losses.WEIGHT,
}


def networks(config: Config) -> tuple[Generator, StridedDiscriminator]:
  """The two networks of a config. The discriminator consists of convolutions and a dense layer.

  Raises:
    ValueError: If values of the config do not fit together.
  """
  dtype = jnp.dtype(config.dtype)
  coarse = config.get("coarse", 1)
  if coarse > 1 and config.stages != 2:
    raise ValueError(
      f"config.coarse is {coarse}; with stages = {config.stages} it must be 1, because the coarse"
      " stage does not learn"
    )
  generator = Generator(config.channels, config.width, config.stages, coarse, dtype)
  return generator, StridedDiscriminator(1, config.width // coarse, dtype=dtype)


def init(config: Config, key: jax.Array) -> Variables:
  """Fresh variables (`params`, `batch_stats`) of each player."""
  generator, discriminator = networks(config)
  keys = jax.random.split(key)
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  mask = image[..., :1]
  return {
    "generator": generator.init(keys[0], image, mask),
    "discriminator": discriminator.init(keys[1], jnp.concatenate([image, mask], -1)),
  }


def needs_weights(config: Config) -> bool:
  """Whether a training must begin with trained weights: if the first stage does not learn."""
  return config.get("coarse", 1) > 1


def active_players(config: Config, step: int) -> tuple[str, ...]:
  """The players that learn at a step: always both."""
  del config, step
  return PLAYERS


def compute_losses(
  config: Config, variables: Variables, batch: dict, key: jax.Array, active: tuple[str, ...]
) -> Losses:
  """The losses on one batch: binary cross-entropy (eq. 1) for both players, and the reconstruction
  loss for G.

  The paper gives no loss except eq. 1, with which G could put any face into the hole.

  Args:
    config: The run's config.
    variables: The variables of each player.
    batch: `image` [N, S, S, C] in [-1, 1].
    key: A random key of this step and device, for masks and noise.
    active: The players that learn at this step.

  Returns:
    ({player: loss}, (batch statistics {player: ...}, further metrics {name: value})).
  """
  del active
  generator, discriminator = networks(config)
  real = batch["image"]
  for_masks, for_fill = jax.random.split(key)
  mask = masks.get(config.masks)(for_masks, real.shape[:3])
  apply = lambda network, variables, *x: network.apply(variables, *x, True, mutable=["batch_stats"])

  filled = fills.FILLS[config.fill](real, mask, for_fill)
  outputs, stats_g = apply(generator, variables["generator"], filled, mask)
  completed = blending.paste(real, outputs[-1], mask)
  own, shown = variables["discriminator"], lambda x: jnp.concatenate([x, mask], -1)
  on_real, stats_d = apply(discriminator, own, shown(real))
  on_fake, stats_d = apply(discriminator, {**own, **stats_d}, shown(completed))

  each = [completion.reconstruction_loss(x, real, mask, config.known_weight) for x in outputs]
  reconstruction = jnp.sum(jnp.stack(each))
  l_g, l_d = losses.generator_loss(on_fake), losses.discriminator_loss(on_real, on_fake)
  values = {
    "generator": config.reconstruction_weight * reconstruction + config.adversarial_weight * l_g,
    "discriminator": l_d,
  }
  stats = {"generator": stats_g, "discriminator": stats_d}
  return values, (stats, {"l_rec": reconstruction, "l_g": l_g, "l_d": l_d})


def complete(trained: Trained, image: jax.Array, mask: jax.Array) -> jax.Array:
  """G's raw output [N, S, S, C] with frozen statistics, both images in [0, 1]."""
  generator, _ = networks(trained.config)
  # Each image by itself, so that its noise does not depend on its place in the batch.
  fill = lambda x, m: fills.FILLS[trained.config.fill](x[None], m[None], jax.random.key(0))[0]
  filled = jax.vmap(fill)(2 * image - 1, mask)
  found = generator.apply(trained.variables["generator"], filled, mask)[-1]
  return jnp.clip((found + 1) / 2, 0, 1)  # Stages that add to an image may leave the range.


samples = functools.partial(completion.samples, complete)
restore = functools.partial(completion.restore, complete)
evaluate = functools.partial(completion.evaluate, restore)
