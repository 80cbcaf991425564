"""The base class of operators, and the functions of any A that restorers call.

Images x are [N, H, W, C], float32 in [0, 1]; observations y are [N, ...].
"""

from collections.abc import Callable
from typing import Any, ClassVar

import flax
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_restore.degradations import checks, masks

Shape = tuple[int, ...]
Deviation = float | jax.Array  # A standard deviation: a number, or an array that broadcasts to y.

_PROBES = 64  # Random directions from which the noise of a plain function is estimated.


class Operator:
  """Base of the built-in operators: the identity, without noise.

  Attributes:
    kind: The name of the task with this operator (see `tasks`); empty for a composition.
  """

  kind: ClassVar[str] = ""

  @property
  def unit_range(self) -> bool:
    """Whether y lies in [0, 1]."""
    return True

  @property
  def mixes(self) -> frozenset[str]:
    """What a value of y depends on several of, so that noise in y is correlated: "pixels",
    "channels", both or neither."""
    return frozenset()

  @property
  def reduction(self) -> int | None:
    """The number of the image's pixels along an axis for one of y, if a tile of y depends only on
    the same tile of the image; else None. See the function `crop`."""
    return None

  @property
  def is_built_in(self) -> bool:
    """Whether this operator, and every part of it, is one of this package."""
    return True

  @property
  def without_grey(self) -> "Operator":
    """The damage to a grey picture without `operators.grey`, if that was composed with it."""
    return self

  def __call__(self, x: jax.Array) -> jax.Array:
    """The model: images x [N, H, W, C] in [0, 1] -> y [N, ...]."""
    return x

  def corrupt(self, x: jax.Array, key: jax.Array) -> jax.Array:
    """The damage: images x [N, H, W, C] in [0, 1] -> y [N, ...], with a random key."""
    del key
    return self(x)

  def given(self, y: jax.Array, shape: Shape, after: Callable) -> "Operator":
    """A copy of this operator with everything that can be estimated from y: the unknown strength of
    the noise, the noise at each pixel, the pixels that were hit.

    Args:
      y: What was observed, [N, ...].
      shape: The shape [N, H, W, C] of this operator's images.
      after: What was applied after this operator.

    Returns:
      The operator.

    Raises:
      ValueError: If a strength is not known and cannot be estimated from y.
    """
    del y, shape, after
    return self

  def noise(self, shape: Shape) -> Deviation:
    """The standard deviation of what the damage adds to the model, for images of a shape."""
    del shape
    return 0.0

  def noise_after(self, after: Callable, shape: Shape) -> Deviation:
    """`noise` after everything that was applied after this operator; see `noise_after`."""
    own = self.noise(shape)
    return propagate(after, own, output_shape(self, shape)) if is_positive(own) else own

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    """The standard deviation in A(x) of independent noise of `sigma` in images x of a shape."""
    del shape
    return sigma

  def on_noise(self) -> Callable:
    """The function that noise in x passes through. It is the model itself, except for operators
    that say otherwise."""
    return self

  def image_shape(self, shape: Shape) -> Shape:
    """The shape [N, H, W, C] of the images, given the shape of y."""
    return shape

  def project(self, x: jax.Array, y: jax.Array) -> jax.Array:
    """The projection of x [N, H, W, C] onto the images consistent with y; x itself if y
    determines no value exactly."""
    del y
    return x

  def show(self, y: jax.Array) -> jax.Array:
    """y as a picture [N, H, W, C] of the image's size."""
    return y

  def read(self, picture: jax.Array) -> jax.Array:
    """y, given a picture [N, h, w, C] of y."""
    return picture

  def missing(self, shape: Shape) -> jax.Array | None:
    """The mask [N or 1, H, W, 1] of the pixels on which y does not depend, for images of a shape;
    None if y depends on every pixel."""
    del shape
    return None

  def image_mask(self, mask: jax.Array, shape: Shape) -> jax.Array:
    """The mask [N or 1, H, W, 1] of images of a shape, for a mask [N or 1, h, w, 1] of y."""
    return masks.fit(mask, (shape[1], shape[2]))

  def hole(self) -> jax.Array | None:
    """The mask [N or 1, H, W, 1] of an operator that only blanks pixels; None of any other."""
    return None

  def kernel(self) -> jax.Array | None:
    """The kernel [N or 1, h, w] of a damage that only convolves and adds noise; None of any
    other."""
    return None

  def crop(self, tile: "Tile", shape: Shape) -> "Operator":
    """This operator for a tile of images of a shape; see the function `crop`."""
    top, left, height, width = tile
    whole = lambda x: jnp.ndim(x) == 4 and jnp.shape(x)[1:3] == tuple(shape[1:3])
    cut = lambda x: x[:, top : top + height, left : left + width] if whole(x) else x
    return jax.tree.map(cut, self)

  def gain(self, shape: Shape) -> float | jax.Array:
    """The scale of y for images of a shape; see the function `gain`."""
    del shape
    return 1.0

  def picture_size(self, shape: Shape) -> tuple[int, int]:
    """(height, width) of the pictures that `observe` takes, for images of a shape."""
    _, height, width, *_ = output_shape(self, shape)
    return height, width


