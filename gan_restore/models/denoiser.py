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

Images inside the networks are [N, H, W, C] in [-1, 1]. Everywhere else images are in [0, 1], and
standard deviations are for pixels in [0, 1].
"""

import functools
import itertools
from collections.abc import Callable, Iterator

import dm_pix
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_restore import data
from gan_restore.data import framing
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

  At initialisation the block is the identity. rms divides the features of a pixel (or, if the block
  is not local, of the image) by the root of their mean square. Without it, training collapses
  within a few thousand steps at the config's learning rate.
  """

  local: bool = True
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, condition: jax.Array) -> jax.Array:
    features = x.shape[-1]
    conv = functools.partial(layers.Conv, features, 3, 1, dtype=self.dtype)
    h = conv(kernel_init=nn.initializers.he_normal())(nn.silu(x))
    axes = -1 if self.local else (1, 2, 3)
    h /= jnp.sqrt(jnp.mean(h**2, axes, keepdims=True) + 1e-4)
    zeros = nn.initializers.zeros
    affine = layers.Conv(2 * features, 1, 1, dtype=self.dtype, kernel_init=zeros)(condition)
    scale, shift = jnp.split(affine, 2, -1)
    return x + conv(kernel_init=zeros)(nn.silu((1 + scale) * h + shift))


class Denoiser(nn.Module):
  """`PixelPosterior` of images -> images [N, H, W, C], about in [0, 1].

  A U-Net of residual blocks. The input is first rearranged into blocks of 2x2 pixels (space to
  depth). The resolution of the features is then halved `depth` times. Each resolution has twice the
  features of the one before, up to four times the first. The encoder and the decoder have one
  residual block for each resolution, but two at the finest; there are two at the coarsest. Skip
  connections add the encoder's features to the decoder's.

  There are two kinds. A `local` network has only local operations, so that it does the same for
  images of any size. If the frame of the face is known, it also gets each pixel's coordinates in
  it, as Fourier features. The other kind is for aligned faces of one size. It normalises by the
  whole image, and has no frame.

  The network has two outputs for each pixel. The first is a correction, in units of about the
  posterior standard deviation. The second is the logit of a weight between the posterior mean and
  the smooth mean. The correction is added to the weighted mean of the two. An untrained network,
  whose outputs are 0, gives a mixture of the two means.
  """

  channels: int = 3
  width: int = 64
  depth: int = 3
  local: bool = True
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, posterior: PixelPosterior, frame: jax.Array) -> jax.Array:
    mean, smooth = 2 * posterior.mean - 1, 2 * posterior.smooth_mean - 1
    uncertainty = 1 + jnp.log(posterior.std / PRIOR_STD) / 2  # Around 0.
    if self.local:
      # The standard deviations that the two means have under the prior.
      contrast = 4 * jnp.sqrt(jnp.maximum(PRIOR_STD**2 - posterior.std**2, 0) + 0.025**2)
      smooth_contrast = jnp.asarray(4 * PRIOR_STD)
    else:
      contrast = jnp.maximum(jnp.sqrt(jnp.mean(mean**2, (1, 2, 3), keepdims=True)), 0.05)
      smooth_contrast = contrast
    x = jnp.concatenate([mean / contrast, smooth / smooth_contrast, uncertainty], -1)
    he, zeros = nn.initializers.he_normal(), nn.initializers.zeros
    conv = functools.partial(layers.Conv, dtype=self.dtype, kernel_init=he)
    pointwise = functools.partial(layers.Conv, kernel=1, stride=1, dtype=self.dtype)
    x = conv(self.width, 3, 1)(dm_pix.space_to_depth(x, 2))
    if self.local:
      x += pointwise(self.width, kernel_init=zeros, name="frame")(_coordinates(frame, x.shape))
    doubt = jnp.mean(uncertainty, -1, keepdims=True)
    embed = pointwise(64, name="condition")

    def blocks(x, count):
      side = doubt.shape[1] // x.shape[1] if self.local else doubt.shape[1]
      condition = nn.silu(embed(_embed(nn.avg_pool(doubt, (side, side), (side, side)))))
      for _ in range(count):
        x = Block(self.local, self.dtype)(x, condition)
      return x

    way_down = []
    for level in range(self.depth):
      x = blocks(x, 1 if level else 2)
      way_down.append(x)
      x = conv(min(2 * x.shape[-1], 4 * self.width), 2, 2)(x)
    x = blocks(x, 2)
    for level in reversed(range(self.depth)):
      past = way_down[level]
      up = layers.ConvTranspose(past.shape[-1], 2, 2, dtype=self.dtype, kernel_init=he)
      x = blocks(up(x) + past, 1 if level else 2)
    x = layers.Conv(8 * self.channels, 3, 1, kernel_init=zeros)(nn.silu(x))
    x = dm_pix.depth_to_space(x.astype(jnp.float32), 2)
    correction, share = jnp.split(x, 2, -1)
    share = nn.sigmoid(share + 2 * jnp.log(posterior.std / _FINE))
    scale = jnp.sqrt(posterior.std**2 + _FINE**2)
    smoothed = posterior.mean + share * (posterior.smooth_mean - posterior.mean)
    return smoothed + scale * correction


