"""Noise: of one strength, of a strength that depends on the image, and of pixels that are hit.

The model A of each is the identity. Images x are [N, H, W, C], float32 in [0, 1]; the noisy images
are clipped to [0, 1].
"""

import abc
import dataclasses
import warnings

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_restore.degradations import checks
from gan_restore.degradations.operators import base
from gan_restore.degradations.operators.base import (
  BuiltIn,
  Deviation,
  Operator,
  Shape,
  pytree,
)


class _Noise(BuiltIn):
  """Base of the noise models."""

  @property
  def reduction(self) -> int | None:
    return 1

  @property
  def unit_range(self) -> bool:
    return False  # Noise need not be clipped.

  def kernel(self) -> jax.Array | None:
    return jnp.ones((1, 1, 1))


# --- Gaussian noise -----------------------------------------------------------------------------


@pytree
class Denoise(_Noise):
  """See `denoise`."""

  kind = "denoise"
  sigma: float | jax.Array | None
  damage: float | jax.Array

  def noise(self, shape: Shape) -> Deviation:
    if self.sigma is None:
      raise ValueError("sigma is None; call operators.given(A, y, shape) first, which estimates it")
    return self.sigma

  def corrupt(self, x: jax.Array, key: jax.Array) -> jax.Array:
    return jnp.clip(x + self.damage * jax.random.normal(key, x.shape), 0, 1)

  def given(self, y: jax.Array, shape: Shape, after: Operator) -> Operator:
    if self.sigma is not None:
      return self
    found: np.ndarray = estimate_sigma(y)
    if not isinstance(after, base.Identity):  # What the estimate is for a known strength.
      white = jax.random.normal(jax.random.key(0), (1, *shape[1:]))  # The same for all images.
      passed = estimate_sigma(after(jnp.broadcast_to(0.5 + _TEST_SIGMA * white, shape)))
      passed = passed / _TEST_SIGMA
      found = found / np.maximum(passed, 0.05)
      if np.any(passed < 0.05):
        raise ValueError(
          "the strength of the noise cannot be estimated after the damages that follow it; it must"
          " be given, such as denoise:0.05"
        )
    return dataclasses.replace(self, sigma=jnp.asarray(found, jnp.float32))


_TEST_SIGMA = 0.05


def denoise(
  sigma: float | jax.Array | None = 0.1, damage: float | jax.Array | None = None
) -> Denoise:
  """The identity; the damage adds Gaussian noise and clips to [0, 1].

  Args:
    sigma: Standard deviation of the noise, for pixels in [0, 1]: a number, [N, 1, 1, 1] with one
      for each image, or [N, H, W, C] with one for each value. None means that it is not known:
      restorers then estimate it for each image from y, by `estimate_sigma`.
    damage: The standard deviation of the noise that `corrupt` adds. The default is sigma, or 0.1 if
      that is None.

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C].

  Raises:
    ValueError: If sigma is negative or above 1.
  """
  known = None if sigma is None else _check_sigma(sigma, "sigma")
  if damage is None:
    return Denoise(known, 0.1 if known is None else known)
  return Denoise(known, _check_sigma(damage, "damage"))


def _check_sigma(sigma, name) -> float | jax.Array:
  """The standard deviation as a Python number, or as an array."""
  if isinstance(sigma, jax.core.Tracer):
    return sigma
  values = np.asarray(sigma)
  if values.ndim not in (0, 4) or not np.issubdtype(values.dtype, np.number):
    raise ValueError(
      f"{name} has dtype {values.dtype} and shape {values.shape}; it must be a number or"
      " [N, H, W, C]"
    )
  if not (values.min() >= 0 and values.max() <= 1):
    found = f"is {sigma!r}" if values.ndim == 0 else f"lies in [{values.min()}, {values.max()}]"
    raise ValueError(f"{name} {found}; it must be between 0 and 1, because pixels are")
  return float(values) if values.ndim == 0 else jnp.asarray(values, jnp.float32)


# R - G and R + G - 2 B, of norm 1, by columns.
_DIFFERENCES = np.array([[1, 1], [-1, 1], [0, -2]], np.float32) / np.sqrt([2, 6], dtype=np.float32)


