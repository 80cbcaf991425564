"""The denoiser: one prior for any damage, in one forward pass.

A blur is the exception: there the network is applied several times (see `restorers.plug_and_play`).

The network estimates the posterior mean of the image given y, from the pixel-wise posterior (see
`models.shared.posterior_unet`). It is trained with noise, holes, low resolution, lost colour,
rounding and their mixtures, of any strength. It also restores other damage, because every damage
has a pixel-wise posterior. With the same network, a sampler of 16 steps draws samples, as in T.
Karras et al., "Elucidating the design space of diffusion-based generative models", 2022 (EDM).

Images inside the networks are [N, H, W, C] in [-1, 1]. Everywhere else images are in [0, 1], and
standard deviations are for pixels in [0, 1].
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_restore.degradations import checks
from gan_restore.models import Config, Losses, Trained, Variables
from gan_restore.models.shared import any_damage, random_damage, tiles
from gan_restore.restorers.result import Result

PLAYERS = ("generator",)
CURVES = {"l_rec": "squared error, log"}
REQUIREMENTS = any_damage.REQUIREMENTS
any_size = any_damage.any_size


def init(config: Config, key: jax.Array) -> Variables:
  """Fresh variables of the only player."""
  return {"generator": any_damage.network(config).init(key, *any_damage.example(config))}


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
    \log\left(\tfrac{1}{n} \|G(k) - x\|^2 + 0.00002\right)

  (L. Chen et al., "Simple baselines for image restoration", 2022). With the logarithm, lightly and
  heavily damaged images have similar influence. The constant limits this to PSNRs of up to 47 dB.

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
  posterior = random_damage.random_posterior(config, key, x)
  restored = any_damage.network(config).apply(
    variables["generator"], posterior, any_damage.frames_of(batch)
  )
  error = jnp.mean((restored - x) ** 2, axis=(1, 2, 3))
  l_rec = jnp.mean(jnp.log(error + 2e-5))
  return {"generator": l_rec}, ({}, {"l_rec": l_rec})


def restore(
  trained: Trained,
  y: jax.Array | np.ndarray,
  A: Callable,
  *,
  num_samples: int = 1,
  choice: str = "best",
  fidelity: float | None = None,
  num_steps: int = 16,
  num_linearizations: int = 1,
  num_iterations: int | None = None,
  seed: int = 0,
  frame: str | jax.Array | np.ndarray | None = None,
  shape: tuple[int, int] | None = None,
) -> Result:
  """Restores any damage: by an estimate of the posterior mean given y, or by samples.

  A local network restores images of any size: it is applied to overlapping tiles of large images.
  Another network restores images of the size of its config.

  A sample starts from this mean with noise of `sigma_max`. At each of the decreasing noise levels,
  the network gets the posterior given y and the current sample, which counts as a second
  observation of the image. The sample then moves to the network's output, with noise of the next
  level.

  Args:
    trained: A trained prior.
    y: The damaged images [N, ...].
    A: The damage: an operator or any differentiable function from images to y.
    num_samples: 1 gives the posterior mean, unless `fidelity` is below 1. It has the best PSNR but
      is blurred where y determines little. With 2 or more, this number of samples is drawn, unless
      `fidelity` is 1. Each is sharper than the mean and has a larger error.
    choice: The image to return if there are several samples: 'best', the sample nearest to the
      network's mean, or 'mean', the mean of the samples.
    fidelity: The image to return, on the line from a sample, 0, to the mean, 1 (D. Freirich, T.
      Michaeli, R. Meir, "A theory of the distortion-perception tradeoff in Wasserstein space",
      2021). The default is 1 for one sample, and 0 for several.
    num_steps: Number of steps of the sampler, at least 1.
    num_linearizations: Number of times that A is linearised, at least 1: first around grey, then
      around the last restoration. Use more than 1 for a strongly nonlinear A, such as a gamma
      curve.
    num_iterations: Number of plug-and-play iterations that follow the mean and each sample, at
      least 0 (see `restorers.plug_and_play`). The network alone needs none for damage of single
      pixels, but does not undo a blur well. The default is 8 for a convolution with noise of at
      most 0.03, and likewise for half of the resolution if the network is local; for other damage
      it is 0. Try 8 if A is a blur of your own.
    seed: Random seed of the samples.
    frame: Where the faces are: 'celeba' if the images are CelebA's crop of aligned faces, or
      matrices [2, 3] or [N, 2, 3] as in `data.framing`. None if there are no faces, or nobody
      knows where. Only local networks use it.
    shape: (H, W) of the images, if A is a function of your own and y does not have the size of the
      images.

  Returns:
    A `Result`, with the `samples` and, if there are several, their `spread`.

  Raises:
    TypeError: If y is not floating or A is not a function.
    ValueError: If y holds NaN or leaves the operator's range, A does not match it, or an option is
      out of range.
  """
  checks.at_least(num_steps, 1, "num_steps")
  return any_damage.restore(
    trained, y, A, diffusion(int(num_steps)), num_samples=num_samples, choice=choice,
    fidelity=fidelity, num_linearizations=num_linearizations, num_iterations=num_iterations,
    seed=seed, frame=frame, shape=shape,
  )  # fmt: skip


@functools.cache
def diffusion(num_steps: int) -> any_damage.Draw:
  """The function that draws a sample in a number of steps; see `restore`."""

  def draw(trained, posterior_at, mean, frames, key, corner):
    config = trained.config
    first, *rest = jax.random.split(key, num_steps + 1)
    sigmas = jnp.geomspace(config.sigma_max, config.sigma_min, num_steps)
    white = lambda key: tiles.white_noise(key, mean.shape[1:], corner)

    def step(x, given):
      sigma, lower, key = given
      posterior = posterior_at(second_look=x, precision=1 / sigma**2)
      found = jnp.clip(any_damage.restore_mean(trained, posterior, frames, mirrored=False), 0, 1)
      share = (lower / sigma) ** 2
      return found + share * (x - found) + lower * jnp.sqrt(1 - share) * white(key), found

    x = mean + config.sigma_max * white(first)
    _, found = lax.scan(step, x, (sigmas, jnp.append(sigmas[1:], 0), jnp.stack(rest)))
    return found[-1]

  return draw


def samples(trained: Trained, batch: dict, key: jax.Array) -> jax.Array:
  """One row per image, with three random damages: for each, the original, the posterior mean and
  the restoration, in [0, 1]."""
  real = (batch["image"][:9] + 1) / 2
  columns = []
  for own in jax.random.split(key, 3):
    posterior = random_damage.random_posterior(trained.config, own, real)
    columns += [real, posterior.mean, any_damage.restore_mean(trained, posterior)]
  return jnp.clip(jnp.stack(columns, 1).reshape(-1, *real.shape[1:]), 0, 1)


evaluate = functools.partial(any_damage.evaluate, restore)
