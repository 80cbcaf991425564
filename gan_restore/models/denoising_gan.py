"""The denoising GAN: a prior that knows images by removing noise, of any strength, from them.

What a GAN's latent space cannot reach, a denoiser can: it starts from the picture itself. Its use
as a prior for any damage: K. Zhang et al., "Plug-and-play image restoration with deep denoiser
prior", 2021; an adversary beside the squared error where noise leaves much open: Z. Xiao,
K. Kreis, A. Vahdat, "Tackling the generative learning trilemma with denoising diffusion GANs",
2022; how it is scaled for each strength: T. Karras et al., "Elucidating the design space of
diffusion-based generative models", 2022 (EDM).

Images inside the networks are [N, S, S, C] in [-1, 1], with noise of standard deviation sigma [N]
in the same unit: twice that of images in [0, 1].
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_restore import coarse, evaluation, layers, losses, tasks, weights
from gan_restore.restorers import plug_and_play
from gan_restore.restorers.result import Result

# --- Networks -----------------------------------------------------------------------------------

_DATA = 0.5  # Standard deviation of images in [-1, 1]: EDM's sigma_data.


class Block(nn.Module):
  """x + conv(relu(scale(sigma) conv(x) + shift(sigma))); the identity at first."""

  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x, condition):
    features = x.shape[-1]
    conv = functools.partial(layers.Conv, features, 3, 1, dtype=self.dtype)
    h = conv(kernel_init=nn.initializers.he_normal())(nn.relu(x))
    zeros = nn.initializers.zeros
    affine = layers.Dense(2 * features, dtype=self.dtype, kernel_init=zeros)(condition)
    scale, shift = jnp.split(affine[:, None, None], 2, -1)
    return x + conv(kernel_init=zeros)(nn.relu((1 + scale) * h + shift))


class Denoiser(nn.Module):
  """(images with noise [N, S, S, C], sigma [N]) -> images [N, S, S, C].

  A U-Net of residual blocks on blocks of 2x2 pixels: S / 2, S / 4, ... down to 8, each size with
  twice the features, four times the first at most; sums join the way down to the way up.
  """

  channels: int = 3
  width: int = 64
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, noisy, sigma):
    sigma = sigma[:, None, None, None]
    total = jnp.sqrt(sigma**2 + _DATA**2)
    condition = nn.relu(layers.Dense(64, dtype=self.dtype)(_embed(sigma[:, 0, 0, 0])))
    he = nn.initializers.he_normal()
    conv = functools.partial(layers.Conv, dtype=self.dtype, kernel_init=he)
    x = conv(self.width, 3, 1)(_fold(noisy / total))
    way_down = []
    while x.shape[1] > 8:
      x = Block(self.dtype)(x, condition)
      way_down.append(x)
      x = conv(min(2 * x.shape[-1], 4 * self.width), 2, 2)(x)
    for _ in range(2):
      x = Block(self.dtype)(x, condition)
    for past in reversed(way_down):
      up = layers.ConvTranspose(past.shape[-1], 2, 2, dtype=self.dtype, kernel_init=he)
      x = Block(self.dtype)(up(x) + past, condition)
    x = layers.Conv(4 * self.channels, 3, 1, kernel_init=nn.initializers.zeros)(nn.relu(x))
    x = _unfold(x.astype(jnp.float32))
    return (_DATA / total) ** 2 * noisy + sigma * _DATA / total * x


def _embed(sigma):
  """log sigma as 16 waves [N, 32]."""
  angle = jnp.log(sigma)[:, None] * 2.0 ** jnp.linspace(-2, 3, 16)
  return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], -1)


def _fold(x):
  """[N, 2h, 2w, C] -> [N, h, w, 4C]."""
  n, height, width, channels = x.shape
  x = x.reshape(n, height // 2, 2, width // 2, 2, channels).transpose(0, 1, 3, 2, 4, 5)
  return x.reshape(n, height // 2, width // 2, 4 * channels)


def _unfold(x):
  """[N, h, w, 4C] -> [N, 2h, 2w, C]."""
  n, height, width, channels = x.shape
  x = x.reshape(n, height, width, 2, 2, channels // 4).transpose(0, 1, 3, 2, 4, 5)
  return x.reshape(n, 2 * height, 2 * width, channels // 4)


# --- The family ---------------------------------------------------------------------------------

PLAYERS = ("generator", "discriminator")
EXPORTED = ("generator",)
CURVES = {"l_rec": "squared error", "l_g": "generator, BCE", "l_d": "discriminator, BCE"}
_NOISE = (lambda v: v > 0, "a number above 0")
REQUIREMENTS = {
  "image_size": (lambda v: v >= 16 and v & (v - 1) == 0, "a power of two of at least 16"),
  "least_noise": _NOISE,
  "most_noise": _NOISE,
  "adversarial_weight": losses.WEIGHT,
}


def networks(config) -> tuple[Denoiser, coarse.Critic]:
  """The two networks of a config."""
  dtype = jnp.dtype(config.dtype)
  return Denoiser(config.channels, config.width, dtype), coarse.Critic(1, 32, dtype=dtype)


def init(config, key: jax.Array) -> dict[str, dict]:
  """Fresh variables of each player."""
  generator, discriminator = networks(config)
  keys = jax.random.split(key)
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  return {
    "generator": generator.init(keys[0], image, jnp.ones(1)),
    "discriminator": discriminator.init(keys[1], image),
  }


def learning(config, step: int) -> tuple[str, ...]:
  """Which players learn at a step: both; without an adversary the generator alone."""
  del step
  return PLAYERS if config.adversarial_weight else PLAYERS[:1]


def play(config, variables, batch, key, learning):
  r"""One game on one batch: the squared error, weighted as in EDM, and binary cross-entropy.

  .. math::
    \frac{\sigma^2 + \sigma_{data}^2}{(\sigma \sigma_{data})^2} \|G(x + \sigma n, \sigma) - x\|^2

  Args:
    config: The run's config; log sigma is uniform from `least_noise` to `most_noise` (of images in
      [0, 1]).
    variables: Of each player.
    batch: `image` [N, S, S, C] in [-1, 1].
    key: A random key of this step and device: of the noise.
    learning: Which players learn.

  Returns:
    ({player: loss}, (batch statistics {player: ...}, further metrics {name: value})).
  """
  generator, discriminator = networks(config)
  real = batch["image"]
  for_sigma, for_noise = jax.random.split(key)
  low, high = jnp.log(2 * config.least_noise), jnp.log(2 * config.most_noise)
  sigma = jnp.exp(jax.random.uniform(for_sigma, real.shape[:1], minval=low, maxval=high))
  noisy = real + sigma[:, None, None, None] * jax.random.normal(for_noise, real.shape)
  restored = generator.apply(variables["generator"], noisy, sigma)
  weight = (sigma**2 + _DATA**2) / (sigma * _DATA) ** 2
  l_rec = jnp.mean(weight * jnp.mean((restored - real) ** 2, (1, 2, 3)))
  if "discriminator" not in learning:
    return {"generator": l_rec}, ({}, {"l_rec": l_rec})
  judge = lambda x, variables: discriminator.apply(variables, x, True, mutable=["batch_stats"])
  on_real, stats = judge(real, variables["discriminator"])
  on_fake, stats = judge(restored, {**variables["discriminator"], **stats})
  l_g, l_d = losses.generator_loss(on_fake), losses.discriminator_loss(on_real, on_fake)
  values = {"generator": l_rec + config.adversarial_weight * l_g, "discriminator": l_d}
  return values, ({"discriminator": stats}, {"l_rec": l_rec, "l_g": l_g, "l_d": l_d})


def denoise(trained: weights.Trained, x: jax.Array, sigma: jax.Array) -> jax.Array:
  """Images [N, S, S, C] in [0, 1] without their noise of standard deviation sigma."""
  generator, _ = networks(trained.config)
  sigmas = jnp.full(x.shape[:1], 2 * sigma)
  return (generator.apply(trained.variables["generator"], 2 * x - 1, sigmas) + 1) / 2


def restore(
  trained: weights.Trained,
  y,
  A,
  *,
  levels: int = 16,
  candidates: int = 1,
  choice: str = "mean",
  seed: int = 0,
) -> Result:
  """Restores any damage; see `restorers.plug_and_play`.

  Args:
    trained: A trained prior.
    y: The damaged images, in [0, 1].
    A: The damage: an operator or any differentiable function from images to y.
    levels: How many times the prior is asked.
    candidates: 1 for the answer that is best in PSNR, or so many draws.
    choice: Among draws: 'best' or 'mean'.
    seed: Of the draws.

  Returns:
    A `Result`.

  Raises:
    TypeError: If y is not floating or A is not a function.
    ValueError: If y holds NaN or leaves [0, 1], A does not match it, or an option is impossible.
  """
  denoiser = jax.tree_util.Partial(denoise, trained)
  options = dict(levels=levels, candidates=candidates, choice=choice, seed=seed)
  return plug_and_play.restore(y, A, denoiser, shape=trained.image_shape, **options)


def samples(config, variables, batch, key: jax.Array) -> jax.Array:
  """Rows of three for each of three strengths: original, with noise, denoised; in [0, 1]."""
  trained = weights.Trained(variables, config)
  real = (batch["image"][:7] + 1) / 2
  columns = []
  for strength in (0.05, 0.2, 0.5):
    noisy = real + strength * jax.random.normal(key, real.shape)
    columns += [real, noisy, denoise(trained, noisy, strength)]
  return jnp.clip(jnp.stack(columns, 1).reshape(-1, *real.shape[1:]), 0, 1)


def evaluate(config, variables, source, n: int = 256):
  """Scores of the first images of `source` with noise of 0.1, in one step.

  Yields:
    (name, value): `psnr`, `ssim`.
  """
  trained = weights.Trained(variables, config)
  ask = jax.jit(lambda y: denoise(trained, y, 0.1))
  restorer = lambda y, A: Result(image=ask(y), generated=ask(y))
  for name, value in evaluation.evaluate(restorer, tasks.get("denoise"), source, limit=n):
    if name.startswith("raw/"):
      yield name.removeprefix("raw/"), value
