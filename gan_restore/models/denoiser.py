"""The denoiser: one prior for any damage, in one forward pass.

The network does not get the operator. It gets the pixel-wise posterior (`restorers.posterior`): the
mean and standard deviation of each pixel given y. For noise, this standard deviation is about that
of the noise, everywhere. For a hole, it is that of the prior inside and almost 0 outside. The
network also gets the smooth mean, the posterior mean if neighbouring pixels are correlated. It
continues known values smoothly into holes and interpolates low resolutions smoothly.

The output of the network estimates the posterior mean of the image given y. The network is trained
with noise, holes, low resolution, lost colour, rounding and their mixtures, of any strength. It
also restores other damage, because every damage has a pixel-wise posterior.

The inputs follow T. Karras et al., "Elucidating the design space of diffusion-based generative
models", 2022 (EDM): for noise, they are those of EDM's scaling. One network for many operators: M.
Terris et al., "Reconstruct anything model", 2025.

Images inside the networks are [N, S, S, C] in [-1, 1]. Everywhere else images are in [0, 1], and
standard deviations are for pixels in [0, 1].
"""

import functools
from collections.abc import Callable, Iterator

import dm_pix
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_restore import data
from gan_restore.degradations import checks, operators, tasks
from gan_restore.evaluation import scoring
from gan_restore.models import Config, Losses, Trained, Variables
from gan_restore.models.shared import random_damage
from gan_restore.nn import layers
from gan_restore.restorers import least_squares
from gan_restore.restorers.posterior import (
  COLOR_CORRELATION,
  PRIOR_STD,
  PixelPosterior,
  pixel_posterior,
)
from gan_restore.restorers.result import CHOICES, Result, choose

# --- Networks -----------------------------------------------------------------------------------

# An untrained network keeps the posterior mean where its standard deviation is well below this.
_FINE = 0.03


# The correction that makes a restoration consistent with y: the share of its variance that is
# smooth, and the standard deviation of its Gaussian in pixels. On 32 validation faces, shares of
# 0.7 to 0.99 and Gaussians of 1.5 to 4 pixels differ by at most 0.3 dB for any damage; a share of 0
# is worse by 4.9 dB for the grey of every other row.
_SMOOTH_SHARE, _SMOOTH_SIGMA = 0.9, 1.5


class Block(nn.Module):
  """x + conv(silu((1 + scale(c)) rms(conv(silu(x))) + shift(c))), where c is the condition.

  At initialisation the block is the identity. rms divides an image's features by the root of their
  mean square. Without it, training collapses within a few thousand steps at the config's learning
  rate.
  """

  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, condition: jax.Array) -> jax.Array:
    features = x.shape[-1]
    conv = functools.partial(layers.Conv, features, 3, 1, dtype=self.dtype)
    h = conv(kernel_init=nn.initializers.he_normal())(nn.silu(x))
    h /= jnp.sqrt(jnp.mean(h**2, (1, 2, 3), keepdims=True) + 1e-4)
    zeros = nn.initializers.zeros
    affine = layers.Dense(2 * features, dtype=self.dtype, kernel_init=zeros)(condition)
    scale, shift = jnp.split(affine[:, None, None], 2, -1)
    return x + conv(kernel_init=zeros)(nn.silu((1 + scale) * h + shift))


