"""cDCGAN: face completion in one forward pass.

Z. Chen, Z. Ji, H. Zhang, "Conditional Deep Convolutional GANs for Image Restoration". Equation,
table and algorithm numbers below are this paper's.

Images inside the networks are [N, S, S, C] in [-1, 1]; masks [N, S, S, 1], 1 where the pixel is
missing. Missing pixels are blanked to 0, mid-grey.

Differences from the paper: in the paper's first stage the generator minimises L_g (eq. 2) while the
discriminator does not learn. Here it minimises the L1 distance to the original instead, unless
`first_loss` is "l_g". This distance stays in the loss in the last stage (`reconstruction_weight`).
The docstring of `Generator` says how table 1 is read.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_restore.degradations import masks, operators
from gan_restore.models import COUNT, COUNT_OR_0, Config, Losses, Trained, Variables
from gan_restore.models.shared import completion
from gan_restore.nn import layers, losses
from gan_restore.restorers import blending

_XAVIER = nn.initializers.xavier_uniform()
_activate = functools.partial(nn.leaky_relu, negative_slope=0.2)

# --- Networks -----------------------------------------------------------------------------------


def _conv(features, kernel, stride=1, **options):
  return layers.Conv(features, kernel, stride, kernel_init=_XAVIER, **options)


class ResidualBlock(nn.Module):
  """Two 3x3 convolutions, pre-activation, with a 1x1 shortcut: [N, s, s, I] -> [N, s', s', O].

  The first of the two changes the size: s' = s / 2 by a strided convolution, or, with `up`, 2 s by
  a transposed one. The transposed one is 4x4, because with a 3x3 kernel and stride 2 the output
  pixels get different numbers of terms (checkerboard artefacts).
  """

  features: int
  up: bool = False
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    conv = functools.partial(_conv, self.features, dtype=self.dtype)
    y = _activate(x)
    if self.up:
      y = layers.ConvTranspose(self.features, kernel_init=_XAVIER, dtype=self.dtype)(y)
      shortcut = operators.enlarge(conv(1)(x), 2)
    else:
      y = conv(3, 2)(y)
      shortcut = conv(1, 2)(x)
    return conv(3)(_activate(y)) + shortcut


class Generator(nn.Module):
  """Table 1. (image [N, S, S, C], hole blanked, mask [N, S, S, 1]) -> image [N, S, S, C].

  18 of the 26 rows of the table have stride 2x2, which would make the image too small. They are
  read as follows: residual blocks 1 to 3 each halve the size (S to S / 8), and blocks 4 to 6 each
  double it (back to S). With the deconvolution after them the output would be too large by a factor
  of 2. It is read as the layer that brings the inputs of the output layer to full resolution.
  Without the pyramid this is only the last block, which already has that resolution. A 1x1
  convolution before the dilated layers widens their input to 1,024 channels (with `width` 64).

  The pyramid (Lin et al. 2017): the encoder is its bottom-up pathway and blocks 4 to 6 are its
  top-down pathway, joined by 1x1 lateral convolutions. Its four levels, S / 8 to S, are inputs of
  the output layer.

  Without dilation the four dilated layers have rate 1. Taps of a dilated kernel that lie outside
  the feature map at every position are left out: at S = 64 the map is 8x8, so the layers of rates 8
  and 16 keep only the centre tap, a 1x1 convolution.
  """

  channels: int = 3
  width: int = 64
  pyramid: bool = True
  dilated: bool = True
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array, mask: jax.Array, train: bool = False) -> jax.Array:
    width = self.width
    conv = functools.partial(_conv, dtype=self.dtype)
    encoder = [conv(width, 3)(jnp.concatenate([image, mask], -1))]
    for features in (width, 2 * width, 4 * width):
      encoder.append(ResidualBlock(features, dtype=self.dtype)(encoder[-1]))

    x = conv(16 * width, 1)(_activate(encoder.pop()))
    for rate in (2, 4, 8, 16) if self.dilated else (1, 1, 1, 1):
      kernel = 3 if rate < x.shape[1] else 1
      x = conv(16 * width, kernel, dilation=rate, use_bias=False)(x)
      x = _activate(layers.batch_norm(train, self.dtype)(x))

    levels = [x]
    for features in (4 * width, 2 * width, width):
      x = ResidualBlock(features, up=True, dtype=self.dtype)(x)
      if self.pyramid:
        x += conv(features, 1)(encoder.pop())
      levels.append(x)

    y = conv(width // 2, 4)(_activate(levels.pop()))
    if self.pyramid:
      for level in levels:
        level = conv(width // 2, 1)(_activate(level))
        y += jax.image.resize(level, y.shape, "linear")
    y = conv(width // 2, 3)(_activate(y))
    y = conv(self.channels, 3)(_activate(y))
    return jnp.tanh(y.astype(jnp.float32))


class Features(nn.Module):
  """DCGAN's discriminator with a dense layer at its end: [N, s, s, I] -> [N, 16 width]."""

  width: int = 64
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    features = self.width
    x = _activate(_conv(features, 4, 2, dtype=self.dtype)(x))
    while x.shape[1] > 4:
      features = min(2 * features, 8 * self.width)
      x = _conv(features, 4, 2, use_bias=False, dtype=self.dtype)(x)
      x = _activate(layers.batch_norm(train, self.dtype)(x))
    x = x.reshape(x.shape[0], -1)
    return _activate(layers.Dense(16 * self.width, kernel_init=_XAVIER, dtype=self.dtype)(x))


