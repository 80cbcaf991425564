"""Restoration of any damage, with a network that gets the pixel-wise posterior.

Each family that does so gives the function that draws a sample. Images are [N, H, W, C] in [0, 1].
"""

import functools
import itertools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_restore import data
from gan_restore.data import framing
from gan_restore.degradations import checks, operators, tasks
from gan_restore.evaluation import scoring
from gan_restore.models import COUNT_OR_0, POSITIVE, Config, Trained
from gan_restore.models.shared import random_damage, tiles
from gan_restore.models.shared.posterior_unet import PosteriorUNet
from gan_restore.restorers import least_squares, plug_and_play
from gan_restore.restorers.posterior import (
  COLOR_CORRELATION,
  PRIOR_STD,
  PixelPosterior,
  pixel_posterior,
)
from gan_restore.restorers.result import CHOICES, Result, choose

REQUIREMENTS = random_damage.REQUIREMENTS | {
  "sigma_min": POSITIVE,
  "sigma_max": POSITIVE,
  "depth": COUNT_OR_0,
}

# (trained, posterior_at, mean, frames, key, corner) -> a sample [N, H, W, C] before it is made
# consistent with y. `posterior_at(second_look, precision)` is the posterior given y and a second
# observation; without arguments, given y alone. `corner` is the place in the whole image.
Draw = Callable[..., jax.Array]


def network(config: Config) -> PosteriorUNet:
  """The network of a config that estimates the posterior mean.

  Raises:
    ValueError: If values of the config do not fit together.
  """
  if config.sigma_min > config.sigma_max:
    raise ValueError(
      f"config.sigma_min is {config.sigma_min}; it must be at most sigma_max, {config.sigma_max}"
    )
  return PosteriorUNet(
    config.channels, config.width, config.depth, config.local, dtype=jnp.dtype(config.dtype)
  )


def any_size(config: Config) -> bool:
  """Whether the network restores images of any size."""
  return config.local


def example(config: Config) -> tuple[PixelPosterior, jax.Array]:
  """Inputs of the network of the shapes of one image, to initialise it."""
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  return PixelPosterior(image, image + PRIOR_STD, image), jnp.zeros((1, 2, 3))


def frames_of(batch: dict) -> jax.Array:
  """The frames [N, 2, 3] of a batch; zeros where it has none."""
  return batch.get("frame", jnp.zeros((len(batch["image"]), 2, 3)))


def stride(config: Config) -> int:
  """The number of which the sides of the network's images are multiples."""
  return 2 ** (config.depth + 1)


def restore_mean(
  trained: Trained,
  posterior: PixelPosterior,
  frame: jax.Array | None = None,
  *,
  mirrored: bool = True,
) -> jax.Array:
  """The posterior mean that the network estimates [N, H, W, C], about in [0, 1].

  Args:
    trained: The trained prior.
    posterior: The posterior of the images; H and W are those of the config, unless the
      network is local.
    frame: The frames of the faces [N, 2, 3], as in `data.framing`; zeros, the default, if they are
      not known.
    mirrored: Whether to average the output with that for the mirrored posterior, if the network was
      also trained on mirrored images and no tiles are needed. This gains 0.02 to 0.1 dB and takes
      1.5 times as long.

  Returns:
    The images.
  """
  config = trained.config
  frame = jnp.zeros((len(posterior.mean), 2, 3)) if frame is None else frame
  apply = functools.partial(network(config).apply, trained.variables["generator"])

  def both(posterior, frame):
    mirror = lambda x: x[:, :, ::-1]
    flipped = framing.mirror(frame, posterior.mean.shape[2])
    inputs = (posterior, frame), (jax.tree.map(mirror, posterior), flipped)
    # A loop, because two applications would take twice as long to compile.
    plain, other = lax.map(lambda x: apply(*x), jax.tree.map(lambda *x: jnp.stack(x), *inputs))
    return (plain + mirror(other)) / 2

  return tiles.apply(
    apply, posterior, frame, stride(config), whole=both if mirrored and config.flip else None
  )


# The correction that makes a restoration consistent with y: the share of its variance that is
# smooth, and the standard deviation of its Gaussian in pixels. On 32 validation faces, shares of
# 0.7 to 0.99 and Gaussians of 1.5 to 4 pixels differ by at most 0.3 dB for any damage; a share of 0
# is worse by 4.9 dB for the grey of every other row.
_SMOOTH_SHARE, _SMOOTH_SIGMA = 0.9, 1.5

