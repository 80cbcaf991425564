"""Operators that convolve with a kernel: blur, motion blur, defocus, any kernel.

Images x are [N, H, W, C], float32 in [0, 1].
"""

import dataclasses

import dm_pix
import jax
import jax.numpy as jnp
import numpy as np

from gan_restore.degradations import checks
from gan_restore.degradations.operators import base
from gan_restore.degradations.operators.base import (
  STATIC,
  BuiltIn,
  Deviation,
  Shape,
  pytree,
)
from gan_restore.degradations.operators.pixels import multiply_lines

BORDERS = ("mirror", "cut")


# --- Gaussian -----------------------------------------------------------------------------------


@pytree
class Blur(BuiltIn):
  """See `blur`."""

  kind = "blur"
  sigma: float = dataclasses.field(metadata=STATIC)

  @property
  def mixes(self) -> frozenset[str]:
    return frozenset({"pixels"})

  @property
  def _radius(self) -> int:
    return max(1, int(3 * self.sigma + 0.5))

  def __call__(self, x: jax.Array) -> jax.Array:
    r = self._radius
    padded = jnp.pad(x, ((0, 0), (r, r), (r, r), (0, 0)), mode="symmetric")
    with jax.default_matmul_precision("highest"):  # Accelerators' default is less than float32.
      return dm_pix.gaussian_blur(padded, self.sigma, 2 * r + 1, padding="VALID")

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    if not base.is_positive(sigma):
      return 0.0
    rows, columns = (jnp.float32(self._weights(size) ** 2) for size in shape[1:3])
    return jnp.sqrt(multiply_lines(rows, base.spread(sigma, shape) ** 2, columns))

  def kernel(self) -> jax.Array | None:
    at = np.arange(-self._radius, self._radius + 1)
    line = np.exp(-0.5 * (at / self.sigma) ** 2)
    return jnp.asarray(np.outer(line, line)[None] / line.sum() ** 2, jnp.float32)

  def _weights(self, size: int) -> np.ndarray:
    """The matrix [size, size] that blurs a line of `size` pixels."""
    from scipy import ndimage  # Slow to import.

    return ndimage.gaussian_filter1d(
      np.eye(size), self.sigma, axis=0, mode="reflect", radius=self._radius
    )


def blur(sigma: float = 1.5) -> Blur:
  """Convolves with a Gaussian cut at three sigma; the border is mirrored.

  Args:
    sigma: Standard deviation in pixels.

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C].

  Raises:
    ValueError: If sigma is not positive.
  """
  if not 0 < sigma < float("inf"):
    raise ValueError(f"sigma is {sigma!r}; it must be > 0, and finite")
  return Blur(float(sigma))


# --- Any kernel ---------------------------------------------------------------------------------


@pytree
class BlurKernel(BuiltIn):
  """See `blur_kernel`."""

  kind = "blur_kernel"
  weights: jax.Array  # [N or 1, h, w], h and w odd.
  border: str = dataclasses.field(metadata=STATIC, default="mirror")

  @property
  def mixes(self) -> frozenset[str]:
    return frozenset({"pixels"})

  @property
  def _radius(self) -> tuple[int, int]:
    return self.weights.shape[1] // 2, self.weights.shape[2] // 2

  def kernel(self) -> jax.Array | None:
    return self.weights if self.border == "mirror" else None

  def __call__(self, x: jax.Array) -> jax.Array:
    return _convolve(self._pad(x), self.weights)

  def _pad(self, x):
    (down, right), (height, width) = self._radius, x.shape[1:3]
    if self.border == "cut":
      if height <= 2 * down or width <= 2 * right:
        raise ValueError(f"{self.kind}: images of {height}x{width} are smaller than the kernel")
      return x
    if height < down or width < right:
      raise ValueError(f"{self.kind}: images of {height}x{width} are smaller than half the kernel")
    return jnp.pad(x, ((0, 0), (down, down), (right, right), (0, 0)), mode="symmetric")

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    """Next to a mirrored border, a pixel and its mirror image have the same noise. There it is
    exact for one standard deviation, and close to exact if it varies smoothly."""
    if not base.is_positive(sigma):
      return 0.0
    squares = self.weights**2
    energy = jnp.sum(squares, (1, 2))[:, None, None, None]
    if base.is_uniform(sigma):
      variance = jnp.square(sigma) * energy
    else:
      variance = jnp.maximum(_convolve(self._pad(base.spread(sigma, shape) ** 2), squares), 0)
    if self.border == "cut":
      return jnp.sqrt(variance)
    return jnp.sqrt(variance * self._energy(shape[1:3]) / energy)

  def _energy(self, size: Shape) -> jax.Array:
    """The sums of squares [N or 1, H, W, 1] of the weights of a value, where those of a pixel and
    its mirror image are one weight."""
    rows, columns = map(_same_pixels, size, self._radius)
    flipped = self.weights[:, ::-1, ::-1]
    joined = jnp.einsum("nkl,ikm,nmp->nilp", flipped, rows, flipped, precision="highest")
    return jnp.einsum("nilp,jlp->nij", joined, columns, precision="highest")[..., None]

  def image_shape(self, shape: Shape) -> Shape:
    if self.border == "mirror":
      return shape
    (down, right), (n, h, w, c) = self._radius, shape
    return n, h + 2 * down, w + 2 * right, c

  def image_mask(self, mask: jax.Array, shape: Shape) -> jax.Array:
    if self.border == "mirror":
      return mask
    down, right = self._radius
    return jnp.pad(mask, ((0, 0), (down, down), (right, right), (0, 0)))

  def show(self, y: jax.Array) -> jax.Array:
    if self.border == "mirror":
      return y
    down, right = self._radius
    return jnp.pad(y, ((0, 0), (down, down), (right, right), (0, 0)), mode="edge")