def estimate_sigma(y: jax.Array | np.ndarray) -> np.ndarray:
  """The standard deviation of white noise in images, from the images alone.

  It is scikit-image's estimate from the finest wavelet coefficients (D. Donoho, I. Johnstone 1994).
  For colour images it is taken from two differences of the channels, R - G and R + G - 2 B, scaled
  to the noise of one channel. Images have less texture there than in the channels. If the channels
  are equal, it is taken from one of them. For images of one channel it is the smaller one of two
  estimates, of all pixels and of every other pixel, so that the pattern of a Bayer filter is not
  taken for noise. Clipping to [0, 1] reduces the noise near black and white; this is corrected for.

  Args:
    y: Images [N, H, W, C] in [0, 1] with noise.

  Returns:
    float32 [N, 1, 1, 1], at least 0.001.

  Raises:
    ValueError: If y is not a batch of images of at least 16x16 pixels, or JAX traces it.
  """
  from skimage import restoration  # Slow to import.

  if isinstance(y, jax.core.Tracer):
    raise ValueError("noise cannot be estimated while JAX traces y; its strength must be given")
  y = np.asarray(y, np.float32)
  if y.ndim != 4 or min(y.shape[1:3]) < 16:
    raise ValueError(
      f"y has shape {y.shape}; noise is estimated from [N, H, W, C] of 16x16 or more"
    )

  def estimate(planes):
    with warnings.catch_warnings():  # A plane of one value has no coefficient that is not 0.
      warnings.simplefilter("ignore", RuntimeWarning)
      return np.nan_to_num(np.mean(restoration.estimate_sigma(planes, channel_axis=-1)))

  found = []
  for image in y:
    grey = image.shape[-1] != 3 or np.mean(np.ptp(image, -1)) < 1 / 255
    image = image[..., :1] if grey else image
    mix = np.eye(1, dtype=np.float32) if grey else _DIFFERENCES
    sigma = estimate(image @ mix)
    if grey:
      others = [estimate(image[i::2, j::2]) for i in (0, 1) for j in (0, 1)]
      sigma = min(sigma, np.mean(others))
    found.append(_undo_clipping(max(sigma, 1e-3), image, mix))
  return np.asarray(found, np.float32).reshape(-1, 1, 1, 1)


def _undo_clipping(found, y, mix):
  """The noise before clipping for which the estimate of y [H, W, C] is `found`, by fixed-point
  iterations. The image without noise is taken to be smooth."""
  from scipy import ndimage, stats  # Slow to import.

  smooth = np.clip(ndimage.gaussian_filter(y, (1.5, 1.5, 0)), 0, 1)
  grid = np.linspace(-5, 5, 41)[:, None]
  weights = stats.norm.pdf(grid) / stats.norm.pdf(grid).sum()
  levels = np.linspace(0, 1, 51)
  drawn = np.abs(np.random.default_rng(0).normal(size=(*y.shape[:2], mix.shape[1])))
  sigma = found
  for _ in range(4):
    clipped = np.clip(levels + sigma * grid, 0, 1)
    mean = np.sum(weights * clipped, 0)
    variance = np.sum(weights * (clipped - mean) ** 2, 0) / np.sum(weights * grid**2)
    # The estimate is a median, here of normal values whose variance differs from pixel to pixel.
    plain, passed = sigma * drawn, np.sqrt(np.interp(smooth, levels, variance) @ mix**2) * drawn
    sigma = found * min(np.median(plain) / max(np.median(passed), 1e-6), 3)
  return min(sigma, 1)


# --- Noise of grey pictures -----------------------------------------------------------------------


@pytree
class Grey(base.Identity):
  """See `grey`."""

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    return sigma * shape[-1] ** 0.5

  def on_noise(self) -> Operator:
    return base.as_operator(_as_independent)

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    return y

  def kernel(self) -> jax.Array | None:
    return jnp.ones((1, 1, 1))


def _as_independent(noise):
  return noise * noise.shape[-1] ** 0.5


