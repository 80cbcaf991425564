"""Random damages of every kind and strength, from which a prior for any damage learns.

Images are [N, H, W, C] in [0, 1].
"""

import jax
import jax.numpy as jnp
import numpy as np

from gan_restore.degradations import operators
from gan_restore.degradations.operators import pixels
from gan_restore.models import POSITIVE, RANGE, SHARE, Config
from gan_restore.restorers.posterior import PixelPosterior, pixel_posterior

KINDS = ("super_resolve", "colorize", "inpaint", "demosaic", "quantize", "denoise")
REQUIREMENTS = {
  **{f"{kind}_share": SHARE for kind in KINDS},
  "further_damage": SHARE,
  "luma_share": SHARE,
  "blur_share": SHARE,
  "pixels_share": SHARE,
  "second_look_share": SHARE,
  "jpeg_share": SHARE,
  "kernel_share": SHARE,
  "kernel_noise": RANGE,
  "block_factors": (lambda v: len(v) and min(v) >= 1, "numbers >= 1"),
  "blur_sigmas": RANGE,
  "motion_lengths": RANGE,
  "defocus_radii": RANGE,
  "rectangle_sides": (lambda v: RANGE[0](v) and v[1] < 1, "two shares below 1, the smaller first"),
  "pixel_rates": (lambda v: RANGE[0](v) and v[1] < 1, "two shares below 1, the smaller first"),
  "levels": (lambda v: len(v) == 2 and 2 <= v[0] <= v[1], "two numbers >= 2, the smaller first"),
  "qualities": (lambda v: len(v) == 2 and 1 <= v[0] <= v[1] <= 100, "two qualities of JPEG"),
  "noise_median": POSITIVE,
  "second_look_median": POSITIVE,
}


def random_posterior(config: Config, key: jax.Array, x: jax.Array) -> PixelPosterior:
  """Damages each image at random and returns the pixel-wise posterior.

  The share `jpeg_share` of a batch is compressed as JPEG; the share `kernel_share` is blurred by
  motion or defocus, with noise. Both are rounded to whole images of the part of a batch that one
  device gets: with 16 images on two devices, a share of 1/8 is one image of 8, and none of the 2
  in a batch of larger images. Each of the other images has one damage of `KINDS`, drawn with the
  probabilities `KIND_share` of the config; each of the others, but demosaic, is added with the
  probability `further_damage`. The config's fields give the distributions of the strengths. With
  probability `second_look_share` the network also gets a second observation: the whole image with
  noise, as in the steps of the sampler.

  Args:
    config: The run's config.
    key: A random key.
    x: Images [N, H, W, C] in [0, 1].

  Returns:
    The posterior of each image.
  """
  n = len(x)
  compressed, convolved = (round(config[f"{kind}_share"] * n) for kind in ("jpeg", "kernel"))
  cuts = np.cumsum([compressed, convolved])
  groups = [_compressed, _convolved, _general]
  keys = jax.random.split(key, 5)
  damaged = [
    group(config, own, part)
    for group, own, part in zip(groups, keys, jnp.split(x, cuts))
    if len(part)
  ]
  y = jnp.concatenate([y for y, _, _ in damaged])
  sigma = jnp.concatenate(
    [jnp.broadcast_to(sigma, (len(y), 1, 1, x.shape[-1])) for y, _, sigma in damaged]
  )
  bounds = np.cumsum([len(y) for y, _, _ in damaged])[:-1]

  def A(x):
    parts = jnp.split(x, bounds)
    return jnp.concatenate([A(part) for (_, A, _), part in zip(damaged, parts)])

  draw = _Draw(config, keys[3], n)
  second_sigma = draw.noise_level(config.second_look_median, config.second_look_spread)
  second_look = x + second_sigma * draw.normal(x.shape)
  precision = jnp.where(draw.coin(config.second_look_share), 1 / second_sigma**2, 0)
  return pixel_posterior(
    y, A, jnp.maximum(sigma, config.sigma_min), keys[4], jnp.full_like(x, 0.5),
    second_look=second_look, precision=precision, local=config.local,
  )  # fmt: skip


class _Draw:
  """Random numbers [N, 1, 1, 1], one for each image."""

  def __init__(self, config: Config, key: jax.Array, n: int):
    self._config, self._keys, self._shape = config, iter(jax.random.split(key, 32)), (n, 1, 1, 1)

  def coin(self, p):
    return jax.random.bernoulli(next(self._keys), p, self._shape)

  def between(self, low, high, shape=None):
    return jax.random.uniform(next(self._keys), shape or self._shape, jnp.float32, low, high)

  def spread(self, low, high):
    """Between two numbers above 0, uniform in the logarithm."""
    return jnp.exp(self.between(jnp.log(low), jnp.log(high)))

  def integer(self, low, high, shape=None):
    return jax.random.randint(next(self._keys), shape or self._shape, low, high)

  def choice(self, shares):
    shares = jnp.array(shares)
    return jax.random.choice(next(self._keys), len(shares), self._shape, p=shares / shares.sum())

  def normal(self, shape):
    return jax.random.normal(next(self._keys), shape)

  def noise_level(self, median, spread):
    level = median * jnp.exp(spread * self.normal(self._shape))
    return jnp.clip(level, self._config.sigma_min, self._config.sigma_max)