def _embed(x):
  """Fourier features of a number, with 16 frequencies: [..., 1] -> [..., 32]."""
  angle = x * 2.0 ** jnp.linspace(-2, 3, 16)
  return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], -1)


def _coordinates(frame, shape):
  """Fourier features [N, h, w, 13] of the coordinates of blocks of 2x2 pixels in the frames
  [N, 2, 3] of faces, for features of a shape [N, h, w, C]; 0 for a frame of zeros."""
  _, height, width, _ = shape
  rows, columns = 2 * jnp.arange(height) + 1.0, 2 * jnp.arange(width) + 1.0
  at = jnp.stack([*jnp.meshgrid(columns, rows), jnp.ones((height, width))], -1)
  angle = jnp.pi / 2 * jnp.clip(jnp.einsum("nij,hwj->nhwi", frame, at), -2, 2)
  waves = [wave(2**k * angle) for k in range(3) for wave in (jnp.cos, jnp.sin)]
  features = jnp.concatenate([jnp.ones_like(angle[..., :1]), *waves], -1)
  return features * jnp.any(frame != 0, (1, 2))[:, None, None, None]


# --- The family ---------------------------------------------------------------------------------

PLAYERS = ("generator",)
CURVES = {"l_rec": "squared error, log"}
REQUIREMENTS = random_damage.REQUIREMENTS | {
  "picture_shares": (lambda v: all(share > 0 for share in v), "numbers above 0"),
  "picture_margins": (lambda v: all(margin >= 0 for margin in v), "numbers >= 0"),
  "aligned_share": random_damage.SHARE,
  "close_share": random_damage.SHARE,
  "known_share": random_damage.SHARE,
  "face_scales": random_damage.RANGE,
  "photograph_scales": random_damage.RANGE,
  "roll": (lambda v: 0 <= v <= 180, "between 0 and 180"),
  "shift": (lambda v: 0 <= v < 1, ">= 0 and < 1"),
  "large_every": (lambda v: v >= 0, "a whole number >= 0"),
  "sigma_min": (lambda v: v > 0, "> 0"),
  "sigma_max": (lambda v: v > 0, "> 0"),
  "depth": (lambda v: v >= 0, "a whole number >= 0"),
}


def network(config: Config) -> Denoiser:
  """The network of a config."""
  return Denoiser(
    config.channels, config.width, config.depth, config.local, jnp.dtype(config.dtype)
  )


def any_size(config: Config) -> bool:
  """Whether the network restores images of any size."""
  return config.local


def init(config: Config, key: jax.Array) -> Variables:
  """Fresh variables of the only player."""
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  posterior = PixelPosterior(image, image + PRIOR_STD, image)
  return {"generator": network(config).init(key, posterior, jnp.zeros((1, 2, 3)))}


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
    \log\left(\tfrac{1}{n} \|G(k) - x\|^2 + 0.0001\right)

  (L. Chen et al., "Simple baselines for image restoration", 2022). With the logarithm, lightly and
  heavily damaged images have similar influence. The constant limits this to PSNRs of up to 40 dB.

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
  restored = network(config).apply(variables["generator"], posterior, _frame(batch))
  error = jnp.mean((restored - x) ** 2, axis=(1, 2, 3))
  l_rec = jnp.mean(jnp.log(error + 0.0001))
  return {"generator": l_rec}, ({}, {"l_rec": l_rec})


def _frame(batch):
  return batch.get("frame", jnp.zeros((len(batch["image"]), 2, 3)))