@flax.struct.dataclass
class Identity(Operator):
  """The damage that leaves images as they are."""

  @property
  def reduction(self) -> int | None:
    return 1


def as_operator(A: Callable) -> Callable:
  """A as a pytree that can be an argument of a jitted function: a plain function is wrapped.

  Args:
    A: An operator or any JAX function.

  Returns:
    A itself if it is an operator, else a `jax.tree_util.Partial` of it.

  Raises:
    TypeError: If A is not a function.
  """
  if isinstance(A, Operator | jax.tree_util.Partial):
    return A
  if not callable(A):
    raise TypeError(f"the operator is a {type(A).__name__}; it must be a function of images")
  return jax.tree_util.Partial(A)


class UnsupportedOperatorError(ValueError):
  """The restorer does not support this kind of damage."""


def expect(name: str, A: Callable, *kinds: str) -> Any:
  """Raises an error unless A is of one of the given kinds.

  Args:
    name: The restorer's name, for the error.
    A: The damage.
    *kinds: The kinds, as `Operator.kind`.

  Returns:
    A; of a grey picture, the damage without `operators.grey`.

  Raises:
    UnsupportedOperatorError: If A is of another kind.
  """
  A = A.without_grey if isinstance(A, Operator) else A
  if getattr(A, "kind", None) not in kinds:
    raise unsupported(name, " or ".join(kinds), A)
  return A


def unsupported(name: str, supported: str, A: Callable) -> UnsupportedOperatorError:
  """The error of a restorer that does not support A.

  Args:
    name: The restorer's name.
    supported: What it restores.
    A: The damage.

  Returns:
    The error.
  """
  kind = getattr(A, "kind", None)
  found = kind or ("a composition" if isinstance(A, Operator) else "a plain function")
  return UnsupportedOperatorError(f"{name} restores only {supported}; A is {found}")


# --- Functions of any A -------------------------------------------------------------------------


def corrupt(A: Callable, x: jax.Array, key: jax.Array) -> jax.Array:
  """The damage of an operator; for a plain function, its value.

  Args:
    A: The damage.
    x: Images [N, H, W, C] in [0, 1].
    key: A random key, for the noise.

  Returns:
    y [N, ...].
  """
  return A.corrupt(x, key) if isinstance(A, Operator) else A(x)


def given(A: Callable, y: jax.Array, shape: Shape, after: Callable | None = None) -> Callable:
  """A with everything that can be estimated from y; see `Operator.given`.

  Args:
    A: The damage.
    y: What was observed [N, ...].
    shape: [N, H, W, C] of the images.
    after: What was applied after A, if anything.

  Returns:
    The operator; a plain function itself.

  Raises:
    ValueError: If a strength is not known and cannot be estimated from y.

  Examples:
    >>> import numpy as np
    >>> from gan_restore import operators
    >>> noisy = 0.5 + 0.1 * np.random.default_rng(0).normal(size=(1, 64, 64, 3))
    >>> A = given(operators.denoise(None), noisy, noisy.shape)
    >>> round(float(noise(A, noisy.shape)[0, 0, 0, 0]), 2)
    0.1
  """
  return A.given(y, tuple(shape), after or Identity()) if isinstance(A, Operator) else A