def grey() -> Grey:
  """For a grey picture, whose channels are equal: compose(grey(), A).

  The noise of the damage A is then the same in each of the C channels, but restorers take the noise
  of channels for independent. So it is stated as the square root of C times as large. The mean of
  the channels, which is the picture, then has the noise that A states.

  Returns:
    An operator that leaves images as they are.

  Examples:
    >>> from gan_restore import operators
    >>> A = operators.compose(operators.grey(), operators.denoise(0.1))
    >>> round(operators.noise(A, (1, 64, 64, 3)), 3)
    0.173
  """
  return Grey()


# --- Noise that depends on the image ------------------------------------------------------------


@pytree
class _SignalNoise(_Noise, abc.ABC):
  """Base of noise whose variance depends on the value of the pixel.

  Attributes:
    level: The values of the pixels [N, H, W, C] that the variance is computed for, estimated from y
      by `given`; None stands for mid-grey.
  """

  level: jax.Array | None = dataclasses.field(default=None, kw_only=True)

  @abc.abstractmethod
  def variance(self, level: jax.Array) -> jax.Array:
    """The variance of the noise of a pixel whose value is `level`."""

  def noise(self, shape: Shape) -> Deviation:
    return jnp.sqrt(
      self.variance(jnp.full((1, 1, 1, 1), 0.5) if self.level is None else self.level)
    )

  def given(self, y: jax.Array, shape: Shape, after: Operator) -> Operator:
    picture = after.show(y)
    if self.level is not None or picture.shape != tuple(shape):
      return self
    # Holes are black, also those made before. A pixel without photons in a dark part is no hole.
    anywhere = jnp.max(picture, -1, keepdims=True) > 0
    near = lax.reduce_window(anywhere, False, lax.bitwise_or, (1, 3, 3, 1), (1, 1, 1, 1), "SAME")
    known = near.astype(picture.dtype)
    # Of one channel, every other pixel is averaged: those of one colour of a Bayer filter.
    smooth = lambda x: _smooth(x, 2 if x.shape[-1] == 1 else 1)
    level = smooth(picture * known) / jnp.maximum(smooth(known), 1e-3)
    return dataclasses.replace(self, level=jnp.clip(level, 0.02, 1))


def _smooth(x, step):
  """A weighted mean of 5x5 pixels, `step` pixels apart; the border is mirrored."""
  for axis in (1, 2):
    size, pad = x.shape[axis], [(2 * step, 2 * step) if a == axis else (0, 0) for a in range(4)]
    padded = jnp.pad(x, pad, mode="reflect")
    part = lambda i: lax.slice_in_dim(padded, i * step, i * step + size, axis=axis)  # noqa: B023
    x = (part(0) + 4 * part(1) + 6 * part(2) + 4 * part(3) + part(4)) / 16
  return x


@pytree
class PoissonGaussian(_SignalNoise):
  """See `poisson_gaussian`."""

  kind = "poisson_gaussian"
  peak: float
  sigma: float

  def variance(self, level: jax.Array) -> jax.Array:
    return level / self.peak + self.sigma**2

  def corrupt(self, x: jax.Array, key: jax.Array) -> jax.Array:
    photons, electrons = jax.random.split(key)
    y = jax.random.poisson(photons, self.peak * jnp.maximum(x, 0)) / self.peak
    return jnp.clip(y + self.sigma * jax.random.normal(electrons, x.shape), 0, 1)


@pytree
class Poisson(PoissonGaussian):
  """See `poisson`."""

  kind = "poisson"


def poisson(peak: float = 50.0) -> Poisson:
  """The identity; the damage is photon noise: y = Poisson(peak x) / peak, clipped to [0, 1].

  Its variance is x / peak. Restorers estimate it for each value from y.

  Args:
    peak: The mean number of photons of a white pixel, at least 1.

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C].

  Raises:
    ValueError: If the peak is below 1.

  Examples:
    >>> float(poisson(50)(jnp.full((1, 2, 2, 3), 0.5))[0, 0, 0, 0])
    0.5
    >>> round(float(poisson(50).noise((1, 2, 2, 3))[0, 0, 0, 0]), 3)  # Of mid-grey.
    0.1
  """
  checks.at_least(peak, 1.0, "peak")
  return Poisson(float(peak), 0.0)


