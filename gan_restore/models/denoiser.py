"""The denoiser: one prior for any damage, in one forward pass.

What a GAN's latent space cannot reach, a denoiser can: it starts from what y tells. It is not told
what happened to an image but what is left of it: for each pixel the mean and the standard deviation
that y alone implies (`restorers.known`): of noise, its own strength everywhere; of a hole,
nothing inside and all outside. It is also told the mean if neighbouring pixels are alike: what is
known, enlarged or continued smoothly. It answers with the mean of the images that look like that.
It learns from noise, holes, low resolution, lost colour and their mixtures, of any strength; a
damage of one's own is asked about in the same words.

The network in these words: T. Karras et al., "Elucidating the design space of diffusion-based
generative models", 2022 (EDM), whose scaling is that mean and deviation, of noise; a network for
many operators: M. Terris et al., "Reconstruct anything model", 2025.

Images inside the networks are [N, S, S, C] in [-1, 1]; elsewhere, noise too, in [0, 1].
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_restore import checks, evaluation, layers, operators, tasks, weights
from gan_restore.restorers import least_squares
from gan_restore.restorers.known import ALIKE, DEVIATION, Known, know
from gan_restore.restorers.result import CHOICES, Result, choose

# --- Networks -----------------------------------------------------------------------------------

_FINE = 0.03  # The deviation, of images in [0, 1], below which what is known is kept at first.


class Block(nn.Module):
  """x + conv(silu(scale(c) rms(conv(silu(x))) + shift(c))), c a condition; the identity at first.

  rms divides an image's features by the root of their mean square; without it, training at its
  learning rate collapses within some thousand steps.
  """

  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x, condition):
    features = x.shape[-1]
    conv = functools.partial(layers.Conv, features, 3, 1, dtype=self.dtype)
    h = conv(kernel_init=nn.initializers.he_normal())(nn.silu(x))
    h /= jnp.sqrt(jnp.mean(h**2, (1, 2, 3), keepdims=True) + 1e-4)
    zeros = nn.initializers.zeros
    affine = layers.Dense(2 * features, dtype=self.dtype, kernel_init=zeros)(condition)
    scale, shift = jnp.split(affine[:, None, None], 2, -1)
    return x + conv(kernel_init=zeros)(nn.silu((1 + scale) * h + shift))


class Denoiser(nn.Module):
  """What is `Known` of images -> images [N, S, S, C] in [0, 1], but for rounding.

  A U-Net of residual blocks on blocks of 2x2 pixels: S / 2, S / 4, ... down to 8, each size with
  twice the features, four times the first at most; one residual block a size and way, two at the
  finest, whose are the details; sums join the way down to the way up. Two images come out: what is
  added, in deviations, and the logit of how far from the mean to the smooth one it is added.
  """

  channels: int = 3
  width: int = 64
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, known: Known):
    mean, smooth = 2 * known.mean - 1, 2 * known.smooth - 1
    contrast = jnp.maximum(jnp.sqrt(jnp.mean(mean**2, (1, 2, 3), keepdims=True)), 0.05)
    unknown = 1 + jnp.log(known.deviation / DEVIATION) / 2  # Around 0.
    waves = _embed(unknown.mean((1, 2, 3)))
    condition = nn.silu(layers.Dense(64, dtype=self.dtype)(waves))
    he = nn.initializers.he_normal()
    conv = functools.partial(layers.Conv, dtype=self.dtype, kernel_init=he)
    x = _fold(jnp.concatenate([mean / contrast, smooth / contrast, unknown], -1))
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
    added, further = jnp.split(_unfold(x.astype(jnp.float32)), 2, -1)
    share = nn.sigmoid(further + 2 * jnp.log(known.deviation / _FINE))
    scale = jnp.sqrt(known.deviation**2 + _FINE**2)
    return known.mean + share * (known.smooth - known.mean) + scale * added


def _embed(x):
  """A number as 16 waves: [N] -> [N, 32]."""
  angle = x[:, None] * 2.0 ** jnp.linspace(-2, 3, 16)
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


# --- What it learns from ------------------------------------------------------------------------


def damage(config, key: jax.Array, x: jax.Array) -> Known:
  """Damages images at random, each in its own way, and says what is known of them then.

  Each image is damaged in one of five ways, and in each of the others too with probability 1/10.
  These are a hole, probability 0.4: a rectangle, or as often single pixels missing; noise,
  log-normal of median 0.1, 0.175; rounding to 2 to 11 levels, 0.175; resolution (blocks of 2x2, 4x4
  or 8x8 pixels, or a Gaussian blur of 0.5 to 3), 0.15; colour (V of HSV is left), 0.1. One image in
  three is seen a second time, whole, in noise as EDM's (its table 1) but for `least_noise` and
  `most_noise`: as a draw sees it on its way.

  Args:
    config: The run's.
    key: A random key.
    x: Images [N, S, S, C] in [0, 1].

  Returns:
    What is known of them.
  """
  n, size, _, channels = x.shape
  keys = iter(jax.random.split(key, 32))
  coin = lambda p: jax.random.bernoulli(next(keys), p, (n, 1, 1, 1))
  between = lambda low, high: jax.random.uniform(next(keys), (n, 1, 1, 1), x.dtype, low, high)

  def noise_level(median, spread):
    level = median * jnp.exp(spread * jax.random.normal(next(keys), (n, 1, 1, 1)))
    return jnp.clip(level, config.least_noise, config.most_noise)

  shares = jnp.array([0.15, 0.1, 0.4, 0.175, 0.175])
  way = jax.random.choice(next(keys), 5, (n, 1, 1, 1), p=shares)
  lowered, grey, holed, rounded, noisy = ((way == i) | coin(0.1) for i in range(5))
  grey &= channels == 3

  # Resolution: rows and columns of every image are multiplied by a matrix.
  at = jnp.arange(size)
  blocks = jnp.stack([(at[:, None] // f == at // f) / f for f in (2, 4, 8)])
  blocks = blocks[jax.random.randint(next(keys), (n,), 0, 3)]
  blur = jnp.exp(-0.5 * ((at[:, None] - at) / between(0.5, 3.0)[..., 0]) ** 2)
  blur /= blur.sum(-1, keepdims=True)
  low_pass = jnp.where(coin(3 / 4)[..., 0], blocks, blur)
  low_pass = jnp.where(lowered[..., 0], low_pass, jnp.eye(size))

  inside = lambda at, low, length: (at >= low) & (at < low + length)
  height, width = between(size / 8, 3 * size / 4), between(size / 8, 3 * size / 4)
  top, left = between(0, 1) * (size - height), between(0, 1) * (size - width)
  hole = inside(at[:, None, None], top, height) & inside(at[:, None], left, width)
  specks = jax.random.uniform(next(keys), (n, size, size, 1)) < between(0.05, 0.95)
  missing = holed & jnp.where(coin(1 / 2), hole, specks)

  def A(x):
    x = jnp.where(grey, operators.value(x), x)
    x = jnp.einsum("nij,njwc->niwc", low_pass, x)
    x = jnp.einsum("nij,nwjc->nwic", low_pass, x)
    return jnp.where(missing, 0, x)

  noise = jnp.where(noisy, noise_level(0.1, 0.8), 0)
  step = jnp.where(rounded, 1 / jax.random.randint(next(keys), (n, 1, 1, 1), 1, 11), 0)
  y = jnp.clip(A(x) + noise * jax.random.normal(next(keys), x.shape), 0, 1)
  y = jnp.where(rounded, jnp.round(y / jnp.maximum(step, 0.01)) * step, y)
  y = jnp.where(missing, 0, y)
  noise = jnp.maximum(jnp.sqrt(noise**2 + step**2 / 12), config.least_noise)

  whole = noise_level(0.15, 1.2)
  again = x + whole * jax.random.normal(next(keys), x.shape)
  precision = jnp.where(coin(1 / 3), 1 / whole**2, 0)
  grey_images = jnp.full_like(x, 0.5)
  return know(y, A, noise, next(keys), grey_images, again=again, precision=precision)


# --- The family ---------------------------------------------------------------------------------

PLAYERS = ("generator",)
CURVES = {"l_rec": "squared error, log"}
_NOISE = (lambda v: v > 0, "a number above 0")
REQUIREMENTS = {
  "image_size": (lambda v: v >= 16 and v & (v - 1) == 0, "a power of two of at least 16"),
  "least_noise": _NOISE,
  "most_noise": _NOISE,
}


def network(config) -> Denoiser:
  """The network of a config."""
  return Denoiser(config.channels, config.width, jnp.dtype(config.dtype))


def init(config, key: jax.Array) -> dict[str, dict]:
  """Fresh variables of the one player."""
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  return {"generator": network(config).init(key, Known(image, image + DEVIATION, image))}


def learning(config, step: int) -> tuple[str, ...]:
  """Which players learn at a step: the one there is."""
  del config, step
  return PLAYERS


def play(config, variables, batch, key, learning):
  r"""One game on one batch of damaged images: PSNR itself.

  With what is known, k, of an image x of n values in [0, 1],

  .. math::
    \log\left(\tfrac{1}{n} \|G(k) - x\|^2 + 0.00025\right)

  (L. Chen et al., "Simple baselines for image restoration", 2022), so that little damage counts as
  much as a lot, up to 36 dB.

  Args:
    config: The run's config.
    variables: Of each player.
    batch: `image` [N, S, S, C] in [-1, 1].
    key: A random key of this step and device: of the damage.
    learning: Which players learn: the one there is.

  Returns:
    ({player: loss}, ({}, further metrics {name: value})).
  """
  del learning
  x = (batch["image"] + 1) / 2
  restored = network(config).apply(variables["generator"], damage(config, key, x))
  error = jnp.mean((restored - x) ** 2, axis=(1, 2, 3))
  l_rec = jnp.mean(jnp.log(error + 0.00025))
  return {"generator": l_rec}, ({}, {"l_rec": l_rec})


def answer(trained: weights.Trained, known: Known, *, mirrored: bool = True) -> jax.Array:
  """Images [N, S, S, C] in [0, 1], but for rounding; if `mirrored`, of a network that learned from
  mirrored images too, the mean of both answers: 0.02 to 0.1 dB for half again the time."""
  ask = functools.partial(network(trained.config).apply, trained.variables["generator"])
  mirror = lambda x: x[:, :, ::-1]
  if not (mirrored and trained.config.flip):
    return ask(known)
  return (ask(known) + mirror(ask(jax.tree.map(mirror, known)))) / 2


def restore(
  trained: weights.Trained,
  y,
  A,
  *,
  candidates: int = 1,
  choice: str = "best",
  levels: int = 16,
  rounds: int = 1,
  seed: int = 0,
) -> Result:
  """Restores any damage: by the mean of all images that explain y, or by draws of them.

  A draw begins with all the noise the network knows. At each of falling levels it answers, given y
  and the draw so far as a second look at the image, and the draw moves there with less noise.

  Args:
    trained: A trained prior.
    y: The damaged images, in [0, 1].
    A: The damage: an operator or any differentiable function from images to y.
    candidates: 1 for the mean, which is best in PSNR, and soft where y leaves much open; or so many
      draws, at least 2, each sharper than the mean and further from the truth.
    choice: Among draws: 'best', the one nearest to the mean that the network tells, or 'mean'.
    levels: Of a draw, at least 1.
    rounds: How many times A is linearised, at least 1: around grey, then around the answer. For a
      curved A, as a gamma curve; colorize's V is known around grey.
    seed: Of the draws.

  Returns:
    A `Result`, of draws with their `spread`.

  Raises:
    TypeError: If y is not floating or A is not a function.
    ValueError: If y holds NaN or leaves [0, 1], A does not match it, or an option is impossible.
  """
  checks.at_least(candidates, 1, "candidates")
  checks.at_least(levels, 1, "levels")
  checks.at_least(rounds, 1, "rounds")
  if choice not in CHOICES:
    raise ValueError(f"choice is {choice!r}; wanted one of {', '.join(CHOICES)}")
  A = operators.as_operator(A)
  y = checks.observation(y, A, trained.image_shape)
  keys = jax.random.split(jax.random.key(seed), candidates if candidates > 1 else 0)
  image, drawn = _restore(trained, y, A, keys, levels=int(levels), rounds=int(rounds))
  spread = None
  if candidates > 1:
    distance = jnp.sum((drawn - image) ** 2, axis=(2, 3, 4))
    image, spread = choose(drawn, distance, choice)
  return Result(image=image, generated=image, spread=spread)


@functools.partial(jax.jit, static_argnames=("levels", "rounds"))
def _restore(trained, y, A, keys, *, levels, rounds):
  """The mean [N, S, S, C] and a draw for each key [K, N, S, S, C]; every image of the batch gets
  the same noise."""
  config = trained.config
  shape = (len(y), *trained.image_shape)
  noise = max(operators.noise(A), config.least_noise)

  def finish(x):
    """What y tells for certain is put in: the least change, if colours change alike."""
    if not operators.noise(A):
      channels = shape[-1]
      mix = jnp.float32(np.linalg.cholesky(ALIKE + (1 - ALIKE) * np.eye(channels))).T
      x += least_squares.fit(y, lambda d: A(x + d @ mix), jnp.zeros_like(x), 1e-3) @ mix
    return jnp.clip(operators.project(A, jnp.clip(x, 0, 1), y), 0, 1)

  def ask(around, mirrored=True, **again):
    known = know(y, A, noise, jax.random.key(0), around, **again)
    return jnp.clip(answer(trained, known, mirrored=mirrored), 0, 1)

  mean = jnp.full(shape, 0.5)
  for _ in range(rounds):
    around = mean
    mean = ask(around)

  def draw(key):
    first, *rest = jax.random.split(key, levels + 1)
    sigmas = jnp.geomspace(config.most_noise, config.least_noise, levels)

    def level(x, given):
      sigma, lower, key = given  # One answer is as good for a draw as the mean of two.
      found = ask(around, mirrored=False, again=x, precision=1 / sigma**2)
      share = (lower / sigma) ** 2
      fresh = lower * jnp.sqrt(1 - share) * jax.random.normal(key, shape[1:])
      return found + share * (x - found) + fresh, found

    x = mean + config.most_noise * jax.random.normal(first, shape[1:])
    _, found = lax.scan(level, x, (sigmas, jnp.append(sigmas[1:], 0), jnp.stack(rest)))
    return finish(found[-1])

  return finish(mean), lax.map(draw, keys)


def samples(config, variables, batch, key: jax.Array) -> jax.Array:
  """A row an image, of three damages: original, what is known, restored; in [0, 1]."""
  trained = weights.Trained(variables, config)
  real = (batch["image"][:9] + 1) / 2
  columns = []
  for own in jax.random.split(key, 3):
    known = damage(config, own, real)
    columns += [real, known.mean, answer(trained, known)]
  return jnp.clip(jnp.stack(columns, 1).reshape(-1, *real.shape[1:]), 0, 1)


def evaluate(config, variables, source, n: int = 256):
  """Scores of the first images of `source` on the MAP paper's five tasks; grey ones not
  on colorize.

  Yields:
    (name, value): `psnr`, the mean over the tasks, then `psnr` and `ssim` of each.
  """
  restorer = functools.partial(restore, weights.Trained(variables, config))
  scores = {}
  for task in tasks.NAMES:
    if task == "colorize" and config.channels != 3:
      continue
    found = dict(evaluation.evaluate(restorer, tasks.get(task), source, limit=n))
    scores |= {f"{task}/{name}": found[f"raw/{name}"] for name in ("psnr", "ssim")}
  psnrs = [value for name, value in scores.items() if name.endswith("psnr")]
  yield "psnr", sum(psnrs) / len(psnrs)
  yield from scores.items()
