"""Operators A: what happened to an image, as restoration models it.

An operator maps images x [N, H, W, C] in [0, 1] to observations y [N, ...]. Any JAX function of
that kind will do for `restore`; no adjoint and no class is needed. The ones here are pytrees (their
arrays are leaves), so that a jitted function compiles once for all masks of a shape, and each knows
two things:

  A(x)               the model of eq. 3, through which the search differentiates,
  A.corrupt(x, key)  the damage itself: the model, and whatever it leaves out (noise, rounding).

Restorers ask three more: `noise(A)`, `image_shape(A, shape of y)` and `project(A, x, y)`.
"""

from collections.abc import Callable
from typing import Any

import dm_pix
import flax
import jax
import jax.numpy as jnp

from gan_restore import checks


class Operator:
  """Base of the built-in operators; damage is the model itself unless a subclass says more.

  Attributes:
    noise: Standard deviation of what the damage adds to the model.
  """

  noise = 0.0

  def image_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape [N, H, W, C] of the images that become a y of a shape."""
    return shape

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    """What y tells for certain put into a guess x [N, H, W, C]; x itself if that is nothing."""
    del y
    return x

  def corrupt(self, x: jax.Array, key: jax.Array) -> jax.Array:
    """The damage: x [N, H, W, C] -> y [N, ...] in [0, 1]."""
    del key
    return self(x)


@flax.struct.dataclass
class Inpaint(Operator):
  """See `inpaint`."""

  mask: jax.Array

  def __call__(self, x):
    return x * (1 - self.mask)

  def project(self, x, y):
    return jnp.where(self.mask > 0, x, y)


@flax.struct.dataclass
class Colorize(Operator):
  """See `colorize`."""

  def __call__(self, x):
    return value(x)

  def image_shape(self, shape):
    return (*shape[:3], 3)

  def project(self, x, y):
    return x * y / jnp.maximum(self(x), 1e-6)


@flax.struct.dataclass
class SuperResolve(Operator):
  """See `super_resolve`."""

  factor: int = flax.struct.field(pytree_node=False)

  def __call__(self, x):
    n, h, w, c = x.shape
    f = self.factor
    if h % f or w % f:
      raise ValueError(f"super_resolve: images of {h}x{w} are not divisible by factor {f}")
    return x.reshape(n, h // f, f, w // f, f, c).mean(axis=(2, 4))

  def image_shape(self, shape):
    n, h, w, c = shape
    return n, h * self.factor, w * self.factor, c

  def project(self, x, y):
    return x + enlarge(y - self(x), self.factor)


@flax.struct.dataclass
class Coarsen(Operator):
  """See `coarsen`."""

  factor: int = flax.struct.field(pytree_node=False)

  def __call__(self, x):
    return enlarge(SuperResolve(self.factor)(x), self.factor)

  def project(self, x, y):
    return x + y - self(x)


@flax.struct.dataclass
class Denoise(Operator):
  """See `denoise`."""

  sigma: float = flax.struct.field(pytree_node=False)

  def __call__(self, x):
    return x

  @property
  def noise(self):
    return self.sigma

  def corrupt(self, x, key):
    return jnp.clip(x + self.sigma * jax.random.normal(key, x.shape), 0, 1)


@flax.struct.dataclass
class Quantize(Operator):
  """See `quantize`."""

  levels: int = flax.struct.field(pytree_node=False)

  def __call__(self, x):
    return x

  @property
  def noise(self):
    return 1 / (self.levels - 1) / 12**0.5  # Of what is uniform over a step.

  def project(self, x, y):
    step = 1 / (self.levels - 1)
    return jnp.clip(x, y - step / 2, y + step / 2)

  def corrupt(self, x, key):
    del key
    return jnp.round(x * (self.levels - 1)) / (self.levels - 1)


@flax.struct.dataclass
class Blur(Operator):
  """See `blur`."""

  sigma: float = flax.struct.field(pytree_node=False)

  def __call__(self, x):
    radius = max(1, int(3 * self.sigma + 0.5))
    padded = jnp.pad(x, ((0, 0), (radius, radius), (radius, radius), (0, 0)), mode="symmetric")
    return dm_pix.gaussian_blur(padded, self.sigma, 2 * radius + 1, padding="VALID")


@flax.struct.dataclass
class Compose(Operator):
  """See `compose`."""

  outer: Any
  inner: Any

  def __call__(self, x):
    return self.outer(self.inner(x))

  @property
  def noise(self):
    return (noise(self.outer) ** 2 + noise(self.inner) ** 2) ** 0.5

  def image_shape(self, shape):
    return image_shape(self.inner, image_shape(self.outer, shape))

  def corrupt(self, x, key):
    first, second = jax.random.split(key)
    return corrupt(self.outer, corrupt(self.inner, x, first), second)


def inpaint(mask: jax.Array) -> Inpaint:
  """Blanks the missing pixels: A(x) = x (1 - mask).

  Args:
    mask: [H, W], [H, W, 1] or [N, H, W, 1], 1 where the pixel is missing, 0 where it is known.

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C].

  Raises:
    ValueError: If the mask has another shape, is not binary, or misses no or every pixel.

  Examples:
    >>> import numpy as np
    >>> A = inpaint(np.eye(4))
    >>> float(A(np.ones((1, 4, 4, 3), np.float32)).sum())
    36.0
  """
  return Inpaint(checks.mask(mask))


def colorize() -> Colorize:
  """Keeps the V channel of HSV, the largest of R, G and B (the MAP paper, section 3.2).

  Returns:
    An operator [N, H, W, 3] -> [N, H, W, 1].
  """
  return Colorize()


@jax.custom_jvp
def value(x: jax.Array) -> jax.Array:
  """V of HSV, the largest channel: [..., C] -> [..., 1].

  Channels that are as large but for rounding share the gradient. (That of `jnp.max` asks which are
  equal to it, which none may be once XLA has computed them twice: 0 / 0.)
  """
  return jnp.max(x, axis=-1, keepdims=True)


@value.defjvp
def _value_jvp(primals, tangents):
  (x,), (tangent,) = primals, tangents
  largest = value(x)
  share = (x > largest - 1e-5).astype(x.dtype)
  share /= jnp.sum(share, axis=-1, keepdims=True)
  return largest, jnp.sum(share * tangent, axis=-1, keepdims=True)


def super_resolve(factor: int = 4) -> SuperResolve:
  """Averages blocks of `factor` x `factor`: a low pass and decimation in one.

  Args:
    factor: Must divide the images' height and width.

  Returns:
    An operator [N, H, W, C] -> [N, H / factor, W / factor, C].

  Raises:
    ValueError: If the factor is below 1.
  """
  checks.at_least(factor, 1, "factor")
  return SuperResolve(int(factor))


def coarsen(factor: int = 8) -> Coarsen:
  """Averages blocks of `factor` x `factor` and enlarges them again: the detail is gone, the coarse
  space stays (the ResGAN paper's coarse images).

  Args:
    factor: Must divide the images' height and width.

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C].

  Raises:
    ValueError: If the factor is below 1.

  Examples:
    >>> import numpy as np
    >>> y = coarsen(2)(np.arange(16.0).reshape(1, 4, 4, 1))
    >>> [float(v) for v in y[0, 0, :, 0]]
    [2.5, 2.5, 4.5, 4.5]
  """
  checks.at_least(factor, 1, "factor")
  return Coarsen(int(factor))


def enlarge(x: jax.Array, factor: int) -> jax.Array:
  """Repeats each pixel: [N, h, w, C] -> [N, h factor, w factor, C]. `jnp.repeat`, but no gather."""
  n, h, w, c = x.shape
  x = jnp.broadcast_to(x[:, :, None, :, None], (n, h, factor, w, factor, c))
  return x.reshape(n, h * factor, w * factor, c)


def denoise(sigma: float = 0.1) -> Denoise:
  """The identity; the damage adds Gaussian noise and clips to [0, 1].

  Args:
    sigma: Standard deviation of the noise, for pixels in [0, 1].

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C].

  Raises:
    ValueError: If sigma is negative.
  """
  checks.at_least(sigma, 0.0, "sigma")
  return Denoise(float(sigma))


def quantize(levels: int = 5) -> Quantize:
  """The identity; the damage rounds to equally spaced levels.

  Rounding has no useful gradient, so the model leaves it out (the MAP paper, section 3.2).

  Args:
    levels: How many values a channel can take, 0 and 1 among them.

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C].

  Raises:
    ValueError: If there are fewer than two levels.
  """
  checks.at_least(levels, 2, "levels")
  return Quantize(int(levels))


def blur(sigma: float = 1.5) -> Blur:
  """Convolves with a Gaussian cut at three sigma; the border is mirrored.

  Args:
    sigma: Standard deviation in pixels.

  Returns:
    An operator [N, H, W, C] -> [N, H, W, C].

  Raises:
    ValueError: If sigma is not positive.
  """
  if not sigma > 0:
    raise ValueError(f"sigma is {sigma!r}; wanted above 0")
  return Blur(float(sigma))


def compose(outer: Callable, inner: Callable) -> Compose:
  """A(x) = outer(inner(x)): `inner` happened first.

  Args:
    outer: An operator or any JAX function.
    inner: Likewise.

  Returns:
    An operator.

  Examples:
    >>> import numpy as np
    >>> A = compose(super_resolve(2), blur(1.0))
    >>> A(np.zeros((1, 8, 8, 3), np.float32)).shape
    (1, 4, 4, 3)
  """
  return Compose(as_operator(outer), as_operator(inner))


def as_operator(A: Callable) -> Callable:
  """A as a pytree that can enter a jitted function: a plain function is wrapped."""
  if isinstance(A, (Operator, jax.tree_util.Partial)):
    return A
  if not callable(A):
    raise TypeError(f"the operator is a {type(A).__name__}; wanted a function of images")
  return jax.tree_util.Partial(A)


def corrupt(A: Callable, x: jax.Array, key: jax.Array) -> jax.Array:
  """The damage of a built-in operator; of any other function, its value."""
  return A.corrupt(x, key) if isinstance(A, Operator) else A(x)


def noise(A: Callable) -> float:
  """Standard deviation of what the damage adds to the model; 0 of any function but an operator."""
  return A.noise if isinstance(A, Operator) else 0.0


def image_shape(A: Callable, shape: tuple[int, ...]) -> tuple[int, ...]:
  """Shape [N, H, W, C] of the images that become a y of a shape; of a function that is no operator,
  y's own.

  Examples:
    >>> image_shape(compose(super_resolve(4), colorize()), (2, 16, 16, 1))
    (2, 64, 64, 3)
  """
  return A.image_shape(shape) if isinstance(A, Operator) else tuple(shape)


def project(A: Callable, x: jax.Array, y: jax.Array) -> jax.Array:
  """What y tells for certain put into a guess: known pixels, the means of blocks, V, the step that
  each rounded value is in. Of damage that tells nothing for certain, and of a function that is no
  operator, the guess itself.

  Args:
    A: The damage.
    x: Images [N, H, W, C] in [0, 1].
    y: What was observed.

  Returns:
    [N, H, W, C].

  Examples:
    >>> import numpy as np
    >>> x, y = np.array([0.1, 0.2, 0.3, 0.4]).reshape(1, 2, 2, 1), np.full((1, 1, 1, 1), 0.5)
    >>> [round(float(v), 2) for v in project(super_resolve(2), x, y).ravel()]
    [0.35, 0.45, 0.55, 0.65]
  """
  return A.project(x, y) if isinstance(A, Operator) else x