class Denoiser(nn.Module):
  """`PixelPosterior` of images -> images [N, S, S, C], about in [0, 1].

  A U-Net of residual blocks. The input is first rearranged into blocks of 2x2 pixels (space to
  depth). The sizes are S / 2, S / 4, ..., 8. Each size has twice the features of the one before, up
  to four times the first. The encoder and the decoder have one residual block for each size, but
  two at the largest; there are two at size 8. Skip connections add the encoder's features to the
  decoder's.

  The network has two outputs for each pixel. The first is a correction, in units of about the
  posterior standard deviation. The second is the logit of a weight between the posterior mean and
  the smooth mean. The correction is added to the weighted mean of the two. An untrained network,
  whose outputs are 0, gives a mixture of the two means.
  """

  channels: int = 3
  width: int = 64
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, posterior: PixelPosterior) -> jax.Array:
    mean, smooth = 2 * posterior.mean - 1, 2 * posterior.smooth_mean - 1
    contrast = jnp.maximum(jnp.sqrt(jnp.mean(mean**2, (1, 2, 3), keepdims=True)), 0.05)
    uncertainty = 1 + jnp.log(posterior.std / PRIOR_STD) / 2  # Around 0.
    waves = _embed(uncertainty.mean((1, 2, 3)))
    condition = nn.silu(layers.Dense(64, dtype=self.dtype)(waves))
    he = nn.initializers.he_normal()
    conv = functools.partial(layers.Conv, dtype=self.dtype, kernel_init=he)
    x = jnp.concatenate([mean / contrast, smooth / contrast, uncertainty], -1)
    x = dm_pix.space_to_depth(x, 2)
    x = conv(self.width, 3, 1)(x)
    finest = x.shape[1]
    way_down = []

    def blocks(x, count):
      for _ in range(count):
        x = Block(self.dtype)(x, condition)
      return x

    while x.shape[1] > 8:
      x = blocks(x, 2 if x.shape[1] == finest else 1)
      way_down.append(x)
      x = conv(min(2 * x.shape[-1], 4 * self.width), 2, 2)(x)
    x = blocks(x, 2)
    for past in reversed(way_down):
      up = layers.ConvTranspose(past.shape[-1], 2, 2, dtype=self.dtype, kernel_init=he)
      x = blocks(up(x) + past, 2 if past.shape[1] == finest else 1)
    x = layers.Conv(8 * self.channels, 3, 1, kernel_init=nn.initializers.zeros)(nn.silu(x))
    x = dm_pix.depth_to_space(x.astype(jnp.float32), 2)
    correction, share = jnp.split(x, 2, -1)
    share = nn.sigmoid(share + 2 * jnp.log(posterior.std / _FINE))
    scale = jnp.sqrt(posterior.std**2 + _FINE**2)
    smoothed = posterior.mean + share * (posterior.smooth_mean - posterior.mean)
    return smoothed + scale * correction


def _embed(x):
  """Fourier features of a number, with 16 frequencies: [N] -> [N, 32]."""
  angle = x[:, None] * 2.0 ** jnp.linspace(-2, 3, 16)
  return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], -1)


# --- The family ---------------------------------------------------------------------------------

PLAYERS = ("generator",)
CURVES = {"l_rec": "squared error, log"}
REQUIREMENTS = random_damage.REQUIREMENTS | {
  "sigma_min": (lambda v: v > 0, "> 0"),
  "sigma_max": (lambda v: v > 0, "> 0"),
}


def network(config: Config) -> Denoiser:
  """The network of a config."""
  return Denoiser(config.channels, config.width, jnp.dtype(config.dtype))


def init(config: Config, key: jax.Array) -> Variables:
  """Fresh variables of the only player."""
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  posterior = PixelPosterior(image, image + PRIOR_STD, image)
  return {"generator": network(config).init(key, posterior)}


def active_players(config: Config, step: int) -> tuple[str, ...]:
  """The only player learns at every step."""
  del config, step
  return PLAYERS


def compute_losses(
  config: Config, variables: Variables, batch: dict, key: jax.Array, active: tuple[str, ...]
) -> Losses:
  r"""The loss on one batch of damaged images: the logarithm of the mean squared error, which is the
  PSNR up to sign and scale.

  With the pixel-wise posterior k of an image x of n values in [0, 1], it is the mean over the
  images of

  .. math::
    \log\left(\tfrac{1}{n} \|G(k) - x\|^2 + 0.00025\right)

  (L. Chen et al., "Simple baselines for image restoration", 2022). With the logarithm, lightly and
  heavily damaged images have similar influence. The constant limits this to PSNRs of up to 36 dB.

  Args:
    config: The run's config.
    variables: The variables of each player.
    batch: `image` [N, S, S, C] in [-1, 1].
    key: A random key of this step and device, for the damage.
    active: The players that learn: always the only one.

  Returns:
    ({player: loss}, ({}, further metrics {name: value})).
  """
  del active
  x = (batch["image"] + 1) / 2
  restored = network(config).apply(
    variables["generator"], random_damage.random_posterior(config, key, x)
  )
  error = jnp.mean((restored - x) ** 2, axis=(1, 2, 3))
  l_rec = jnp.mean(jnp.log(error + 0.00025))
  return {"generator": l_rec}, ({}, {"l_rec": l_rec})