class Discriminator(nn.Module):
  """(image [N, S, S, C], mask) -> logits [N]: the global and the local one, fused (section 3.3).

  The global one sees the whole image, the local one a window around the completed region; their
  features are concatenated, and one dense layer gives the logit. Both get the mask as an input:
  D(x, M_d).
  """

  width: int = 64
  local: bool = True
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array, mask: jax.Array, train: bool = False) -> jax.Array:
    x = jnp.concatenate([image, mask], -1)
    features = [Features(self.width, self.dtype, name="global")(x, train)]
    if self.local:
      features.append(Features(self.width, self.dtype, name="local")(local_window(x, mask), train))
    logits = layers.Dense(1, kernel_init=_XAVIER, dtype=self.dtype)(jnp.concatenate(features, -1))
    return logits[:, 0].astype(jnp.float32)


class Classifier(nn.Module):
  """Image [N, S, S, C] -> logits [N, classes] (section 3.4)."""

  classes: int
  width: int = 64
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array, train: bool = False) -> jax.Array:
    x = Features(self.width, self.dtype)(image, train)
    logits = layers.Dense(self.classes, kernel_init=_XAVIER, dtype=self.dtype)(x)
    return logits.astype(jnp.float32)


def local_window(x: jax.Array, mask: jax.Array) -> jax.Array:
  """The window of 3/4 the size around each image's missing pixels.

  It is centred on their centre of mass, and moved inwards where it would leave the image. Around a
  hole of half the image's side, the window shows a margin of an eighth of the side.

  Args:
    x: [N, S, S, C].
    mask: [N, S, S, 1].

  Returns:
    [N, 3 S / 4, 3 S / 4, C].
  """
  size = x.shape[1]
  window = 3 * size // 4
  count = jnp.maximum(mask.sum((1, 2, 3)), 1)
  position = jnp.arange(size) + 0.5
  row = (mask.sum((2, 3)) @ position) / count
  column = (mask.sum((1, 3)) @ position) / count
  start = lambda center: jnp.clip(jnp.round(center - window / 2), 0, size - window).astype(int)
  crop = lambda image, row, column: jax.lax.dynamic_slice(
    image, (row, column, 0), (window, window, x.shape[-1])
  )
  return jax.vmap(crop)(x, start(row), start(column))


# --- The family ---------------------------------------------------------------------------------

PLAYERS = ("generator", "discriminator", "classifier")
EXPORTED = ("generator",)
TASK = "inpaint"
FIRST_LOSSES = ("l1", "l_g")
CURVES = {  # The paper's figure 4.
  "l_g": "generator, L_g",
  "l_d": "discriminator, L_d",
  "l_c_real": "classifier, real, L_c^r",
  "l_c_fake": "classifier, fake, L_c^f",
}

REQUIREMENTS = completion.REQUIREMENTS | {
  "width": (lambda v: v >= 2 and v % 2 == 0, "an even number of at least 2"),
  "classes": COUNT,
  "generator_steps": COUNT_OR_0,
  "discriminator_steps": COUNT_OR_0,
  "first_loss": (lambda v: v in FIRST_LOSSES, f"one of {', '.join(FIRST_LOSSES)}"),
  "reconstruction_weight": losses.WEIGHT,
  "known_weight": losses.WEIGHT,
  "adversarial_weight": losses.WEIGHT,
  "class_real_weight": losses.WEIGHT,
  "class_fake_weight": losses.WEIGHT,
  "generator_class_weight": losses.WEIGHT,
}