def prepare(
  y: jax.Array | np.ndarray, A: Callable, image_shape: Shape
) -> tuple[jax.Array, Callable]:
  """The arguments of a restorer, checked and completed: what every restorer does first.

  Args:
    y: What was observed [N, ...].
    A: The damage: an operator or any JAX function.
    image_shape: [H, W, C] of the images.

  Returns:
    (y, A): y as float32, and A as a pytree, completed by `given`.

  Raises:
    TypeError: If y is not floating or A is not a function.
    ValueError: If y holds NaN, leaves the operator's range, or has a shape that A does not give; or
      if a strength is not known and cannot be estimated from y.
  """
  A = as_operator(A)
  y = checks.observation(y, A, image_shape)
  return y, given(A, y, (len(y), *image_shape))


def unit_range(A: Callable) -> bool:
  """Whether A states that y lies in [0, 1]; False for a plain function."""
  return isinstance(A, Operator) and A.unit_range


def noise(A: Callable, shape: Shape) -> Deviation:
  """The standard deviation of the noise in y, after everything that was applied to the noise.

  Args:
    A: The damage.
    shape: [N, H, W, C] of the images.

  Returns:
    A number, or an array that broadcasts against y; 0 for a plain function.

  Examples:
    >>> from gan_restore import operators
    >>> noise(operators.compose(operators.super_resolve(4), operators.denoise(0.1)), (1, 64, 64, 3))
    0.025
  """
  return A.noise(shape) if isinstance(A, Operator) else 0.0


def noise_after(A: Callable, after: Callable, shape: Shape) -> Deviation:
  """The standard deviation in after(y) of the noise in y.

  Args:
    A: The damage.
    after: What was applied after A.
    shape: [N, H, W, C] of the images.

  Returns:
    A number, or an array that broadcasts against after(y); 0 for a plain function.

  Examples:
    >>> from gan_restore import operators
    >>> noise_after(operators.denoise(0.1), operators.super_resolve(4), (1, 64, 64, 3))
    0.025
  """
  return A.noise_after(after, shape) if isinstance(A, Operator) else 0.0


def propagate(A: Callable, sigma: Deviation, shape: Shape) -> Deviation:
  """The standard deviation in A(x) of independent noise in x.

  For a plain function, and for a composition that mixes pixels twice or channels twice, it is
  estimated from products of the Jacobian with 64 random vectors of signs. The estimate is exact
  where each value of A(x) depends on one value of x. Otherwise its error is about 10%.

  Args:
    A: The damage.
    sigma: The standard deviation of the noise in x: a number, or an array that broadcasts to x.
    shape: [N, H, W, C] of x.

  Returns:
    A number, or an array that broadcasts against A(x).
  """
  if isinstance(A, Operator):
    return A.propagate(sigma, shape)
  return probe(A, sigma, shape)


def probe(A: Callable, sigma: Deviation | jax.tree_util.Partial, shape: Shape) -> Deviation:
  """`propagate` by random probes of the Jacobian, for any A.

  It is taken at an image of one colour that is not grey, because V of HSV has no single gradient at
  grey. Of correlated noise, `sigma` is the linear function that makes it from independent values of
  the variance 1.
  """
  if not callable(sigma) and not is_positive(sigma):
    return 0.0
  A = A.on_noise() if isinstance(A, Operator) else A
  color = np.array([0.45, 0.55, 0.5] if shape[-1] == 3 else 0.5, np.float32)
  around = jnp.broadcast_to(color, shape)
  return jnp.sqrt(_probe(as_operator(A), sigma, around))


