"""The sampler: sharp samples for any damage, each in one forward pass, by an adversarial network.

It is the `denoiser` with a second decoder. The denoiser estimates the posterior mean, which is
blurred where y determines little. The second decoder also gets white noise, and is trained against
a discriminator: its images are samples of the posterior, one for each noise. The encoder and the
denoiser's own decoder stay as they are. The discriminator gets the encoder's features, so that it
need not learn from the beginning what images look like. (Discriminators on features of trained
networks: A. Sauer et al., "Projected GANs converge faster", NeurIPS 2021.)

The loss of the sampler follows M. Bendel, R. Ahmad, P. Schniter, "A regularized conditional GAN for
posterior sampling in image recovery problems", NeurIPS 2023 (rcGAN), which restores one kind of
damage. Here the networks are conditioned on the pixel-wise posterior, and so restore any.

Images inside the networks are [N, H, W, C] in [-1, 1]. Everywhere else images are in [0, 1], and
standard deviations are for pixels in [0, 1].
"""

import functools
from collections.abc import Callable, Iterator

import dm_pix
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_restore import data
from gan_restore.degradations import tasks
from gan_restore.evaluation import metrics, scoring
from gan_restore.models import COUNT, COUNT_OR_0, POSITIVE, Config, Losses, Trained, Variables
from gan_restore.models.shared import any_damage, random_damage, tiles
from gan_restore.models.shared.posterior_unet import PosteriorUNet
from gan_restore.nn import layers, losses
from gan_restore.restorers.posterior import PRIOR_STD, PixelPosterior
from gan_restore.restorers.result import Result

# --- Networks -----------------------------------------------------------------------------------

# The discriminator does not see differences that are well below this at pixels that y determines.
_SEEN = 0.02
# The encoder is for damaged images. Its features of an image, for the discriminator, are those of
# an observation of the image with this standard deviation of the noise.
_SHOWN = 0.05


class Discriminator(nn.Module):
  """(image [N, H, W, C], the posterior, features of both) -> logits [N, M] at several resolutions.

  The features are those that the denoiser's encoder has of the image and of the posterior. They
  enter at each of the encoder's resolutions, from 1/2 to 1/2^(depth + 1). Strided convolutions
  reduce the image to half of the coarsest of them. Each logit is about a part of the image.
  """

  width: int = 64
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(
    self,
    image: jax.Array,
    posterior: PixelPosterior,
    features: list[jax.Array],
    condition: list[jax.Array],
  ) -> list[jax.Array]:
    conv = functools.partial(
      layers.Conv,
      dtype=self.dtype,
      kernel_init=nn.initializers.variance_scaling(2 / (1 + 0.2**2), "fan_in", "truncated_normal"),
    )
    activate = functools.partial(nn.leaky_relu, negative_slope=0.2)
    normalise = lambda x: x / jnp.sqrt(jnp.mean(x**2, (1, 2, 3), keepdims=True) + 1e-4)
    difference = _visible(image, posterior) - posterior.mean
    uncertainty = 1 + jnp.log(posterior.std / PRIOR_STD) / 2
    x = [difference / jnp.sqrt(posterior.std**2 + _SEEN**2), uncertainty]
    x = dm_pix.space_to_depth(jnp.concatenate(x, -1), 2)
    logits = []
    for level, pair in enumerate(zip(features, condition)):
      known = jnp.concatenate([normalise(x) for x in pair], -1)
      known = activate(conv(min(level + 1, 2) * self.width, 1, 1)(known))
      size = min(2 ** (level + 1), 4) * self.width
      x = activate(conv(size, 4, 2)(jnp.concatenate([x, known], -1)))
      x = activate(conv(size, 3, 1)(x))
      logit = layers.Conv(1, 1, 1, dtype=self.dtype)(x)
      logits.append(logit.reshape(len(x), -1).astype(jnp.float32))
    return logits


def _visible(image, posterior):
  """The image, with the posterior mean where y determines it."""
  difference = image - posterior.mean
  return posterior.mean + difference * posterior.std**2 / (posterior.std**2 + _SEEN**2)


