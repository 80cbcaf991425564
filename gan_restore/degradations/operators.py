"""Operators A: what happened to an image, as restoration models it.

An operator maps images x [N, H, W, C], float32 in [0, 1], to observations y [N, ...]. Any JAX
function of that kind will do for `restore`; it needs no adjoint and no class. The operators here
are pytrees (their arrays are leaves), so that a jitted function compiles once for all masks of a
shape. An operator knows:

  A(x)                 the model, through which gradients flow (eq. 3 of the MAP paper),
  A.corrupt(x, key)    the damage itself: the model and what it leaves out (noise, rounding),
  A.noise(shape)       the standard deviation of the noise as it stands in y,
  A.propagate(s, shape)   the standard deviation that noise of s in A's input has in A's output,
  A.image_shape(shape)    the shape of the images that become a y of a shape,
  A.project(x, y)      the projection of x onto the images that are consistent with y,
  A.show(y)            y as a picture of the image's size,
  A.missing(shape)     the mask of the pixels that y says nothing about, if there are any.

The functions `corrupt`, `noise`, ... of this module ask the same of any A, plain functions
included. A standard deviation is a number where it is the same everywhere, else an array that
broadcasts against y. Errors of different values of y are taken for independent.
"""

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import dm_pix
import flax
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy import ndimage

from gan_restore.degradations import checks, masks

Shape = tuple[int, ...]
Deviation = float | jax.Array  # A standard deviation: a number, or an array against y.

_PROBES = 64  # Random directions by which a plain function's noise is estimated.


class Operator:
  """Base of the built-in operators: the identity, without noise.

  Attributes:
    kind: The task of this name (see `tasks`); empty for a composition.
  """

  kind: ClassVar[str] = ""

  @property
  def unit_range(self) -> bool:
    """Whether y lies in [0, 1]."""
    return True

  def __call__(self, x: jax.Array) -> jax.Array:
    """The model: images [N, H, W, C] in [0, 1] -> y [N, ...]."""
    return x

  def corrupt(self, x: jax.Array, key: jax.Array) -> jax.Array:
    """The damage: images [N, H, W, C] in [0, 1] -> y [N, ...]."""
    del key
    return self(x)

  def noise(self, shape: Shape) -> Deviation:
    """The standard deviation of what the damage adds to the model, for images of a shape."""
    del shape
    return 0.0

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    """The standard deviation in A(x) of independent noise of `sigma` in images x of a shape."""
    del shape
    return sigma

  def image_shape(self, shape: Shape) -> Shape:
    """The shape [N, H, W, C] of the images that become a y of a shape."""
    return shape

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    """The projection of x [N, H, W, C] onto the images consistent with y; x itself if y leaves no
    value certain."""
    del y
    return x

  def show(self, y: jax.Array) -> jax.Array:
    """y as a picture [N, H, W, C] of the image's size."""
    return y

  def missing(self, shape: Shape) -> jax.Array | None:
    """The mask [N or 1, H, W, 1] of the pixels of images of a shape that y says nothing about, or
    None if it says something about each."""
    del shape
    return None

  def gain(self, shape: Shape) -> float | jax.Array:
    """The scale of y; see the function `gain`."""
    del shape
    return 1.0

  def picture_size(self, shape: Shape) -> tuple[int, int]:
    """(height, width) of the pictures that `observe` takes, for images of a shape."""
    _, height, width, *_ = output_shape(self, shape)
    return height, width


@flax.struct.dataclass
class Inpaint(Operator):
  """See `inpaint`."""

  kind = "inpaint"
  mask: jax.Array

  def __call__(self, x):
    return x * (1 - self.mask)

  def propagate(self, sigma, shape):
    return sigma * (1 - self.mask) if _positive(sigma) else 0.0

  def project(self, x, y):
    return jnp.where(self.mask > 0, x, y)

  def missing(self, shape):
    return self.mask


@flax.struct.dataclass
class Colorize(Operator):
  """See `colorize`."""

  kind = "colorize"
  damage: str = flax.struct.field(pytree_node=False, default="value")

  def __call__(self, x):
    return hsv_value(x)

  def corrupt(self, x, key):
    return luma(x) if self.damage == "luma" else self(x)

  def propagate(self, sigma, shape):
    """That of the largest channel, where one channel is clearly the largest."""
    return jnp.max(sigma, axis=-1, keepdims=True) if jnp.ndim(sigma) else sigma

  def image_shape(self, shape):
    return (*shape[:3], 3)

  def project(self, x, y):
    return x * jnp.maximum(y, 0) / jnp.maximum(self(x), 1e-6)

  def show(self, y):
    return jnp.repeat(y, 3, axis=-1)