@jax.jit
def _probe(A, sigma, around):
  """The variance of each value of J n, with A's Jacobian J at the images `around` and noise n of
  `sigma`, as in `probe`."""
  shape = around.shape
  _, forward = jax.linearize(A, around)

  def squared(key):
    signs = jax.random.rademacher(key, shape[1:], jnp.float32)
    noise = sigma(signs[None]) if callable(sigma) else sigma * signs
    return forward(jnp.broadcast_to(noise, shape)) ** 2

  return jnp.mean(lax.map(squared, jax.random.split(jax.random.key(0), _PROBES)), 0)


def gain(A: Callable, shape: Shape) -> float | jax.Array:
  """The scale of A's output, by which restorers divide y and A.

  It is 1 for every built-in operator, because it maps images in [0, 1] to values in [0, 1]. For a
  plain function it is the root mean square of the norms of its Jacobian's rows at grey images,
  without rows of zeros.

  Args:
    A: The damage.
    shape: [N, H, W, C] of the images.

  Returns:
    1.0, or an array [N].
  """
  return A.gain(shape) if isinstance(A, Operator) else row_norms(A, shape)


def row_norms(A: Callable, shape: Shape) -> jax.Array:
  """The root mean square [N] of the norms of the Jacobian's rows at grey images; see `gain`.

  Args:
    A: The damage.
    shape: [N, H, W, C] of the images.

  Returns:
    [N], above 0.
  """
  energy = _probe(as_operator(A), 1.0, jnp.full(shape, 0.5)).reshape(shape[0], -1)
  count = jnp.maximum(jnp.sum(energy > 0, 1), 1)
  return jnp.maximum(jnp.sqrt(jnp.sum(energy, 1) / count), 1e-9)


def mixes(A: Callable) -> frozenset[str]:
  """What a value of y depends on several of: "pixels" and "channels"; both for a plain function."""
  return A.mixes if isinstance(A, Operator) else frozenset({"pixels", "channels"})


def is_built_in(A: Callable) -> bool:
  """Whether A, and every part of it, is an operator of this package."""
  return isinstance(A, Operator) and A.is_built_in


def output_shape(A: Callable, shape: Shape) -> Shape:
  """The shape of A(x) for images x of a shape [N, H, W, C]; A is traced, not computed."""
  return jax.eval_shape(A, jax.ShapeDtypeStruct(shape, jnp.float32)).shape


def image_shape(A: Callable, shape: Shape) -> Shape:
  """The shape of the images, given the shape of y.

  Args:
    A: The damage.
    shape: The shape of y.

  Returns:
    [N, H, W, C]; for a plain function, y's own shape.

  Raises:
    ValueError: If A is an operator and the shape is not [N, h, w, C].

  Examples:
    >>> from gan_restore import operators
    >>> A = operators.compose(operators.super_resolve(4), operators.colorize())
    >>> image_shape(A, (2, 16, 16, 1))
    (2, 64, 64, 3)
  """
  if not isinstance(A, Operator):
    return tuple(shape)
  if len(shape) != 4:
    raise ValueError(f"y has shape {list(shape)}; it must be [N, h, w, C] (one image is y[None])")
  return A.image_shape(shape)


def project(A: Callable, x: jax.Array, y: jax.Array) -> jax.Array:
  """Projects x onto the images that are consistent with y.

  Consistent images have the known pixels, block means and V that y states, and each value that was
  rounded lies within half a step of y. Where y is noisy, and for a plain function, x is returned
  unchanged. A composition is projected in two steps: first the output of the inner operator, then
  the image.

  Args:
    A: The damage.
    x: Images [N, H, W, C] in [0, 1].
    y: What was observed.

  Returns:
    [N, H, W, C].

  Examples:
    >>> import numpy as np
    >>> from gan_restore import operators
    >>> x, y = np.array([0.1, 0.2, 0.3, 0.4]).reshape(1, 2, 2, 1), np.full((1, 1, 1, 1), 0.5)
    >>> [round(float(v), 2) for v in project(operators.super_resolve(2), x, y).ravel()]
    [0.35, 0.45, 0.55, 0.65]
  """
  return A.project(x, y) if isinstance(A, Operator) else x