def _same_pixels(size, radius):
  """For each of `size` pixels of a line, whether two of its neighbours are the same one after the
  line was mirrored: [size, k, k], for k = 2 radius + 1 neighbours."""
  at = np.pad(np.arange(size), radius, mode="symmetric")
  near = np.lib.stride_tricks.sliding_window_view(at, 2 * radius + 1)
  return jnp.asarray(near[:, :, None] == near[:, None, :], jnp.float32)


def _convolve(x, weights):
  """The convolution, where the kernel lies inside the image: by the Fourier transform, so that it
  takes the same time for every kernel. x [N, H, W, C], weights [N or 1, h, w]."""
  (height, width), (h, w) = x.shape[1:3], weights.shape[1:3]
  transform = lambda v: jnp.fft.rfft2(v, (height, width), axes=(1, 2))
  product = transform(x) * transform(weights[..., None])
  return jnp.fft.irfft2(product, (height, width), axes=(1, 2))[:, h - 1 :, w - 1 :]


def blur_kernel(kernel: jax.Array | np.ndarray, border: str = "mirror") -> BlurKernel:
  """Convolves with a kernel.

  Args:
    kernel: [h, w], or [N, h, w] with one for each image; h and w are odd. Its values are at least
      0, and are divided by their sum.
    border: 'mirror': the image goes on as its mirror image; 'cut': y has only the pixels whose
      kernel lies inside the image.

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C], or [N, H - h + 1, W - w + 1, C] if the border is cut.

  Raises:
    ValueError: For another shape, negative values, a sum of 0, or another border.

  Examples:
    >>> kernel = np.ones((3, 3))
    >>> blur_kernel(kernel, "cut")(jnp.ones((1, 8, 8, 3))).shape
    (1, 6, 6, 3)
  """
  checks.one_of(border, BORDERS, "border")
  if isinstance(kernel, jax.core.Tracer):
    return BlurKernel(kernel if kernel.ndim == 3 else kernel[None], border)
  return BlurKernel(_check_kernel(kernel), border)


def _check_kernel(kernel):
  kernel = np.asarray(kernel, np.float32)
  kernel = kernel[None] if kernel.ndim == 2 else kernel
  if kernel.ndim != 3 or not all(size % 2 for size in kernel.shape[1:]):
    raise ValueError(
      f"kernel has shape {kernel.shape}; it must be [h, w] or [N, h, w], with odd h and w"
    )
  total = kernel.sum((1, 2), keepdims=True)
  if not (np.all(kernel >= 0) and np.all(total > 0)):
    raise ValueError("kernel has negative values or the sum 0; its values must be >= 0")
  return jnp.asarray(kernel / total)


@pytree
class MotionBlur(BlurKernel):
  """See `motion_blur`."""

  kind = "motion_blur"


def motion_blur(length: float = 9.0, angle: float = 0.0, border: str = "mirror") -> MotionBlur:
  """Averages along a straight line: the blur of a camera or an object that moves.

  Args:
    length: Of the line in pixels, at least 1.
    angle: In degrees, counterclockwise from the horizontal line.
    border: As in `blur_kernel`.

  Returns:
    An operator like that of `blur_kernel`.

  Raises:
    ValueError: If the length is below 1, the angle is not finite, or for another border.

  Examples:
    >>> motion_blur(4, 90).weights.shape
    (1, 5, 1)
  """
  checks.at_least(length, 1.0, "length")
  checks.one_of(border, BORDERS, "border")
  if not np.isfinite(angle):
    raise ValueError(f"angle is {angle!r}; it must be finite")
  # The weight of a pixel is the length of the line inside it, measured with many points.
  count = 64 * int(np.ceil(length))
  along = (np.arange(count) + 0.5) / count * length - length / 2
  turned = np.deg2rad(angle)
  points = np.rint(along[:, None] * np.array([-np.sin(turned), np.cos(turned)]).round(9)).astype(
    int
  )
  reach = abs(points).max(0)
  kernel = np.zeros(2 * reach + 1)
  np.add.at(kernel, tuple((points + reach).T), 1 / count)
  return MotionBlur(_check_kernel(kernel), border)


@pytree
class Defocus(BlurKernel):
  """See `defocus`."""

  kind = "defocus"


def defocus(radius: float = 2.0, border: str = "mirror") -> Defocus:
  """Averages over a disk: the blur of a lens that is out of focus.

  Args:
    radius: Of the disk in pixels, above 0.
    border: As in `blur_kernel`.

  Returns:
    An operator like that of `blur_kernel`.

  Raises:
    ValueError: If the radius is not positive, or for another border.
  """
  if not 0 < radius < float("inf"):
    raise ValueError(f"radius is {radius!r}; it must be > 0, and finite")
  checks.one_of(border, BORDERS, "border")
  reach, fine = int(np.ceil(radius - 0.5)), 32  # Each pixel is the mean of 32x32 points.
  at = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
  inside = at[:, None] ** 2 + at**2 <= radius**2
  size = 2 * reach + 1
  return Defocus(_check_kernel(inside.reshape(size, fine, size, fine).mean((1, 3))), border)