def restore_mean(
  trained: Trained,
  posterior: PixelPosterior,
  frame: jax.Array | None = None,
  *,
  mirrored: bool = True,
) -> jax.Array:
  """The network's output [N, H, W, C], about in [0, 1].

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
  n, height, width, channels = posterior.mean.shape
  frame = jnp.zeros((n, 2, 3)) if frame is None else frame
  stride = 2 ** (trained.config.depth + 1)  # Of which the network's images must be multiples.
  sides = [-(-side // stride) * stride for side in (height, width)]
  margins = (0, 0), (0, sides[0] - height), (0, sides[1] - width), (0, 0)
  posterior = jax.tree.map(lambda x: jnp.pad(x, margins, mode="symmetric"), posterior)
  tile = [_tile(side) for side in sides]
  if tile == sides:
    return _apply(trained, posterior, frame, mirrored)[:, :height, :width]

  corners = np.array(list(itertools.product(*map(_starts, sides, tile))))
  window = functools.reduce(np.outer, map(_window, tile)).astype(np.float32)[..., None]

  def add(i, sums):
    top, left = jnp.asarray(corners)[i]
    cut = lambda x: lax.dynamic_slice(x, (0, top, left, 0), (len(x), *tile, x.shape[-1]))
    image = _apply(trained, jax.tree.map(cut, posterior), framing.shift(frame, left, top), False)
    update = lambda x, part: lax.dynamic_update_slice(x, cut(x) + part, (0, top, left, 0))
    return update(sums[0], window * image), update(sums[1], window[None])

  start = jnp.zeros((n, *sides, channels)), jnp.zeros((1, *sides, 1))
  image, weight = lax.fori_loop(0, len(corners), add, start)
  return (image / weight)[:, :height, :width]


# Images with a longer side are restored in tiles of about this side, which overlap by at least the
# second number of pixels. The outermost pixels of a tile, the third number, are not used where
# there are others. All tiles begin at multiples of the last.
_TILE, _OVERLAP, _MARGIN, _GRID = 512, 64, 16, 16


def _tile(side) -> int:
  """The length of the tiles along one axis, with which all tiles begin at multiples of `_GRID`."""
  return side if side < _TILE + _GRID else _TILE + side % _GRID


def _starts(side, tile) -> list[int]:
  """The first pixels of the tiles along one axis: multiples of `_GRID`."""
  count = 1 if side == tile else -(-(side - _OVERLAP) // (tile - _OVERLAP))
  return [round(i * (side - tile) / _GRID / max(count - 1, 1)) * _GRID for i in range(count)]


def _window(tile) -> np.ndarray:
  """The weights of a tile along one axis: they fall linearly to both ends."""
  inside = np.minimum(np.arange(tile) + 1, tile - np.arange(tile)) - _MARGIN
  return np.clip(inside / (_OVERLAP - _MARGIN), 1e-6, 1)


def _apply(trained, posterior, frame, mirrored):
  """The network's output, see `restore_mean`, for sides that need no padding."""
  apply = functools.partial(network(trained.config).apply, trained.variables["generator"])
  if not (mirrored and trained.config.flip):
    return apply(posterior, frame)
  mirror = lambda x: x[:, :, ::-1]
  flipped = framing.mirror(frame, posterior.mean.shape[2])
  both = (posterior, frame), (jax.tree.map(mirror, posterior), flipped)
  # A loop, because two applications would take twice as long to compile.
  plain, other = lax.map(lambda x: apply(*x), jax.tree.map(lambda *x: jnp.stack(x), *both))
  return (plain + mirror(other)) / 2


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
  frame: str | jax.Array | np.ndarray | None = None,
  shape: tuple[int, int] | None = None,
) -> Result:
  """Restores any damage: by an estimate of the posterior mean given y, or by samples.

  Images may have any size. The network is applied to overlapping tiles of large images.

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
    frame: Where the faces are: 'celeba' if the images are CelebA's crop of aligned faces, or
      matrices [2, 3] or [N, 2, 3] as in `data.framing`. None if there are no faces, or nobody
      knows where.
    shape: (H, W) of the images, if A is a function of your own and y does not have the size of the
      images.

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
  whole = _image_shape(trained, y, A, shape)
  frames = _frames(frame, whole)
  y, A = operators.prepare(y, A, whole[1:])
  options = {
    "num_samples": num_samples, "choice": choice, "num_steps": num_steps,
    "num_linearizations": num_linearizations, "seed": seed,
  }  # fmt: skip
  if max(whole[1:3]) >= _TILE + _GRID and getattr(A, "reduction", None) and num_samples == 1:
    return _in_tiles(trained, y, A, whole, frames, options)
  image, spread = _in_one_piece(trained, y, A, whole, frames, options, mirrored=True)
  return Result(image=image, generated=image, spread=spread)


def _in_tiles(trained, y, A, shape, frames, options) -> Result:
  """The restoration of large images, whose tiles are restored one after the other."""
  height, width = tile = tuple(_tile(side) for side in shape[1:3])
  window = functools.reduce(np.outer, map(_window, tile)).astype(np.float32)[..., None]
  image, weight = np.zeros(shape, np.float32), np.zeros((*shape[1:3], 1), np.float32)
  for top, left in itertools.product(*map(_starts, shape[1:3], tile)):
    own_y, own_A = operators.crop(A, y, (top, left, height, width), shape)
    part, _ = _in_one_piece(
      trained, own_y, own_A, (len(y), *tile, shape[3]), framing.shift(frames, left, top), options,
      mirrored=False,
    )  # fmt: skip
    there = np.s_[top : top + height, left : left + width]
    image[:, *there] += window * np.asarray(part)
    weight[there] += window
  restored = jnp.asarray(image / weight)
  return Result(image=restored, generated=restored)


def _in_one_piece(trained, y, A, shape, frames, options, mirrored):
  """(image, spread or None) of images in one piece; `options` are those of `restore`."""
  num_samples = options["num_samples"]
  keys = jax.random.split(jax.random.key(options["seed"]), num_samples if num_samples > 1 else 0)
  scaled_y, scaled_A, sigma, _ = least_squares.standardize(y, A, shape)
  image, samples = _restore(
    trained, y, A, scaled_y, scaled_A, jnp.asarray(sigma, jnp.float32), frames, keys,
    shape=shape, exact=isinstance(sigma, float) and sigma == 0, mirrored=mirrored,
    num_steps=int(options["num_steps"]), num_linearizations=int(options["num_linearizations"]),
  )  # fmt: skip
  spread = None
  if num_samples > 1:
    distance = jnp.sum((samples - image) ** 2, axis=(2, 3, 4))
    image, spread = choose(samples, distance, options["choice"])
  return image, spread


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
  if isinstance(A, operators.Operator):
    found = operators.image_shape(A, (n, *rest))
    if len(found) == 4 and found[-1] == channels:
      return found
    raise ValueError(
      f"y has shape {[n, *rest]}, so the images have shape {list(found)}; they must be"
      f" [N, H, W, {channels}]"
    )
  if len(rest) >= 2:
    found = n, rest[0], rest[1], channels
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


@functools.partial(
  jax.jit, static_argnames=("shape", "exact", "mirrored", "num_steps", "num_linearizations")
)
def _restore(
  trained, y, A, scaled_y, scaled_A, sigma, frames, keys, *,
  shape, exact, mirrored, num_steps, num_linearizations,
):  # fmt: skip
  """The mean [N, S, S, C] and a sample for each key [K, N, S, S, C]; every image of the batch gets
  the same noise. `sigma` is the standard deviation of the noise in `scaled_y`; if `exact`, there is
  none."""
  config = trained.config
  sigma = jnp.maximum(sigma, config.sigma_min)

  def make_consistent(x):
    """The image nearest to x that agrees with y. The distance treats the errors of the colour
    channels as correlated. If y is noisy, only `operators.project` applies."""
    if exact:
      channels = shape[-1]
      covariance = COLOR_CORRELATION + (1 - COLOR_CORRELATION) * np.eye(channels)
      mix = jnp.float32(np.linalg.cholesky(covariance)).T
      with least_squares.exactly():
        # A share of the correction is smooth, so that it reaches the pixels beside those that y
        # determines; otherwise a mean that is too dark leaves stripes between known rows.
        def correlate(d):
          pixelwise, smooth = jnp.split(d, 2, -1)
          both = (1 - _SMOOTH_SHARE) ** 0.5 * pixelwise + _SMOOTH_SHARE**0.5 * _blur(smooth)
          return both @ mix

        none = jnp.zeros((*shape[:3], 2 * channels))
        x += correlate(
          least_squares.fit(scaled_y, lambda d: scaled_A(x + correlate(d)), none, 1e-3)
        )
    return jnp.clip(operators.project(A, jnp.clip(x, 0, 1), y), 0, 1)

  def apply(around, mirrored=mirrored, **second_look):
    posterior = pixel_posterior(
      scaled_y, scaled_A, sigma, jax.random.key(0), around, local=config.local, **second_look
    )
    return jnp.clip(restore_mean(trained, posterior, frames, mirrored=mirrored), 0, 1)

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
  """Scores on the MAP paper's five tasks; grey images are not scored on colorize.

  The images are the first of `source`, and for each data set of `config.pictures`, those cut out of
  its validation pictures.

  Yields:
    (name, value): `psnr`, the mean over the data sets and tasks, then `psnr` and `ssim` of each
    task. For the k-th data set of pictures, their names begin with `pictures_k/`.
  """
  framed = data.framed_sources(trained.config, "validation")
  sources = {"": source} | {f"pictures_{k}/": own for k, own in enumerate(framed)}
  restorer = functools.partial(restore, trained)
  scores: dict[str, float] = {}
  for (of, own), task in itertools.product(sources.items(), tasks.NAMES):
    if task == "colorize" and trained.config.channels != 3:
      continue
    found = scoring.evaluate(restorer, tasks.get(task), own, limit=n)
    scores |= {f"{of}{task}/{name}": found[f"raw/{name}"] for name in ("psnr", "ssim")}
  psnrs = [value for name, value in scores.items() if name.endswith("psnr")]
  yield "psnr", sum(psnrs) / len(psnrs)
  yield from scores.items()