def show(A: Callable, y: jax.Array) -> jax.Array:
  """y as a picture of the image's size.

  Args:
    A: The damage.
    y: What was observed.

  Returns:
    [N, H, W, C]; for a plain function, y itself.

  Examples:
    >>> import numpy as np
    >>> from gan_restore import operators
    >>> A = operators.compose(operators.super_resolve(4), operators.colorize())
    >>> show(A, np.zeros((1, 16, 16, 1))).shape
    (1, 64, 64, 3)
  """
  return A.show(y) if isinstance(A, Operator) else y


def missing(A: Callable, shape: Shape) -> jax.Array | None:
  """The mask of the pixels that y does not depend on.

  Args:
    A: The damage.
    shape: [N, H, W, C] of the images.

  Returns:
    [N or 1, H, W, 1], 1 where the pixel is missing; None if there are none, or for a plain
    function.
  """
  return A.missing(shape) if isinstance(A, Operator) else None


def hole(A: Callable) -> jax.Array | None:
  """The mask of a damage that only blanks pixels, so that y holds the other pixels unchanged.

  Args:
    A: The damage.

  Returns:
    [N or 1, H, W, 1], 1 where the pixel is missing; None for any other damage.
  """
  return A.hole() if isinstance(A, Operator) else None


def read(A: Callable, picture: jax.Array) -> jax.Array:
  """y, given a picture [N, h, w, C] of y, for example a grey photograph as RGB.

  Args:
    A: The damage.
    picture: [N, h, w, C] in [0, 1].

  Returns:
    [N, h, w, 1] if A keeps one channel; otherwise the picture, as for a plain function.
  """
  return A.read(picture) if isinstance(A, Operator) else picture


Tile = tuple[int, int, int, int]  # The first row and column, the height and the width.


def crop(A: Any, y: jax.Array, tile: Tile, shape: Shape) -> tuple[jax.Array, Any]:
  """The part of y and A that belongs to a tile of the images.

  Args:
    A: An operator with a `reduction`.
    y: What was observed [N, h, w, C].
    tile: The tile, in pixels of the image. It begins at multiples of 16, and its sides are
      multiples of the `reduction`.
    shape: [N, H, W, C] of the images.

  Returns:
    (y, A) of the tile.

  Examples:
    >>> import numpy as np
    >>> from gan_restore import operators
    >>> A = operators.compose(operators.super_resolve(2), operators.inpaint(np.eye(64)))
    >>> y, tile = crop(A, np.zeros((1, 32, 32, 3)), (16, 0, 32, 48), (1, 64, 64, 3))
    >>> y.shape, tile.inner.mask.shape
    ((1, 16, 24, 3), (1, 32, 48, 1))
  """
  top, left, height, width = (side // A.reduction for side in tile)
  return y[:, top : top + height, left : left + width], A.crop(tile, shape)


def kernel(A: Callable) -> jax.Array | None:
  """The kernel of a damage that only convolves images, at a mirrored border, and adds noise.

  Args:
    A: The damage.

  Returns:
    [N or 1, h, w] with the sum 1, for noise alone [[[1]]]; None for any other damage.

  Examples:
    >>> from gan_restore import operators
    >>> kernel(operators.compose(operators.denoise(0.1), operators.motion_blur(5))).shape
    (1, 1, 5)
  """
  return A.kernel() if isinstance(A, Operator) else None


def spread(sigma: Deviation, shape: Shape) -> jax.Array:
  """A standard deviation as an array [N or 1, H, W, C or 1], for images of a shape."""
  sigma = jnp.asarray(sigma)
  sigma = sigma.reshape((1,) * (4 - sigma.ndim) + sigma.shape)
  return jnp.broadcast_to(sigma, (sigma.shape[0], *shape[1:3], sigma.shape[-1]))


def is_positive(sigma: Deviation) -> bool:
  """Whether a standard deviation is anything but the number 0."""
  return not (isinstance(sigma, int | float) and sigma == 0)


def is_uniform(sigma: Deviation) -> bool:
  """Whether a standard deviation is the same for all pixels of an image: a number, or an array that
  can be treated as one."""
  return isinstance(sigma, int | float) or sigma.ndim == 0 or sigma.shape[1:3] == (1, 1)