def networks(config: Config) -> tuple[Generator, Discriminator, Classifier]:
  """The three networks of a config."""
  dtype = jnp.dtype(config.dtype)
  return (
    Generator(config.channels, config.width, config.pyramid, config.dilated, dtype),
    Discriminator(config.width, config.local, dtype),
    Classifier(config.classes, config.width, dtype),
  )


def init(config: Config, key: jax.Array) -> Variables:
  """Fresh variables (`params`, `batch_stats`) of each player."""
  generator, discriminator, classifier = networks(config)
  keys = jax.random.split(key, 3)
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  mask = image[..., :1]
  return {
    "generator": generator.init(keys[0], image, mask),
    "discriminator": discriminator.init(keys[1], image, mask),
    "classifier": classifier.init(keys[2], image),
  }


def active_players(config: Config, step: int) -> tuple[str, ...]:
  """Algorithm 1: only the generator for T_g steps, then the discriminator and the classifier for
  T_d steps, then all of them jointly."""
  if step < config.generator_steps:
    return ("generator",)
  if step < config.generator_steps + config.discriminator_steps:
    return ("discriminator", "classifier")
  return PLAYERS


def complete(trained: Trained, image: jax.Array, mask: jax.Array) -> jax.Array:
  """G(x, M_g) with frozen statistics: raw output [N, S, S, C], both images in [0, 1]."""
  generator, _, _ = networks(trained.config)
  blanked = (2 * image - 1) * (1 - mask)
  return (generator.apply(trained.variables["generator"], blanked, mask) + 1) / 2


def compute_losses(
  config: Config, variables: Variables, batch: dict, key: jax.Array, active: tuple[str, ...]
) -> Losses:
  """The losses on one batch: eqs 2 to 5.

  While the generator learns alone, its loss is `first_loss`: the L1 distance, or L_g.

  Args:
    config: The run's config.
    variables: The variables of each player.
    batch: `image` [N, S, S, C] in [-1, 1], `label` [N] or [N, classes].
    key: A random key of this step and device.
    active: The players that learn at this step.

  Returns:
    ({player: loss}, (batch statistics {player: ...}, further metrics {name: value})). The
    metrics hold each term separately.
  """
  real = batch["image"]
  draw = masks.get(config.masks)
  key_g, key_d = jax.random.split(key)
  mask_g, mask_d = draw(key_g, real.shape[:3]), draw(key_d, real.shape[:3])

  generator, discriminator, classifier = networks(config)
  apply = lambda network, variables, *x: network.apply(variables, *x, True, mutable=["batch_stats"])
  generated, stats_g = apply(generator, variables["generator"], real * (1 - mask_g), mask_g)
  reconstruction = completion.reconstruction_loss(generated, real, mask_g, config.known_weight)
  metrics = {"l_rec": reconstruction}
  alone = active == ("generator",)
  if alone and config.first_loss == "l1":
    return {"generator": reconstruction}, ({"generator": stats_g}, metrics)

  completed = blending.paste(real, generated, mask_g)

  own = variables["discriminator"]
  on_real, stats_d = apply(discriminator, own, real, mask_d)
  on_fake, stats_d = apply(discriminator, {**own, **stats_d}, completed, mask_g)
  l_g = losses.generator_loss(on_fake)  # Eq. 2 with the opposite sign.
  l_d = losses.discriminator_loss(on_real, on_fake)  # Eq. 3, likewise.

  own = variables["classifier"]
  class_real, stats_c = apply(classifier, own, real)
  class_fake, stats_c = apply(classifier, {**own, **stats_c}, completed)
  l_c_real = losses.classification_loss(class_real, batch["label"])  # Eq. 4.
  l_c_fake = losses.classification_loss(class_fake, batch["label"])  # Eq. 5.

  joint = (
    config.reconstruction_weight * reconstruction
    + config.adversarial_weight * l_g
    + config.generator_class_weight * l_c_fake
  )
  values = {
    "generator": l_g if alone else joint,
    "discriminator": l_d,
    "classifier": config.class_real_weight * l_c_real + config.class_fake_weight * l_c_fake,
  }
  stats = {"generator": stats_g, "discriminator": stats_d, "classifier": stats_c}
  metrics |= {"l_g": l_g, "l_d": l_d, "l_c_real": l_c_real, "l_c_fake": l_c_fake}
  metrics["d_real"] = jnp.mean(nn.sigmoid(on_real))
  metrics["d_fake"] = jnp.mean(nn.sigmoid(on_fake))
  return {p: values[p] for p in active}, (stats, metrics)


samples = functools.partial(completion.samples, complete)
restore = functools.partial(completion.restore, complete)
evaluate = functools.partial(completion.evaluate, restore)