# Its iterations for a convolution, the misfit of y (a quarter of the rounding to 8 bits) at which
# they end before, and its iterations for other damages. On 16 validation faces, 20, 60 and 200
# iterations give 28.7, 30.2 and 33.6 dB for `motion_blur:9@30`, or 33.3 dB if y has 8 bits.
_ITERATIONS_CONVOLUTION, _MISFIT, _ITERATIONS = 200, 3e-4, 20

# The plug-and-play iterations for a convolution, and for half of the resolution if the network is
# local. Such a network is trained with several kernels, which the pixel-wise posterior does not
# tell. On five validation photographs they gain 0.8 dB there, and on 32 faces of 128x128 2.5 dB;
# at a quarter of the resolution they gain 0.0 dB and lose 0.2 dB. Their default number, the first
# noise level, the last one divided by the noise in y, its minimum, w, and the noise in y above
# which there are none by default. On four crops of photographs and eight faces, first levels of
# 0.05 to 0.2 and w of 0.25 to 1 were tried. With a last level of 0.5 times the noise, the gain
# over the network alone was 1.4 to 6 dB for a noise of up to 0.008, 0.4 to 2 dB for 0.02, -0.4 to
# 0.5 dB for 0.05, and -0.5 dB for 0.1. A factor of 1.5 leaves no grain, and gains up to 0.5 dB
# more.
_NUM_ITERATIONS, _FIRST, _LAST_FACTOR, _LAST_MIN = 8, 0.2, 1.5, 0.005
_PRIOR_WEIGHT, _NOISE_MAX = 0.4, 0.03


def restore(
  trained: Trained,
  y: jax.Array | np.ndarray,
  A: Callable,
  draw: Draw,
  *,
  num_samples: int,
  choice: str,
  fidelity: float | None,
  num_linearizations: int,
  num_iterations: int | None,
  seed: int,
  frame: str | jax.Array | np.ndarray | None,
  shape: tuple[int, int] | None,
) -> Result:
  """Restores any damage: by an estimate of the posterior mean given y, or by samples.

  Args:
    trained: A trained prior.
    y: The damaged images [N, ...].
    A: The damage: an operator or any differentiable function from images to y.
    draw: Draws a sample; see `Draw`. The same function object is compiled once.
    num_samples: As in `models.denoiser.restore`, like the other arguments.
    choice: 'best' or 'mean'.
    fidelity: From 0, a sample, to 1, the mean; or None.
    num_linearizations: Number of times that A is linearised.
    num_iterations: Number of plug-and-play iterations; None for the default.
    seed: Random seed of the samples.
    frame: Where the faces are.
    shape: (H, W) of the images, if neither A nor y tells it.

  Returns:
    A `Result`.

  Raises:
    TypeError: If y is not floating or A is not a function.
    ValueError: If y holds NaN or leaves the operator's range, A does not match it, or an option is
      out of range.
  """
  checks.at_least(num_samples, 1, "num_samples")
  checks.at_least(num_linearizations, 1, "num_linearizations")
  if num_iterations is not None:
    checks.at_least(num_iterations, 0, "num_iterations")
    num_iterations = int(num_iterations)
  checks.one_of(choice, CHOICES, "choice")
  if fidelity is None:
    fidelity = 1.0 if num_samples == 1 else 0.0
  checks.between(fidelity, 0, 1, "fidelity")
  fidelity = float(fidelity)
  whole = _image_shape(trained, y, A, shape)
  frames = _frames(frame, whole)
  y, A = operators.prepare(y, A, whole[1:])
  keys = jax.random.split(jax.random.key(seed), int(num_samples) if fidelity < 1 else 0)
  options = {
    "keys": keys,
    "draw": draw if len(keys) else None,  # So that the mean is compiled once for all of them.
    "num_linearizations": int(num_linearizations),
    "num_iterations": num_iterations,
    # Neither one sample nor the mean of several samples needs the posterior mean.
    "with_mean": fidelity > 0 or (choice == "best" and len(keys) > 1),
  }
  traced = any(
    isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((trained, y, A, frames))
  )
  if tiles.needed(*whole[1:3]) and A.reduction and not traced:
    mean, samples = _in_tiles(trained, y, A, whole, frames, options)
  else:
    mean, samples = _in_one_piece(trained, y, A, whole, frames, options)
  if not len(keys):
    return Result(image=mean, generated=mean)
  distance = jnp.sum((samples - mean) ** 2, axis=(2, 3, 4))
  chosen, spread = choose(samples, distance, choice)
  image = chosen + fidelity * (mean - chosen)
  return Result(image=image, generated=image, spread=spread, samples=samples)