def restore_mean(
  trained: Trained, posterior: PixelPosterior, *, mirrored: bool = True
) -> jax.Array:
  """The network's output [N, S, S, C], about in [0, 1].

  Args:
    trained: The trained prior.
    posterior: The posterior of the images.
    mirrored: Whether to average the output with that for the mirrored posterior, if the network was
      also trained on mirrored images. This gains 0.02 to 0.1 dB and takes 1.5 times as long.

  Returns:
    The images.
  """
  apply = functools.partial(network(trained.config).apply, trained.variables["generator"])
  mirror = lambda x: x[:, :, ::-1]
  if not (mirrored and trained.config.flip):
    return apply(posterior)
  # A loop, because two applications would take twice as long to compile.
  both = jax.tree.map(lambda x: jnp.stack([x, mirror(x)]), posterior)
  plain, mirrored_output = lax.map(apply, both)
  return (plain + mirror(mirrored_output)) / 2


def restore(
  trained: Trained,
  y: jax.Array | np.ndarray,
  A: Callable,
  *,
  num_samples: int = 1,
  choice: str = "best",
  num_steps: int = 16,
  num_linearizations: int = 1,
  seed: int = 0,
) -> Result:
  """Restores any damage: by an estimate of the posterior mean given y, or by samples.

  A sample starts from this mean with noise of `sigma_max`. At each of the decreasing noise levels,
  the network gets the posterior given y and the current sample, which counts as a second
  observation of the image. The sample then moves to the network's output, with noise of the next
  level.

  Args:
    trained: A trained prior.
    y: The damaged images [N, ...].
    A: The damage: an operator or any differentiable function from images to y.
    num_samples: 1 gives the posterior mean, which has the best PSNR but is blurred where y
      determines little. With 2 or more, this number of samples is drawn. Each is sharper than the
      mean and has a larger error.
    choice: The image to return if there are several samples: 'best', the sample nearest to the
      network's mean, or 'mean', the mean of the samples.
    num_steps: Number of steps of the sampler, at least 1.
    num_linearizations: Number of times that A is linearised, at least 1: first around grey, then
      around the last restoration. Use more than 1 for a strongly nonlinear A, such as a gamma
      curve.
    seed: Random seed of the samples.

  Returns:
    A `Result`, with the `spread` if there are several samples.

  Raises:
    TypeError: If y is not floating or A is not a function.
    ValueError: If y holds NaN or leaves the operator's range, A does not match it, or an option is
      out of range.
  """
  checks.at_least(num_samples, 1, "num_samples")
  checks.at_least(num_steps, 1, "num_steps")
  checks.at_least(num_linearizations, 1, "num_linearizations")
  checks.one_of(choice, CHOICES, "choice")
  y, A = operators.prepare(y, A, trained.image_shape)
  keys = jax.random.split(jax.random.key(seed), num_samples if num_samples > 1 else 0)
  scaled_y, scaled_A, sigma, _ = least_squares.standardize(y, A, (len(y), *trained.image_shape))
  image, samples = _restore(
    trained, y, A, scaled_y, scaled_A, jnp.asarray(sigma, jnp.float32), keys,
    exact=isinstance(sigma, float) and sigma == 0, num_steps=int(num_steps),
    num_linearizations=int(num_linearizations),
  )  # fmt: skip
  spread = None
  if num_samples > 1:
    distance = jnp.sum((samples - image) ** 2, axis=(2, 3, 4))
    image, spread = choose(samples, distance, choice)
  return Result(image=image, generated=image, spread=spread)