def poisson_gaussian(peak: float = 100.0, sigma: float = 0.02) -> PoissonGaussian:
  """The identity; the damage is photon noise and then Gaussian noise, as of a camera's sensor.

  Args:
    peak: The mean number of photons of a white pixel, at least 1.
    sigma: Standard deviation of the Gaussian noise, for pixels in [0, 1].

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C].

  Raises:
    ValueError: If the peak is below 1, or sigma is negative or above 1.
  """
  checks.at_least(peak, 1.0, "peak")
  _check_sigma(sigma, "sigma")
  return PoissonGaussian(float(peak), float(sigma))


@pytree
class Speckle(_SignalNoise):
  """See `speckle`."""

  kind = "speckle"
  sigma: float

  def variance(self, level: jax.Array) -> jax.Array:
    return (self.sigma * level) ** 2

  def corrupt(self, x: jax.Array, key: jax.Array) -> jax.Array:
    return jnp.clip(x * (1 + self.sigma * jax.random.normal(key, x.shape)), 0, 1)


def speckle(sigma: float = 0.2) -> Speckle:
  """The identity; the damage multiplies each value by 1 + noise, and clips to [0, 1].

  Args:
    sigma: Standard deviation of the multiplied noise.

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C].

  Raises:
    ValueError: If sigma is negative or above 1.
  """
  _check_sigma(sigma, "sigma")
  return Speckle(float(sigma))


# --- Pixels that are hit ------------------------------------------------------------------------


@pytree
class SaltAndPepper(_Noise):
  """See `salt_and_pepper`."""

  kind = "salt_and_pepper"
  rate: float
  hit: jax.Array | None = None  # [N, H, W, 1], 1 where a pixel was hit.
  values: jax.Array | None = None  # [N, H, W, C], the values of the pixels that were hit.

  def __call__(self, x: jax.Array) -> jax.Array:
    if self.hit is None or self.values is None:
      return x
    return jnp.where(self.hit > 0, self.values, x)

  def corrupt(self, x: jax.Array, key: jax.Array) -> jax.Array:
    where, which = jax.random.split(key)
    hit = jax.random.bernoulli(where, self.rate, (*x.shape[:3], 1))
    return jnp.where(hit, jax.random.bernoulli(which, 0.5, hit.shape).astype(x.dtype), x)

  def given(self, y: jax.Array, shape: Shape, after: Operator) -> Operator:
    picture = after.show(y)
    if self.hit is not None or picture.shape != tuple(shape):
      return self
    noise = after.noise(shape)
    level = jnp.asarray(noise)
    margin = 1 / 510 + 3 * jnp.max(level, tuple(range(1, level.ndim)), keepdims=True)
    black = jnp.all(picture < margin, -1, keepdims=True)
    extreme = black | jnp.all(picture > 1 - margin, -1, keepdims=True)
    if base.is_positive(noise):  # Other pixels may look alike; a hit differs from those around.
      padded = jnp.pad(picture, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")
      rows, columns = picture.shape[1:3]
      around = [padded[:, i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
      far = jnp.abs(picture - jnp.median(jnp.stack(around), 0)) > 0.2
      extreme &= jnp.any(far, -1, keepdims=True)
    return dataclasses.replace(self, hit=extreme.astype(jnp.float32), values=picture)

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    if self.hit is None or not base.is_positive(sigma):
      return sigma
    return sigma * (1 - self.hit)

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    return y if self.hit is None else jnp.where(self.hit > 0, x, y)

  def missing(self, shape: Shape) -> jax.Array | None:
    return self.hit

  def hole(self) -> jax.Array | None:
    return self.hit

  def kernel(self) -> jax.Array | None:
    return None


def salt_and_pepper(rate: float = 0.1) -> SaltAndPepper:
  """The identity; the damage makes single pixels white or black.

  Restorers take the pixels of y that are white or black in all channels for missing, and the others
  for exact. If noise or JPEG followed, they take the pixels that are nearly white or black and
  differ from those around them. After a blur or a lower resolution the pixels cannot be found.

  Args:
    rate: The probability that a pixel is hit, above 0 and below 1.

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C].

  Raises:
    ValueError: If the rate is out of range.
  """
  if not 0 < rate < 1:
    raise ValueError(f"rate is {rate!r}; it must be > 0 and < 1")
  return SaltAndPepper(float(rate))