def merge(variables: Variables) -> Variables:
  """The variables of the network that draws samples: those of the denoiser, plus the differences
  that the sampler has learnt."""
  own = dict(variables["generator"]["params"])
  for name, difference in variables["sampler"]["params"].items():
    own[name] = jax.tree.map(jnp.add, own[name], difference) if name in own else difference
  return {"params": own}


# --- The family ---------------------------------------------------------------------------------

PLAYERS = ("generator", "sampler", "discriminator")
EXPORTED = ("generator", "sampler")
CURVES = {"l_rec": "regulariser", "l_g": "sampler", "l_d": "discriminator"}
REQUIREMENTS = any_damage.REQUIREMENTS | {
  "noise": COUNT,
  "adversarial_weight": losses.WEIGHT,
  "penalty_weight": losses.WEIGHT,
  "deviation_rate": losses.WEIGHT,
  "discriminator_rate": POSITIVE,
  "discriminator_width": COUNT,
  "discriminator_steps": COUNT,
  "warmup_steps": COUNT_OR_0,
}
any_size = any_damage.any_size


def networks(config: Config) -> tuple[PosteriorUNet, Discriminator]:
  """The network that draws samples, and the discriminator, of a config.

  Raises:
    ValueError: If the images cannot be halved as often as the discriminator does.
  """
  factor = 2 ** (config.depth + 2)
  if config.image_size % factor:
    raise ValueError(
      f"config.image_size is {config.image_size}; for config.depth = {config.depth} it must be a"
      f" multiple of {factor}"
    )
  discriminator = Discriminator(config.discriminator_width, jnp.dtype(config.dtype))
  return any_damage.network(config), discriminator


def discriminate(
  config: Config,
  variables: Variables,
  image: jax.Array,
  posterior: PixelPosterior,
  frame: jax.Array,
  condition: list[jax.Array] | None = None,
) -> list[jax.Array]:
  """The logits of the discriminator [N, M] at several resolutions, of images under a condition.

  Args:
    config: The run's config.
    variables: The variables of each player.
    image: [N, H, W, C] in [0, 1].
    posterior: The pixel-wise posterior of the images.
    frame: The frames of the faces [N, 2, 3], zeros if they are not known.
    condition: The features of the posterior from `encode`, if they are there already.

  Returns:
    The logits, from the finest resolution to the coarsest.
  """
  shown = _visible(image, posterior)
  shown = PixelPosterior(shown, jnp.full_like(shown, _SHOWN), shown)
  features = encode(config, variables, shown, frame)
  if condition is None:
    condition = encode(config, variables, posterior, frame)
  return networks(config)[1].apply(
    variables["discriminator"], image, posterior, features, condition
  )


def encode(
  config: Config, variables: Variables, posterior: PixelPosterior, frame: jax.Array
) -> list[jax.Array]:
  """The features of the denoiser's encoder, from the finest resolution to the coarsest."""
  network = any_damage.network(config)
  return network.apply(variables["generator"], posterior, frame, encode=True)


def init(config: Config, key: jax.Array) -> Variables:
  """Fresh variables of each player. The sampler's are differences to the denoiser's: 0 at first."""
  sampler, discriminator = networks(config)
  keys = jax.random.split(key, 3)
  posterior, frame = any_damage.example(config)
  z = jnp.zeros((*posterior.mean.shape[:3], config.noise))
  generator = any_damage.network(config).init(keys[0], posterior, frame)
  fresh = sampler.init(keys[1], posterior, frame, z)["params"]
  only_encode = functools.partial(any_damage.network(config).init, encode=True)
  encoder = jax.eval_shape(only_encode, keys[0], posterior, frame)["params"]
  own = {
    name: jax.tree.map(jnp.zeros_like, value) if name in generator["params"] else value
    for name, value in fresh.items()
    if name not in encoder
  }
  weight = {"deviation": jnp.asarray(FIRST_DEVIATION_WEIGHT)}
  features = encode(config, {"generator": generator}, posterior, frame)
  return {
    "generator": generator,
    "sampler": {"params": own, "weights": weight},
    "discriminator": discriminator.init(keys[2], posterior.mean, posterior, features, features),
  }