def _in_tiles(trained, y, A, shape, frames, options):
  """(mean, samples) of large images, whose tiles are restored one after the other. Tiles without a
  missing pixel are taken from y, if nothing else is damaged."""
  hole = operators.hole(A)
  height, width = tile = tiles.tile_sides(shape[1:3])
  window = tiles.window(tile)
  mean, weight = np.zeros(shape, np.float32), np.zeros((*shape[1:3], 1), np.float32)
  samples = np.zeros((len(options["keys"]), *shape), np.float32)
  for top, left in tiles.corners(shape[1:3], tile):
    there = np.s_[..., top : top + height, left : left + width, :]
    weight[there] += window
    if hole is not None and not np.any(np.asarray(hole)[there]):
      mean[there] += window * np.asarray(y)[there]
      samples[there] += window * np.asarray(y)[there]
      continue
    own_y, own_A = operators.crop(A, y, (top, left, height, width), shape)
    own_mean, own_samples = _in_one_piece(
      trained, own_y, own_A, (len(y), *tile, shape[3]), framing.shift(frames, left, top), options,
      corner=(top, left),
    )  # fmt: skip
    mean[there] += window * np.asarray(own_mean)
    samples[there] += window * np.asarray(own_samples)
  return jnp.asarray(mean / weight), jnp.asarray(samples / weight)


def _in_one_piece(trained, y, A, shape, frames, options, corner=None):
  """(mean, samples) of images in one piece: whole images, or tiles that begin at a corner."""
  scaled_y, scaled_A, sigma, _ = least_squares.standardize(y, A, shape)
  if np.shape(sigma) == shape:
    sigma = _same_in_channels(sigma)
  if options["num_iterations"] is None and not (
    (_convolves(A) or (trained.config.local and _halves(A))) and _may_be_quiet(sigma)
  ):
    options = {**options, "num_iterations": 0}
  return _restore(
    trained, y, A, scaled_y, scaled_A, jnp.asarray(sigma, jnp.float32), frames,
    corner=jnp.array(corner or (0, 0)), mirrored=corner is None, shape=shape,
    exact=isinstance(sigma, float) and sigma == 0, **options,
  )  # fmt: skip


def _image_shape(trained, y, A, size) -> tuple[int, int, int, int]:
  """[N, H, W, C] of the images."""
  n, *rest = np.shape(y) or (0,)
  channels = trained.config.channels
  if not trained.config.local:
    own = trained.image_shape
    if size is not None and tuple(size) != own[:2]:
      raise ValueError(f"shape is {size}; it must be {own[:2]}, the size of the prior's images")
    return n, *own
  if size is not None:
    height, width = size
    checks.at_least(height, 1, "the height in shape")
    checks.at_least(width, 1, "the width in shape")
    return n, int(height), int(width), channels
  A = operators.as_operator(A)
  if A.tells_shape:
    found = operators.image_shape(A, (n, *rest))
    if len(found) == 4 and found[-1] == channels:
      return found
    raise ValueError(
      f"y has shape {[n, *rest]}, so the images have shape {list(found)}; they must be"
      f" [N, H, W, {channels}]"
    )
  if len(rest) >= 2:
    _, height, width, *_ = operators.image_shape(A, (n, *rest)) if len(rest) == 3 else (n, *rest)
    found = n, height, width, channels
    try:
      fits = operators.output_shape(A, found) == (n, *rest)
    except Exception:  # Whatever A raises for images of a wrong size.
      fits = False
    if fits:
      return found
  raise ValueError(
    f"y has shape {[n, *rest]}, which does not tell the size of the images; give shape=(H, W)"
  )