@flax.struct.dataclass
class SuperResolve(Operator):
  """See `super_resolve`."""

  kind = "super_resolve"
  factor: int = flax.struct.field(pytree_node=False)

  def __call__(self, x):
    n, h, w, c = x.shape
    f = self.factor
    if h % f or w % f:
      raise ValueError(f"{self.kind}: images of {h}x{w} are not divisible by factor {f}")
    return x.reshape(n, h // f, f, w // f, f, c).mean(axis=(2, 4))

  def propagate(self, sigma, shape):
    if jnp.ndim(sigma) == 0 or sigma.shape[1:3] == (1, 1):
      return sigma / self.factor
    sigma = jnp.broadcast_to(sigma, (sigma.shape[0], *shape[1:3], sigma.shape[-1]))
    return jnp.sqrt(SuperResolve(self.factor)(sigma**2)) / self.factor

  def image_shape(self, shape):
    n, h, w, c = shape
    return n, h * self.factor, w * self.factor, c

  def project(self, x, y):
    return x + enlarge(y - self(x), self.factor)

  def show(self, y):
    return enlarge(y, self.factor)

  def low_resolution(self, y: jax.Array) -> jax.Array:
    """The means of the blocks, one pixel each."""
    return y


@flax.struct.dataclass
class Coarsen(SuperResolve):
  """See `coarsen`."""

  kind = "coarsen"

  def __call__(self, x):
    return enlarge(super().__call__(x), self.factor)

  def propagate(self, sigma, shape):
    sigma = super().propagate(sigma, shape)
    whole = jnp.ndim(sigma) == 0 or sigma.shape[1:3] == (1, 1)
    return sigma if whole else enlarge(sigma, self.factor)

  def image_shape(self, shape):
    return shape

  def project(self, x, y):
    return x + y - self(x)

  def show(self, y):
    return y

  def low_resolution(self, y):
    return y[:, :: self.factor, :: self.factor]

  def picture_size(self, shape):
    return shape[1] // self.factor, shape[2] // self.factor  # The few pixels themselves.


@flax.struct.dataclass
class Denoise(Operator):
  """See `denoise`."""

  kind = "denoise"
  sigma: float = flax.struct.field(pytree_node=False)

  @property
  def unit_range(self):
    return False  # Noise need not be clipped.

  def noise(self, shape):
    return self.sigma

  def corrupt(self, x, key):
    return jnp.clip(x + self.sigma * jax.random.normal(key, x.shape), 0, 1)


@flax.struct.dataclass
class Quantize(Operator):
  """See `quantize`."""

  kind = "quantize"
  levels: int = flax.struct.field(pytree_node=False)

  def noise(self, shape):
    return 1 / (self.levels - 1) / 12**0.5  # Of an error that is uniform over a step.

  def project(self, x, y):
    step = 1 / (self.levels - 1)
    return jnp.clip(x, y - step / 2, y + step / 2)

  def corrupt(self, x, key):
    return jnp.round(x * (self.levels - 1)) / (self.levels - 1)


@flax.struct.dataclass
class Blur(Operator):
  """See `blur`."""

  kind = "blur"
  sigma: float = flax.struct.field(pytree_node=False)

  @property
  def _radius(self):
    return max(1, int(3 * self.sigma + 0.5))

  def __call__(self, x):
    r = self._radius
    padded = jnp.pad(x, ((0, 0), (r, r), (r, r), (0, 0)), mode="symmetric")
    with jax.default_matmul_precision("highest"):  # Accelerators' default is less than float32.
      return dm_pix.gaussian_blur(padded, self.sigma, 2 * r + 1, padding="VALID")

  def propagate(self, sigma, shape):
    if not _positive(sigma):
      return 0.0
    rows, columns = (jnp.float32(self._weights(size) ** 2) for size in shape[1:3])
    sigma = jnp.broadcast_to(sigma, (*jnp.shape(sigma)[:1], *shape[1:3], *jnp.shape(sigma)[3:]))
    sigma = sigma if sigma.ndim == 4 else sigma[None, ..., None]
    exact = lax.Precision.HIGHEST
    return jnp.sqrt(jnp.einsum("ij,njkc,lk->nilc", rows, sigma**2, columns, precision=exact))

  def _weights(self, size):
    """What each pixel of a line of `size` takes of each other one [size, size]."""
    return ndimage.gaussian_filter1d(
      np.eye(size), self.sigma, axis=0, mode="reflect", radius=self._radius
    )


@flax.struct.dataclass
class Compose(Operator):
  """See `compose`. Everything that an operator knows is composed of what its two parts know."""

  outer: Any
  inner: Any

  @property
  def unit_range(self):
    return unit_range(self.outer) and unit_range(self.inner)

  def __call__(self, x):
    return self.outer(self.inner(x))

  def corrupt(self, x, key):
    first, second = jax.random.split(key)
    return corrupt(self.outer, corrupt(self.inner, x, first), second)

  def noise(self, shape):
    between = output_shape(self.inner, shape)
    passed = propagate(self.outer, noise(self.inner, shape), between)
    own = noise(self.outer, between)
    return passed if not _positive(own) else (passed**2 + own**2) ** 0.5

  def propagate(self, sigma, shape):
    return propagate(
      self.outer, propagate(self.inner, sigma, shape), output_shape(self.inner, shape)
    )

  def gain(self, shape):
    return 1.0 if _is_built_in(self) else _row_norms(self, shape)

  def image_shape(self, shape):
    return image_shape(self.inner, image_shape(self.outer, shape))

  def project(self, x, y):
    return project(self.inner, x, project(self.outer, self.inner(x), y))

  def show(self, y):
    return show(self.inner, show(self.outer, y))

  def missing(self, shape):
    """The union of both parts' holes; a hole in fewer pixels than the image has is enlarged."""
    inner = missing(self.inner, shape)
    outer = None
    if _is_built_in(self.inner):  # A plain function may move pixels anywhere.
      outer = missing(self.outer, output_shape(self.inner, shape))
    if outer is not None:
      outer = masks.fit(outer, shape[1:3])
    if inner is None or outer is None:
      return outer if inner is None else inner
    return jnp.maximum(inner, outer)


# --- Making them --------------------------------------------------------------------------------


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


def colorize(damage: str = "value") -> Colorize:
  """Keeps the V channel of HSV, the largest of R, G and B (the MAP paper, section 3.2).

  Args:
    damage: What `corrupt` gives: 'value', the model itself; or 'luma', standard greyscale, with
      which the MAP paper damages its images (section 4.1), while it models them by V all the same.

  Returns:
    An operator [N, H, W, 3] -> [N, H, W, 1].

  Raises:
    ValueError: For another damage.
  """
  if damage not in ("value", "luma"):
    raise ValueError(f"damage is {damage!r}; it must be one of value, luma")
  return Colorize(damage)


def super_resolve(factor: int = 4) -> SuperResolve:
  """Averages blocks of `factor` x `factor` pixels: a low pass and decimation in one.

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
  """Averages blocks of `factor` x `factor` pixels and enlarges them again to the image's size (the
  ResGAN paper's coarse images).

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
  if not 0 < sigma < float("inf"):
    raise ValueError(f"sigma is {sigma!r}; it must be > 0, and finite")
  return Blur(float(sigma))


def compose(outer: Callable, inner: Callable) -> Operator:
  """A(x) = outer(inner(x)): `inner` happened first.

  Args:
    outer: An operator or any JAX function.
    inner: Likewise.

  Returns:
    An operator: the hole of both, if both are `inpaint`.

  Examples:
    >>> import numpy as np
    >>> A = compose(super_resolve(2), blur(1.0))
    >>> A(np.zeros((1, 8, 8, 3), np.float32)).shape
    (1, 4, 4, 3)
    >>> compose(super_resolve(4), denoise(0.1)).noise((1, 8, 8, 3))
    0.025
  """
  outer, inner = as_operator(outer), as_operator(inner)
  if isinstance(outer, Inpaint) and isinstance(inner, Inpaint):
    return Inpaint(jnp.maximum(outer.mask, inner.mask))
  return Compose(outer, inner)


def as_operator(A: Callable) -> Callable:
  """A as a pytree that can enter a jitted function: a plain function is wrapped.

  Raises:
    TypeError: If A is not a function.
  """
  if isinstance(A, Operator | jax.tree_util.Partial):
    return A
  if not callable(A):
    raise TypeError(f"the operator is a {type(A).__name__}; it must be a function of images")
  return jax.tree_util.Partial(A)


# --- What restorers ask of any A ----------------------------------------------------------------


def corrupt(A: Callable, x: jax.Array, key: jax.Array) -> jax.Array:
  """The damage of a built-in operator; of any other function, its value."""
  return A.corrupt(x, key) if isinstance(A, Operator) else A(x)


def unit_range(A: Callable) -> bool:
  """Whether A says that y lies in [0, 1]."""
  return isinstance(A, Operator) and A.unit_range


def noise(A: Callable, shape: Shape) -> Deviation:
  """The standard deviation of the noise as it stands in y, through whatever was applied after it; 0
  of a plain function.

  Args:
    A: The damage.
    shape: [N, H, W, C] of the images.

  Returns:
    A number, or an array that broadcasts against y.

  Examples:
    >>> noise(compose(super_resolve(4), denoise(0.1)), (1, 64, 64, 3))
    0.025
  """
  return A.noise(shape) if isinstance(A, Operator) else 0.0


def propagate(A: Callable, sigma: Deviation, shape: Shape) -> Deviation:
  """The standard deviation in A(x) of independent noise of `sigma` in images x of a shape.

  Of a plain function A it is estimated at grey images by `_PROBES` products of its Jacobian with
  random signs: exact where each value of A(x) depends on one of x, and within a tenth or so where
  it mixes several.
  """
  if isinstance(A, Operator):
    return A.propagate(sigma, shape)
  return jnp.sqrt(_probe(as_operator(A), sigma, shape)) if _positive(sigma) else 0.0


@functools.partial(jax.jit, static_argnums=2)
def _probe(A, sigma, shape):
  """The variance of each value of J n, with J the Jacobian at grey and n noise of `sigma`."""
  _, forward = jax.linearize(A, jnp.full(shape, 0.5))

  def squared(key):
    signs = jax.random.rademacher(key, shape[1:], jnp.float32)
    return forward(jnp.broadcast_to(sigma * signs, shape)) ** 2

  return jnp.mean(lax.map(squared, jax.random.split(jax.random.key(0), _PROBES)), 0)


def gain(A: Callable, shape: Shape) -> float | jax.Array:
  """The scale of A's output, by which restorers divide y and A.

  It is 1 for every built-in operator, as it maps images in [0, 1] to values in [0, 1]. For a plain
  function it is the root of the mean square of its Jacobian's rows that are not zero, at grey
  images.

  Args:
    A: The damage.
    shape: [N, H, W, C] of the images.

  Returns:
    1.0, or an array [N].
  """
  return A.gain(shape) if isinstance(A, Operator) else _row_norms(as_operator(A), shape)


def _row_norms(A, shape) -> jax.Array:
  energy = _probe(A, 1.0, shape).reshape(shape[0], -1)
  count = jnp.maximum(jnp.sum(energy > 0, 1), 1)
  return jnp.maximum(jnp.sqrt(jnp.sum(energy, 1) / count), 1e-9)


def _is_built_in(A) -> bool:
  if isinstance(A, Compose):
    return _is_built_in(A.outer) and _is_built_in(A.inner)
  return isinstance(A, Operator)


def output_shape(A: Callable, shape: Shape) -> Shape:
  """The shape of A(x) for images x of a shape."""
  return jax.eval_shape(A, jax.ShapeDtypeStruct(shape, jnp.float32)).shape


def image_shape(A: Callable, shape: Shape) -> Shape:
  """The shape [N, H, W, C] of the images that become a y of a shape; of a plain function, y's own.

  Examples:
    >>> image_shape(compose(super_resolve(4), colorize()), (2, 16, 16, 1))
    (2, 64, 64, 3)
  """
  return A.image_shape(shape) if isinstance(A, Operator) else tuple(shape)


def project(A: Callable, x: jax.Array, y: jax.Array) -> jax.Array:
  """Projects x onto the images that are consistent with y: known pixels, the means of blocks, V,
  and the interval that each rounded value lies in. Where noise hides the values, and of a plain
  function, it is x itself.

  A composition is projected by one sweep: the inner operator's output first, then the image.

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


def show(A: Callable, y: jax.Array) -> jax.Array:
  """y as a picture [N, H, W, C] of the image's size; of a plain function, y itself.

  Examples:
    >>> import numpy as np
    >>> show(compose(super_resolve(4), colorize()), np.zeros((1, 16, 16, 1))).shape
    (1, 64, 64, 3)
  """
  return A.show(y) if isinstance(A, Operator) else y


def missing(A: Callable, shape: Shape) -> jax.Array | None:
  """The mask [N or 1, H, W, 1] of the pixels of images of a shape that y says nothing about, or
  None; None of a plain function too."""
  return A.missing(shape) if isinstance(A, Operator) else None


def hole(A: Callable) -> jax.Array | None:
  """The mask [N or 1, H, W, 1] of a damage that is a hole alone, so that y holds the other pixels
  as they were; else None."""
  return A.mask if isinstance(A, Inpaint) else None


def observe(A: Callable, picture: jax.Array | np.ndarray, shape: Shape) -> jax.Array:
  """y, from a picture of what was observed: V where A leaves one channel, and in holes what A gives
  (the picture's pixels there are ignored).

  Args:
    A: A built-in operator or a composition of some.
    picture: [N, h, w, 3 or 1] in [0, 1], of y's height and width, or a smaller one whose pixels are
      the blocks of a coarse image.
    shape: [N, H, W, C] of the images.

  Returns:
    y.

  Raises:
    ValueError: If the picture is of another size.
  """
  wanted = output_shape(A, shape)
  factor = wanted[1] // picture.shape[1] if picture.shape[1] else 0
  if (picture.shape[1] * factor, picture.shape[2] * factor) != wanted[1:3]:
    raise ValueError(
      f"the picture has shape {list(picture.shape)}; A gives {list(wanted)} for images"
      f" {list(shape)}"
    )
  y = jnp.asarray(picture)
  y = hsv_value(y) if wanted[-1] == 1 else y
  y = enlarge(y, factor) if factor > 1 else y
  blank, full = A(jnp.zeros(shape)), A(jnp.ones(shape))
  return jnp.where(blank == full, blank, y)


class UnsupportedOperatorError(ValueError):
  """A restorer was given a damage it is not for."""


def expect(name: str, A: Callable, *kinds: str) -> Any:
  """Refuses a damage of any other kind than the given ones.

  Args:
    name: Of the restorer, for the error.
    A: The damage.
    *kinds: Of operators, as `Operator.kind`.

  Returns:
    A.

  Raises:
    UnsupportedOperatorError: In one sentence.
  """
  kind = getattr(A, "kind", None)
  if kind not in kinds:
    given = kind or ("composition" if isinstance(A, Compose) else "function of one's own")
    raise UnsupportedOperatorError(f"{name} is for {' or '.join(kinds)} alone; A is {given}")
  return A


# --- Pixels -------------------------------------------------------------------------------------


@jax.custom_jvp
def hsv_value(x: jax.Array) -> jax.Array:
  """V of HSV, the largest channel: [..., C] -> [..., 1].

  Channels that differ by rounding alone share the gradient. (The gradient of `jnp.max` compares
  with a value that XLA may have computed in another way, and is NaN where no channel equals it.)
  """
  return jnp.max(x, axis=-1, keepdims=True)


@hsv_value.defjvp
def _hsv_value_jvp(primals, tangents):
  (x,), (tangent,) = primals, tangents
  largest = hsv_value(x)
  share = (x > largest - 1e-5).astype(x.dtype)
  share /= jnp.sum(share, axis=-1, keepdims=True)
  return largest, jnp.sum(share * tangent, axis=-1, keepdims=True)


def luma(x: jax.Array) -> jax.Array:
  """Standard greyscale (ITU-R BT.601): 0.299 R + 0.587 G + 0.114 B, [..., 3] -> [..., 1]."""
  weights = jnp.array([0.299, 0.587, 0.114], x.dtype)
  return jnp.sum(x * weights, axis=-1, keepdims=True)


def enlarge(x: jax.Array, factor: int) -> jax.Array:
  """Repeats each pixel: [N, h, w, C] -> [N, h factor, w factor, C]; `jnp.repeat` without a
  gather."""
  n, h, w, c = x.shape
  x = jnp.broadcast_to(x[:, :, None, :, None], (n, h, factor, w, factor, c))
  return x.reshape(n, h * factor, w * factor, c)


def _positive(sigma) -> bool:
  """Whether a standard deviation is not the number 0."""
  return not (isinstance(sigma, int | float) and sigma == 0)
