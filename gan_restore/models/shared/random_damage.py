"""Random damages of every kind and strength, from which a prior for any damage learns.

Images are [N, S, S, C] in [0, 1].
"""

import jax
import jax.numpy as jnp

from gan_restore.degradations import operators
from gan_restore.models import Config
from gan_restore.restorers.posterior import PixelPosterior, pixel_posterior

_POSITIVE = (lambda v: v > 0, "> 0")
_SHARE = (lambda v: 0 <= v <= 1, "between 0 and 1")
_RANGE = (lambda v: len(v) == 2 and 0 < v[0] <= v[1], "two numbers above 0, the smaller first")
REQUIREMENTS = {
  "super_resolve_share": _SHARE,
  "colorize_share": _SHARE,
  "inpaint_share": _SHARE,
  "quantize_share": _SHARE,
  "denoise_share": _SHARE,
  "further_damage": _SHARE,
  "blur_share": _SHARE,
  "pixels_share": _SHARE,
  "second_look_share": _SHARE,
  "block_factors": (lambda v: len(v) and min(v) >= 1, "numbers >= 1"),
  "blur_sigmas": _RANGE,
  "rectangle_sides": (lambda v: _RANGE[0](v) and v[1] < 1, "two shares below 1, the smaller first"),
  "pixel_rates": (lambda v: _RANGE[0](v) and v[1] < 1, "two shares below 1, the smaller first"),
  "levels": (lambda v: len(v) == 2 and 2 <= v[0] <= v[1], "two numbers >= 2, the smaller first"),
  "noise_median": _POSITIVE,
  "second_look_median": _POSITIVE,
}


def random_posterior(config: Config, key: jax.Array, x: jax.Array) -> PixelPosterior:
  """Damages each image at random and returns the pixel-wise posterior.

  Each image has one damage, drawn with the probabilities `KIND_share` of the config (KIND is
  super_resolve, colorize, inpaint, quantize or denoise). Each of the other damages is added with
  the probability `further_damage`. The config's fields give the distributions of the strengths.
  With probability `second_look_share` the network also gets a second observation: the whole image
  with noise, as in the steps of the sampler.

  Args:
    config: The run's config.
    key: A random key.
    x: Images [N, S, S, C] in [0, 1].

  Returns:
    The posterior of each image.
  """
  n, size, _, channels = x.shape
  keys = iter(jax.random.split(key, 32))
  coin = lambda p: jax.random.bernoulli(next(keys), p, (n, 1, 1, 1))
  between = lambda low, high: jax.random.uniform(next(keys), (n, 1, 1, 1), x.dtype, low, high)

  def noise_level(median, spread):
    level = median * jnp.exp(spread * jax.random.normal(next(keys), (n, 1, 1, 1)))
    return jnp.clip(level, config.sigma_min, config.sigma_max)

  kinds = ("super_resolve", "colorize", "inpaint", "quantize", "denoise")
  shares = jnp.array([config[f"{kind}_share"] for kind in kinds])
  kind = jax.random.choice(next(keys), len(kinds), (n, 1, 1, 1), p=shares / shares.sum())
  lowered, grey, holed, rounded, noisy = (
    (kind == i) | coin(config.further_damage) for i in range(len(kinds))
  )
  grey &= channels == 3

  # Resolution: the rows and columns of every image are multiplied by a matrix (blocks or blur).
  at = jnp.arange(size)
  blocks = jnp.stack([(at[:, None] // f == at // f) / f for f in config.block_factors])
  blocks = blocks[jax.random.randint(next(keys), (n,), 0, len(blocks))]
  blur = jnp.exp(-0.5 * ((at[:, None] - at) / between(*config.blur_sigmas)[..., 0]) ** 2)
  blur /= blur.sum(-1, keepdims=True)
  low_pass = jnp.where(coin(1 - config.blur_share)[..., 0], blocks, blur)
  low_pass = jnp.where(lowered[..., 0], low_pass, jnp.eye(size))

  # Holes: a rectangle, or single pixels.
  low, high = (size * side for side in config.rectangle_sides)
  height, width = between(low, high), between(low, high)
  top, left = between(0, 1) * (size - height), between(0, 1) * (size - width)
  inside = lambda at, low, length: (at >= low) & (at < low + length)
  rectangle = inside(at[:, None, None], top, height) & inside(at[:, None], left, width)
  pixels = jax.random.uniform(next(keys), (n, size, size, 1)) < between(*config.pixel_rates)
  missing = holed & jnp.where(coin(1 - config.pixels_share), rectangle, pixels)

  def A(x):
    x = jnp.where(grey, operators.hsv_value(x), x)
    x = jnp.einsum("nij,njwc->niwc", low_pass, x)
    x = jnp.einsum("nij,nwjc->nwic", low_pass, x)
    return jnp.where(missing, 0, x)

  noise = jnp.where(noisy, noise_level(config.noise_median, config.noise_spread), 0)
  fewest, most = config.levels
  step = 1 / jax.random.randint(next(keys), (n, 1, 1, 1), fewest - 1, most)
  step = jnp.where(rounded, step, 0)
  y = jnp.clip(A(x) + noise * jax.random.normal(next(keys), x.shape), 0, 1)
  y = jnp.where(rounded, jnp.round(y / jnp.maximum(step, 0.01)) * step, y)
  y = jnp.where(missing, 0, y)
  sigma = jnp.maximum(jnp.sqrt(noise**2 + step**2 / 12), config.sigma_min)

  second_sigma = noise_level(config.second_look_median, config.second_look_spread)
  second_look = x + second_sigma * jax.random.normal(next(keys), x.shape)
  precision = jnp.where(coin(config.second_look_share), 1 / second_sigma**2, 0)
  grey_images = jnp.full_like(x, 0.5)
  return pixel_posterior(
    y, A, sigma, next(keys), grey_images, second_look=second_look, precision=precision
  )