def _frames(frame, shape) -> jax.Array:
  """The frames [N, 2, 3]."""
  n, height, width, _ = shape
  if frame is None:
    return jnp.zeros((n, 2, 3))
  if isinstance(frame, str):
    checks.one_of(frame, ("celeba",), "frame")
    frame = framing.aligned(height, width)
  frame = jnp.asarray(frame, jnp.float32)
  if frame.shape not in ((2, 3), (n, 2, 3)):
    raise ValueError(f"frame has shape {frame.shape}; it must be [2, 3] or [N, 2, 3]")
  return jnp.broadcast_to(frame, (n, 2, 3))


def _convolves(A):
  """Whether A mixes pixels by a convolution, and adds at most noise."""
  kernel = operators.kernel(A)
  return kernel is not None and kernel[0].size > 1


def _halves(A):
  """Whether A halves the resolution, and besides at most convolves and adds noise."""
  return A.lowering == 2 and all(
    part.lowering > 1 or part.kernel() is not None for part in A.parts()
  )


def _may_be_quiet(sigma) -> bool:
  """Whether an image has so little noise that a convolution is undone by iterations. Nobody knows
  while JAX traces a function; then the iterations are computed for all images."""
  if isinstance(sigma, jax.core.Tracer):
    return True
  sigma = np.asarray(sigma)
  return bool(np.any(np.max(sigma, tuple(range(1, sigma.ndim))) <= _NOISE_MAX))


def _largest(sigma):
  """The largest standard deviation of each image [N or 1, 1, 1, 1]; a number stays a number."""
  sigma = jnp.asarray(sigma)
  largest = jnp.max(sigma, tuple(range(1, sigma.ndim)))
  return largest.reshape(-1, 1, 1, 1) if sigma.ndim else largest


def _same_in_channels(sigma):
  """The standard deviations [N, H, W, C] of noise that differs between pixels, averaged over the
  channels that have noise. The networks are trained with noise that is the same in all pixels. For
  photon noise of colour pictures this gains up to 0.9 dB, and keeps their colours."""
  noisy = sigma > 0
  mean = jnp.sum(sigma**2, -1, keepdims=True) / jnp.maximum(jnp.sum(noisy, -1, keepdims=True), 1)
  return jnp.where(noisy, jnp.sqrt(mean), 0)


@functools.partial(
  jax.jit,
  static_argnames=(
    "shape",
    "exact",
    "mirrored",
    "draw",
    "num_linearizations",
    "num_iterations",
    "with_mean",
  ),
)
def _restore(
  trained, y, A, scaled_y, scaled_A, noise, frames, *,
  keys, corner, shape, exact, mirrored, draw, num_linearizations, num_iterations, with_mean,
):  # fmt: skip
  """The mean [N, S, S, C] (zeros unless `with_mean`) and a sample for each key [K, N, S, S, C];
  every image of the batch gets the same noise. `noise` is the standard deviation of the noise in
  `scaled_y`; if `exact`, there is none."""
  config = trained.config
  sigma = jnp.maximum(noise, config.sigma_min)

  def make_consistent(x):
    """The image nearest to x that agrees with y. The distance treats the errors of the colour
    channels as correlated. If y is noisy, only `operators.project` applies."""
    if exact:
      channels, convolution = shape[-1], _convolves(A)
      covariance = COLOR_CORRELATION + (1 - COLOR_CORRELATION) * np.eye(channels)
      mix = jnp.float32(np.linalg.cholesky(covariance)).T
      with least_squares.exactly():
        # A share of the correction is smooth, so that it reaches the pixels beside those that y
        # determines; otherwise a mean that is too dark leaves stripes between known rows.
        def correlate(d):
          pixelwise, smooth = jnp.split(d, 2, -1)
          both = (1 - _SMOOTH_SHARE) ** 0.5 * pixelwise + _SMOOTH_SHARE**0.5 * _blur(smooth)
          return both @ mix

        x += correlate(
          least_squares.fit(
            scaled_y,
            lambda d: scaled_A(x + correlate(d)),
            jnp.zeros((*shape[:3], 2 * channels)),
            1e-5,
            iterations=_ITERATIONS_CONVOLUTION if convolution else _ITERATIONS,
            misfit=_MISFIT if convolution else 0.0,
          )
        )
    return jnp.clip(operators.project(A, jnp.clip(x, 0, 1), y), 0, 1)

  def posterior(around, **second_look):
    return pixel_posterior(
      scaled_y, scaled_A, sigma, jax.random.key(0), around, local=config.local, **second_look
    )

  mean = jnp.full(shape, 0.5)
  for _ in range(num_linearizations):
    around = mean
    first = posterior(around)
    mean = jnp.clip(restore_mean(trained, first, frames, mirrored=mirrored), 0, 1)

  def denoise(x, level):
    of_noise = pixel_posterior(
      x, lambda x: x, level, jax.random.key(0), jnp.full(shape, 0.5), local=config.local
    )
    return restore_mean(trained, of_noise, frames, mirrored=False)

  def refine(x):
    """x after the plug-and-play iterations, for images with little noise."""
    if num_iterations == 0:
      return x
    largest = _largest(noise)
    last = jnp.clip(_LAST_FACTOR * largest, _LAST_MIN, _FIRST)
    levels = jnp.geomspace(jnp.full_like(last, _FIRST), last, num_iterations or _NUM_ITERATIONS)
    found = plug_and_play.iterate(
      scaled_y, scaled_A, noise, x, denoise, levels, _PRIOR_WEIGHT, exact=exact
    )
    wanted = (num_iterations is not None) | (largest <= _NOISE_MAX)
    return jnp.where(wanted, jnp.clip(found, 0, 1), x)

  def posterior_at(second_look=None, precision=0.0):
    if second_look is None:
      return first
    return posterior(around, second_look=second_look, precision=precision)

  def sample(key):
    return make_consistent(refine(draw(trained, posterior_at, mean, frames, key, corner)))

  samples = lax.map(sample, keys) if len(keys) else jnp.zeros((0, *shape))
  return make_consistent(refine(mean)) if with_mean else jnp.zeros(shape), samples