def _general(config, key, x):
  """(y, A, sigma) of images with damages of `KINDS`."""
  n, height, width, channels = x.shape
  draw = _Draw(config, key, n)
  kind = draw.choice([config[f"{kind}_share"] for kind in KINDS])
  lowered, grey, holed, mosaic, rounded, noisy = (
    (kind == i) | (draw.coin(config.further_damage) if name != "demosaic" else False)
    for i, name in enumerate(KINDS)
  )
  grey &= (channels == 3) & ~mosaic
  lowered &= ~mosaic

  # Resolution: rows and columns are multiplied by a matrix: the resampling of one of the factors,
  # with the pixels repeated, or a Gaussian blur.
  which = draw.integer(0, len(config.block_factors) * len(_RESAMPLINGS), (n,))
  blurred, sigma = draw.coin(config.blur_share)[..., 0], draw.between(*config.blur_sigmas)[..., 0]

  def low_pass(size):
    matrices = jnp.stack([
      _low_resolution(size, factor, resampling)
      for factor in config.block_factors for resampling in _RESAMPLINGS
    ])  # fmt: skip
    at = jnp.arange(size)
    gaussian = jnp.exp(-0.5 * ((at[:, None] - at) / sigma) ** 2)
    gaussian /= gaussian.sum(-1, keepdims=True)
    matrix = jnp.where(blurred, gaussian, matrices[which])
    return jnp.where(lowered[..., 0], matrix, jnp.eye(size))

  rows, columns = low_pass(height), low_pass(width)

  # Colour: the largest of the channels, or the luma.
  as_luma = grey & draw.coin(config.luma_share)
  as_value = grey & ~as_luma

  # Holes: a rectangle, or single pixels; a Bayer filter.
  sides = config.rectangle_sides
  tall, wide = height * draw.between(*sides), width * draw.between(*sides)
  top, left = draw.between(0, 1) * (height - tall), draw.between(0, 1) * (width - wide)
  inside = lambda at, low, length: (at >= low) & (at < low + length)
  vertical, horizontal = jnp.arange(height)[:, None, None], jnp.arange(width)[:, None]
  rectangle = inside(vertical, top, tall) & inside(horizontal, left, wide)
  single = draw.between(0, 1, (n, height, width, 1)) < draw.between(*config.pixel_rates)
  missing = holed & jnp.where(draw.coin(1 - config.pixels_share), rectangle, single)
  if channels == 3:
    shift = draw.integer(0, 2), draw.integer(0, 2)
    odd = (vertical + shift[0]) % 2 + (horizontal + shift[1]) % 2  # 0: red, 1: green, 2: blue.
    missing |= mosaic & (odd != jnp.arange(3))

  def A(x):
    if channels == 3:
      value, luma = (pixels.on_channels(f(x), 3) for f in (operators.hsv_value, operators.luma))
      x = jnp.where(as_value, value, jnp.where(as_luma, luma, x))
    x = jnp.einsum("nij,njwc->niwc", rows, x)
    x = jnp.einsum("nij,nwjc->nwic", columns, x)
    return jnp.where(missing, 0, x)

  noise = jnp.where(noisy, draw.noise_level(config.noise_median, config.noise_spread), 0)
  fewest, most = config.levels
  step = jnp.where(rounded, 1 / draw.integer(fewest - 1, most), 0)
  y = jnp.clip(A(x) + noise * draw.normal(x.shape), 0, 1)
  y = jnp.where(rounded, jnp.round(y / jnp.where(rounded, step, 1)) * step, y)
  return jnp.where(missing, 0, y), A, jnp.sqrt(noise**2 + step**2 / 12)


_RESAMPLINGS = ("box", "box", "bicubic", "lanczos")


def _low_resolution(size, factor, resampling):
  """The matrix [size, size] that reduces a line by a factor and repeats its pixels."""
  if size % factor:
    raise ValueError(f"config.block_factors holds {factor}, which does not divide {size}")
  return jnp.repeat(operators.super_resolve(factor, resampling).weights(size), factor, 0)


def _compressed(config, key, x):
  """(y, A, sigma) of images compressed as JPEG."""
  n = len(x)
  draw = _Draw(config, key, n)
  quality = draw.between(*config.qualities)
  scale = jnp.where(quality < 50, 50 / quality, 2 - quality / 50)[..., 0]
  tables = [jnp.clip(jnp.round(scale * table), 1, 255) for table in operators.standard_tables(50)]
  plain = operators.Jpeg(tables[0], tables[1])
  y = plain.corrupt(x, key)
  A = plain.given(y, x.shape, operators.Identity())
  return y, A, A.noise(x.shape)


def _convolved(config, key, x):
  """(y, A, sigma) of images blurred by motion or defocus, with noise."""
  n = len(x)
  draw = _Draw(config, key, n)
  # A disk, or a line of the same length, with soft borders of one pixel.
  reach = int(np.ceil(max(max(config.motion_lengths) / 2, max(config.defocus_radii))))
  at = jnp.arange(-reach, reach + 1.0)
  across, along = at[:, None], at
  disk = jnp.clip(draw.spread(*config.defocus_radii)[..., 0] + 0.5 - jnp.hypot(across, along), 0, 1)
  angle, length = draw.between(0, jnp.pi)[..., 0], draw.spread(*config.motion_lengths)[..., 0]
  parallel = abs(along * jnp.cos(angle) - across * jnp.sin(angle))
  apart = abs(along * jnp.sin(angle) + across * jnp.cos(angle))
  line = jnp.clip(1 - apart, 0, 1) * jnp.clip(length / 2 + 0.5 - parallel, 0, 1)
  kernel = jnp.where(draw.coin(0.5)[..., 0], disk, line)
  A = operators.BlurKernel(kernel / jnp.sum(kernel, (1, 2), keepdims=True))
  noise = draw.spread(*config.kernel_noise)
  return jnp.clip(A(x) + noise * draw.normal(x.shape), 0, 1), A, noise