def needs_weights(config: Config) -> bool:
  """Always: a training begins with a trained denoiser, which does not learn."""
  del config
  return True


def optimizer(config: Config, player: str) -> optax.GradientTransformation:
  """Adam; the gradient of the discriminator is clipped."""
  rate = config.discriminator_rate if player == "discriminator" else 1
  adam = optax.adam(rate * config.learning_rate, b1=config.beta1, b2=0.99)
  return optax.chain(optax.clip_by_global_norm(1.0), adam) if player == "discriminator" else adam


def active_players(config: Config, step: int) -> tuple[str, ...]:
  """The players that learn at a step: the discriminator at every step, and after the warmup, the
  sampler at one of `discriminator_steps` steps."""
  alone = step < config.warmup_steps or (step + 1) % config.discriminator_steps
  return ("discriminator",) if alone else ("sampler", "discriminator")


# The penalty is on the differences of the logits between an image and the image with noise of this
# share of the posterior standard deviation. A sample differs from the original only by about this
# deviation. A penalty in units of the pixel values made the discriminator blind to it.
_PENALTY_STEP = 0.1
_SAMPLES = 2  # P, the number of samples of each image in training.
# The weight of the deviation at first, with which Gaussian samples are unbiased.
FIRST_DEVIATION_WEIGHT = float(np.sqrt(2 / (np.pi * _SAMPLES * (_SAMPLES + 1))))