def _blur(x):
  """x [N, H, W, C] convolved with a Gaussian of `_SMOOTH_SIGMA` whose weights have the norm 1."""
  reach = int(3 * _SMOOTH_SIGMA) + 1
  weights = np.exp(-((np.arange(-reach, reach + 1) / _SMOOTH_SIGMA) ** 2) / 2)
  weights /= np.linalg.norm(weights)
  for axis in (1, 2):
    size, pad = x.shape[axis], [(0, 0)] * 4
    pad[axis] = (reach, reach)
    padded = jnp.pad(x, pad)
    shifted = (lax.slice_in_dim(padded, i, i + size, axis=axis) for i in range(len(weights)))
    x = sum(weight * part for weight, part in zip(weights.tolist(), shifted))
  return x


def scored(config: Config, source: data.Source) -> Iterator[tuple[str, data.Source, str]]:
  """What the checkpoints of a run are scored on: the MAP paper's five tasks, on `source` and on the
  images that are cut out of the validation pictures of each data set of `config.pictures`.

  Yields:
    (the beginning of the names of the scores, the images, the name of the task).
  """
  framed = data.framed_sources(config, "validation")
  sources = {"": source} | {f"pictures_{k}/": own for k, own in enumerate(framed)}
  for (of, own), task in itertools.product(
    sources.items(), tasks.of_the_map_paper(config.channels)
  ):
    yield of, own, task


def evaluate(
  restorer: Callable[..., Result], trained: Trained, source: data.Source, n: int = 256
) -> Iterator[tuple[str, float]]:
  """Scores on the MAP paper's five tasks; grey images are not scored on colorize.

  The images are the first of `source`, and for each data set of `config.pictures`, those cut out of
  its validation pictures.

  Args:
    restorer: (trained, y, A) -> `Result`.
    trained: The trained prior.
    source: The images.
    n: Number of images of each data set.

  Yields:
    (name, value): `psnr`, the mean over the data sets and tasks, then `psnr` and `ssim` of each
    task. For the k-th data set of pictures, their names begin with `pictures_k/`.
  """
  scores: dict[str, float] = {}
  for of, own, task in scored(trained.config, source):
    own_restorer = functools.partial(restorer, trained)
    found = scoring.evaluate(own_restorer, tasks.get(task), own, limit=n)
    scores |= {f"{of}{task}/{name}": found[f"raw/{name}"] for name in ("psnr", "ssim")}
  psnrs = [value for name, value in scores.items() if name.endswith("psnr")]
  yield "psnr", sum(psnrs) / len(psnrs)
  yield from scores.items()