@functools.partial(jax.jit, static_argnames=("exact", "num_steps", "num_linearizations"))
def _restore(
  trained, y, A, scaled_y, scaled_A, sigma, keys, *, exact, num_steps, num_linearizations
):
  """The mean [N, S, S, C] and a sample for each key [K, N, S, S, C]; every image of the batch gets
  the same noise. `sigma` is the standard deviation of the noise in `scaled_y`; if `exact`, there is
  none."""
  config = trained.config
  shape = (len(y), *trained.image_shape)
  sigma = jnp.maximum(sigma, config.sigma_min)

  def make_consistent(x):
    """The image nearest to x that agrees with y. The distance treats the errors of the colour
    channels as correlated. If y is noisy, only `operators.project` applies."""
    if exact:
      channels = shape[-1]
      covariance = COLOR_CORRELATION + (1 - COLOR_CORRELATION) * np.eye(channels)
      mix = jnp.float32(np.linalg.cholesky(covariance)).T
      at = np.arange(shape[1])
      blur = np.exp(-(((at[:, None] - at) / _SMOOTH_SIGMA) ** 2) / 2)
      blur = jnp.float32(blur / np.linalg.norm(blur, axis=1, keepdims=True))
      with least_squares.exactly():
        # A share of the correction is smooth, so that it reaches the pixels beside those that y
        # determines; otherwise a mean that is too dark leaves stripes between known rows.
        def correlate(d):
          pixelwise, smooth = jnp.split(d, 2, -1)
          smooth = jnp.einsum("ij,njkc,lk->nilc", blur, smooth, blur)
          return ((1 - _SMOOTH_SHARE) ** 0.5 * pixelwise + _SMOOTH_SHARE**0.5 * smooth) @ mix

        none = jnp.zeros((*shape[:3], 2 * channels))
        x += correlate(
          least_squares.fit(scaled_y, lambda d: scaled_A(x + correlate(d)), none, 1e-3)
        )
    return jnp.clip(operators.project(A, jnp.clip(x, 0, 1), y), 0, 1)

  def apply(around, mirrored=True, **second_look):
    posterior = pixel_posterior(scaled_y, scaled_A, sigma, jax.random.key(0), around, **second_look)
    return jnp.clip(restore_mean(trained, posterior, mirrored=mirrored), 0, 1)

  mean = jnp.full(shape, 0.5)
  for _ in range(num_linearizations):
    around = mean
    mean = apply(around)

  def sample(key):
    first, *rest = jax.random.split(key, num_steps + 1)
    sigmas = jnp.geomspace(config.sigma_max, config.sigma_min, num_steps)

    def step(x, given):
      sigma, lower, key = given
      found = apply(around, mirrored=False, second_look=x, precision=1 / sigma**2)
      share = (lower / sigma) ** 2
      fresh = lower * jnp.sqrt(1 - share) * jax.random.normal(key, shape[1:])
      return found + share * (x - found) + fresh, found

    x = mean + config.sigma_max * jax.random.normal(first, shape[1:])
    _, found = lax.scan(step, x, (sigmas, jnp.append(sigmas[1:], 0), jnp.stack(rest)))
    return make_consistent(found[-1])

  samples = lax.map(sample, keys) if len(keys) else jnp.zeros((0, *shape))
  return make_consistent(mean), samples


def samples(trained: Trained, batch: dict, key: jax.Array) -> jax.Array:
  """One row per image, with three random damages: for each, the original, the posterior mean and
  the restoration, in [0, 1]."""
  real = (batch["image"][:9] + 1) / 2
  columns = []
  for own in jax.random.split(key, 3):
    posterior = random_damage.random_posterior(trained.config, own, real)
    columns += [real, posterior.mean, restore_mean(trained, posterior)]
  return jnp.clip(jnp.stack(columns, 1).reshape(-1, *real.shape[1:]), 0, 1)


def evaluate(trained: Trained, source: data.Source, n: int = 256) -> Iterator[tuple[str, float]]:
  """Scores of the first images of `source` on the MAP paper's five tasks; grey images are not
  scored on colorize.

  Yields:
    (name, value): `psnr`, the mean over the tasks, then `psnr` and `ssim` of each task.
  """
  restorer = functools.partial(restore, trained)
  scores: dict[str, float] = {}
  for task in tasks.NAMES:
    if task == "colorize" and trained.config.channels != 3:
      continue
    found = scoring.evaluate(restorer, tasks.get(task), source, limit=n)
    scores |= {f"{task}/{name}": found[f"raw/{name}"] for name in ("psnr", "ssim")}
  psnrs = [value for name, value in scores.items() if name.endswith("psnr")]
  yield "psnr", sum(psnrs) / len(psnrs)
  yield from scores.items()