def compute_losses(
  config: Config, variables: Variables, batch: dict, key: jax.Array, active: tuple[str, ...]
) -> Losses:
  r"""The losses on one batch of damaged images.

  With P = 2 samples s of an image x, and their mean, the sampler minimises rcGAN's regulariser
  (`l1_and_deviation`) in units of the error of the mean, and a relativistic adversarial loss:

  .. math::
    \frac{\|x - \bar s\|_1 - \beta\, \mathrm{deviation}(s)}{\|x - \bar s\|_1}
      + \lambda\, E\, \mathrm{softplus}(D(x) - D(s_1))

  The denominator is not differentiated. The discriminator minimises the adversarial loss with the
  opposite sign, and a gradient penalty on x and on the sample. The weight :math:`\beta` goes up as
  long as the squared error of the mean of the samples is too near to that of one sample.

  Args:
    config: The run's config.
    variables: The variables of each player.
    batch: `image` [N, S, S, C] in [-1, 1], and `frame` [N, 2, 3] if the images have frames.
    key: A random key of this step and device, for damage and noise.
    active: The players that learn at this step.

  Returns:
    ({player: loss}, (the weight beta as a statistic of the sampler, further metrics {name:
    value})). The metric `ratio` is that of the two squared errors, in logarithms, divided by its
    value for the true posterior.
  """
  del active
  network, _ = networks(config)
  keys = jax.random.split(key, 3)
  x, frame = (batch["image"] + 1) / 2, any_damage.frames_of(batch)
  n = len(x)
  posterior = random_damage.random_posterior(config, keys[0], x)
  z = jax.random.normal(keys[1], (_SAMPLES, *x.shape[:3], config.noise))
  merged = merge(variables)
  samples = network.apply(merged, posterior, frame, z.reshape(-1, *z.shape[2:])).reshape(
    _SAMPLES, *x.shape
  )

  error, deviation = l1_and_deviation(samples, x)
  weight = variables["sampler"]["weights"]["deviation"]
  unit = jax.lax.stop_gradient(error + 0.002)
  l_rec = jnp.mean((error - weight * deviation) / unit)

  # The adversarial losses: one sample against the original, under the same condition. They are
  # means over the resolutions of the discriminator. Its gradient penalty is a finite difference.
  condition = encode(config, variables, posterior, frame)
  logits = functools.partial(discriminate, config, variables)
  average = lambda function, *logits: jnp.mean(
    jnp.stack([jnp.mean(function(*x)) for x in zip(*logits)])
  )
  fake = samples[0]
  given = posterior, frame, condition
  on_real, on_fake = logits(x, *given), logits(fake, *given)
  l_g = average(lambda real, fake: nn.softplus(real - fake), on_real, on_fake)
  l_d = average(lambda real, fake: nn.softplus(fake - real), on_real, on_fake)

  of_real, of_fake, of_rows = jax.random.split(keys[2], 3)
  rows = jax.random.permutation(of_rows, n)[: max(1, n // 8)]  # Few images, to save time.

  def slope(image, here, key):
    image, here, given_few = jax.tree.map(lambda x: x[rows], (image, here, given))
    near = image + _PENALTY_STEP * given_few[0].std * jax.random.normal(key, image.shape)
    there = logits(jax.lax.stop_gradient(near), *given_few)
    return average(lambda a, b: ((a - b) / _PENALTY_STEP) ** 2, there, here)

  penalty = slope(x, on_real, of_real) + slope(fake, on_fake, of_fake)

  # The weight of the deviation goes up as long as the samples differ too little: the squared error
  # of the mean of P samples should be (P + 1) / 2P of that of one.
  mean = jnp.mean(samples, 0)
  squared = lambda x: jnp.mean(x**2, (-3, -2, -1)) + 1e-6
  ratio = jnp.mean(jnp.log(jnp.mean(squared(samples - x), 0) / squared(mean - x)))
  wanted = np.log(2 * _SAMPLES / (_SAMPLES + 1))
  stats = {"deviation": jnp.clip(weight + config.deviation_rate * (wanted - ratio), 0, 2)}

  values = {
    "sampler": l_rec + config.adversarial_weight * l_g,
    "discriminator": l_d + config.penalty_weight * penalty,
  }
  shown = {
    "l_rec": l_rec,
    "l_g": l_g,
    "l_d": l_d,
    "penalty": penalty,
    "ratio": ratio / wanted,
    "deviation_weight": weight,
    "error": jnp.mean(jnp.log(squared(samples - x))),
    "mean_error": jnp.mean(jnp.log(squared(mean - x))),
  }
  return values, ({"sampler": {"weights": stats}}, shown)


def l1_and_deviation(samples: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
  r"""The two terms of rcGAN's regulariser, for samples of the same posterior.

  .. math::
    \|x - \bar s\|_1, \quad \sqrt{\frac{\pi}{2 P (P - 1)}} \sum_i \|s_i - \bar s\|_1

  Args:
    samples: s [P, N, H, W, C].
    x: The images [N, H, W, C].

  Returns:
    Both [N], divided by the number of values of an image.
  """
  p = len(samples)
  mean = jnp.mean(samples, 0)
  size = lambda x: jnp.mean(abs(x), (-3, -2, -1))
  return size(x - mean), np.sqrt(np.pi / (2 * p * (p - 1))) * jnp.sum(size(samples - mean), 0)


def draw(
  trained: Trained,
  posterior: PixelPosterior,
  key: jax.Array,
  frame: jax.Array | None = None,
  corner: tuple[int, int] | jax.Array = (0, 0),
) -> jax.Array:
  """A sample of each image, in one pass of the network.

  Args:
    trained: The trained sampler.
    posterior: The posterior of the images.
    key: A random key. All images get the same noise.
    frame: The frames of the faces [N, 2, 3]; zeros, the default, if they are not known.
    corner: The place in a larger image, if the images are tiles of one.

  Returns:
    [N, H, W, C], about in [0, 1].
  """
  config = trained.config
  n, height, width, _ = posterior.mean.shape
  frame = jnp.zeros((n, 2, 3)) if frame is None else frame
  z = tiles.white_noise(key, (height, width, config.noise), corner)
  z = jnp.broadcast_to(z, (n, *z.shape))
  network, variables = networks(config)[0], merge(trained.variables)
  apply = lambda inputs, frame: network.apply(variables, inputs[0], frame, inputs[1])
  return tiles.apply(apply, (posterior, z), frame, any_damage.stride(config))


def _draw(trained, posterior_at, mean, frames, key, corner):
  del mean
  return jnp.clip(draw(trained, posterior_at(), key, frames, corner), 0, 1)


def samples(trained: Trained, batch: dict, key: jax.Array) -> jax.Array:
  """One row per image, with two random damages: for each, the original, the posterior mean of each
  pixel, the denoiser's image and two samples, in [0, 1]."""
  real = (batch["image"][:9] + 1) / 2
  columns = []
  for own in jax.random.split(key, 2):
    posterior = random_damage.random_posterior(trained.config, own, real)
    columns += [real, posterior.mean, any_damage.restore_mean(trained, posterior)]
    columns += [draw(trained, posterior, jax.random.fold_in(own, i)) for i in range(2)]
  return jnp.clip(jnp.stack(columns, 1).reshape(-1, *real.shape[1:]), 0, 1)


def restore(
  trained: Trained,
  y: jax.Array | np.ndarray,
  A: Callable,
  *,
  num_samples: int = 1,
  choice: str = "best",
  fidelity: float | None = None,
  num_linearizations: int = 1,
  num_iterations: int | None = None,
  seed: int = 0,
  frame: str | jax.Array | np.ndarray | None = None,
  shape: tuple[int, int] | None = None,
) -> Result:
  """Restores any damage: by an estimate of the posterior mean given y, or by sharp samples.

  A sample takes one pass of the network.

  Args:
    trained: A trained sampler.
    y: The damaged images [N, ...].
    A: The damage: an operator or any differentiable function from images to y.
    num_samples: Number of samples to draw. With 1, and no `fidelity`, the result is the posterior
      mean, which has the best PSNR but is blurred where y determines little.
    choice: The image to return if there are several samples: 'best', the sample nearest to the
      mean, or 'mean', the mean of the samples.
    fidelity: The image to return, on the line from a sample, 0, to the mean, 1 (D. Freirich, T.
      Michaeli, R. Meir, "A theory of the distortion-perception tradeoff in Wasserstein space",
      2021). The default is 1 for one sample, and 0 for several.
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
      knows where.
    shape: (H, W) of the images, if A is a function of your own and y does not have the size of the
      images.

  Returns:
    A `Result`, with the `samples` and, if there are several, their `spread`.

  Raises:
    TypeError: If y is not floating or A is not a function.
    ValueError: If y holds NaN or leaves the operator's range, A does not match it, or an option is
      out of range.
  """
  return any_damage.restore(
    trained, y, A, _draw, num_samples=num_samples, choice=choice, fidelity=fidelity,
    num_linearizations=num_linearizations, num_iterations=num_iterations, seed=seed, frame=frame,
    shape=shape,
  )  # fmt: skip


def evaluate(trained: Trained, source: data.Source, n: int = 256) -> Iterator[tuple[str, float]]:
  r"""Scores samples on the MAP paper's five tasks; grey images are not scored on colorize.

  The images are the first `n` of `source`, and for each data set of `config.pictures`, those cut
  out of its validation pictures.

  Yields:
    (name, value): `energy`, the mean over the data sets and tasks of the negative energy score,
    then `psnr` of one sample and `energy` of each task. For the k-th data set of pictures, their
    names begin with `pictures_k/`. The energy score of samples s, s' of an image x is
    \(E|s - x| - E|s - s'| / 2\): it is the smallest if the samples are those of the posterior (T.
    Gneiting, A. Raftery, "Strictly proper scoring rules", 2007).
  """
  scores: dict[str, float] = {}
  for of, own, name in any_damage.scored(trained.config, source):
    found, first, task = [], 0, tasks.get(name)
    for batch in data.evaluation_batches(own, 64, n):
      x = batch["image"].astype(np.float32) / 255
      y, A = scoring.damage(task, x, first, seed=0)
      first += len(x)
      result = restore(trained, y, A, num_samples=2, frame=batch.get("frame"))
      samples = jnp.asarray(result.samples)
      size = lambda x: jnp.sqrt(jnp.sum(x**2, (-3, -2, -1)))
      energy = jnp.mean(size(samples - x), 0) - size(samples[0] - samples[1]) / 2
      valid = batch["valid"] == 1
      found.append(np.stack([metrics.psnr(samples[0], x), -energy], 1)[valid])
    psnr, energy = np.concatenate(found).mean(0).tolist()
    scores |= {f"{of}{name}/psnr": psnr, f"{of}{name}/energy": energy}
  energies = [value for name, value in scores.items() if name.endswith("energy")]
  yield "energy", sum(energies) / len(energies)
  yield from scores.items()
