"""The base class of operators.

Images x are [N, H, W, C], float32 in [0, 1]; observations y are [N, ...].
"""

import dataclasses
from collections.abc import Callable
from typing import ClassVar, TypeVar, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_restore.degradations import masks

Shape = tuple[int, ...]
Deviation = float | jax.Array  # A standard deviation: a number, or an array that broadcasts to y.
Tile = tuple[int, int, int, int]  # The first row and column, the height and the width.

STATIC = {"static": True}  # The metadata of a field that is no child, as in JAX's dataclasses.

_PROBES = 64  # Random directions from which the noise of a plain function is estimated.


_Class = TypeVar("_Class", bound=type)


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def pytree(cls: _Class) -> _Class:
  """Makes a class of operators an immutable dataclass and a pytree.

  Its fields are children, so that a jitted function compiles once for all their values, except
  those with `metadata=STATIC`, such as a factor or a name, which belong to the structure.

  `flax.struct.dataclass` and `jax.tree_util.register_dataclass` must not be used for operators: in
  JAX 0.10, the structures of two such classes compare equal if their static fields do. Although
  their hashes differ, a jitted function then takes now and then the program that was compiled for
  another operator. The type is compared if a class is registered as here.

  Args:
    cls: A subclass of `Operator`.

  Returns:
    The same class.

  Examples:
    >>> @pytree
    ... class Brighten(Operator):
    ...   factor: float
    ...   def __call__(self, x):
    ...     return self.factor * x
    >>> jax.tree.leaves(Brighten(1.2))
    [1.2]
  """
  dataclasses.dataclass(frozen=True)(cls)
  static = [f.name for f in dataclasses.fields(cls) if f.metadata.get("static")]
  children = [f.name for f in dataclasses.fields(cls) if f.name not in static]
  values = lambda operator, names: tuple(getattr(operator, name) for name in names)

  def flatten(operator):
    return values(operator, children), values(operator, static)

  def flatten_with_keys(operator):
    keys = map(jax.tree_util.GetAttrKey, children)
    return tuple(zip(keys, values(operator, children))), values(operator, static)

  def unflatten(others, own):
    return cls(**dict(zip(children, own)), **dict(zip(static, others)))

  jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
  return cls


class Operator:
  """Base of operators. Nothing is known of it but its values, which `__call__` gives.

  A subclass that knows more overrides further methods: for example, `noise` if the damage adds
  noise, `image_shape` and `tells_shape` if the images have another size than y, and `corrupt` if
  the damage is more than the model.

  Attributes:
    kind: The name of the task with this operator (see `tasks`); empty for a composition.
  """

  kind: ClassVar[str] = ""

  @property
  def unit_range(self) -> bool:
    """Whether y lies in [0, 1]."""
    return False

  @property
  def mixes(self) -> frozenset[str]:
    """What a value of y depends on several of, so that noise in y is correlated: "pixels",
    "channels", both or neither."""
    return frozenset({"pixels", "channels"})

  @property
  def reduction(self) -> int | None:
    """The number of the image's pixels along an axis for one of y, if a tile of y depends only on
    the same tile of the image; else None. See the function `crop`."""
    return None

  @property
  def block(self) -> int:
    """The number of the image's pixels of which the first row and column of a tile must be
    multiples; see the function `crop`."""
    return self.reduction or 1

  @property
  def lowering(self) -> int:
    """The factor by which the resolution of images is lowered; 1 if it is not, or nobody knows."""
    return 1

  def parts(self) -> list["Operator"]:
    """The operators of which it is composed, in the order in which they are applied."""
    return [self]

  @property
  def is_built_in(self) -> bool:
    """Whether this operator, and every part of it, is one of this package."""
    return False

  @property
  def tells_shape(self) -> bool:
    """Whether the shape of the images follows from that of y, by `image_shape`."""
    return False

  @property
  def without_grey(self) -> "Operator":
    """The damage to a grey picture without `operators.grey`, if that was composed with it."""
    return self

  def __call__(self, x: jax.Array) -> jax.Array:
    """The model: images x [N, H, W, C] in [0, 1] -> y [N, ...]."""
    raise NotImplementedError(f"{type(self).__name__} does not define __call__")

  def corrupt(self, x: jax.Array, key: jax.Array) -> jax.Array:
    """The damage: images x [N, H, W, C] in [0, 1] -> y [N, ...], with a random key."""
    del key
    return self(x)

  def given(self, y: jax.Array, shape: Shape, after: "Operator") -> "Operator":
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

  def noise_after(self, after: "Operator", shape: Shape) -> Deviation:
    """The standard deviation in after(y) of the noise in y."""
    own = self.noise(shape)
    return after.propagate(own, output_shape(self, shape)) if is_positive(own) else own

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    """The standard deviation in A(x) of independent noise of `sigma` in images x of a shape: a
    number, or an array that broadcasts against A(x). By default it is estimated with `probe`."""
    return probe(self, sigma, shape)

  def on_noise(self) -> "Operator":
    """The operator that noise in x passes through. It is the model itself, except for operators
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

  def project_smoothly(self, x: jax.Array, y: jax.Array) -> jax.Array:
    """x changed so that it is consistent with y; for a low resolution, by a smooth change."""
    return self.project(x, y)

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

  def crop(self, tile: Tile, shape: Shape) -> "Operator":
    """This operator for a tile of images of a shape; see the function `crop`."""
    top, left, height, width = tile
    whole = lambda x: jnp.ndim(x) == 4 and jnp.shape(x)[1:3] == tuple(shape[1:3])
    cut = lambda x: x[:, top : top + height, left : left + width] if whole(x) else x
    return jax.tree.map(cut, self)

  def gain(self, shape: Shape) -> float | jax.Array:
    """The scale of y for images of a shape; see the function `gain`."""
    return row_norms(self, shape)

  def picture_size(self, shape: Shape) -> tuple[int, int]:
    """(height, width) of the pictures that `observe` takes, for images of a shape."""
    _, height, width, *_ = output_shape(self, shape)
    return height, width


class BuiltIn(Operator):
  """Base of the operators of this package. They map images in [0, 1] to y in [0, 1]; unless a
  subclass says otherwise, each value of y depends on one pixel and its channel."""

  @property
  def unit_range(self) -> bool:
    return True

  @property
  def mixes(self) -> frozenset[str]:
    return frozenset()

  @property
  def is_built_in(self) -> bool:
    return True

  @property
  def tells_shape(self) -> bool:
    return True

  def __call__(self, x: jax.Array) -> jax.Array:
    return x

  def propagate(self, sigma: Deviation, shape: Shape) -> Deviation:
    del shape
    return sigma

  def gain(self, shape: Shape) -> float | jax.Array:
    del shape
    return 1.0


@pytree
class Identity(BuiltIn):
  """The damage that leaves images as they are."""

  @property
  def reduction(self) -> int | None:
    return 1


@pytree
class Function(Operator):
  """A damage that is a plain function, or a pytree that can be called."""

  function: Callable

  def __call__(self, x: jax.Array) -> jax.Array:
    return self.function(x)


def as_operator(A: Callable) -> Operator:
  """A as an operator, which is a pytree that can be an argument of a jitted function.

  Args:
    A: An operator or any JAX function.

  Returns:
    A itself if it is an operator, else a `Function`.

  Raises:
    TypeError: If A is not a function, or of a class that `pytree` has not decorated.
  """
  if isinstance(A, Operator):
    if jax.tree_util.all_leaves([A]):
      raise TypeError(f"{type(A).__name__} must be decorated with operators.pytree")
    return A
  if not callable(A):
    raise TypeError(f"the operator is a {type(A).__name__}; it must be a function of images")
  # A pytree of arrays can be an argument of a jitted function; a plain function cannot.
  numbers = (jax.Array, np.ndarray, np.generic, int, float)
  arrays = all(isinstance(leaf, numbers) for leaf in jax.tree.leaves(A))
  return Function(A if arrays else jax.tree_util.Partial(A))


# --- Shapes and standard deviations ---------------------------------------------------------------


def output_shape(A: Callable, shape: Shape) -> Shape:
  """The shape of A(x) for images x of a shape [N, H, W, C]; A is traced, not computed."""
  return jax.eval_shape(A, jax.ShapeDtypeStruct(shape, jnp.float32)).shape


def probe(A: Operator, sigma: Deviation | jax.tree_util.Partial, shape: Shape) -> Deviation:
  """`propagate` for any A, from products of the Jacobian with 64 random vectors of signs.

  The estimate is exact where each value of A(x) depends on one value of x. Otherwise its error is
  about 10%. The Jacobian is taken at an image of one colour that is not grey, because V of HSV has
  no single gradient at grey. Of correlated noise, `sigma` is the linear function that makes it from
  independent values of the variance 1.
  """
  if not callable(sigma) and not is_positive(sigma):
    return 0.0
  color = np.array([0.45, 0.55, 0.5] if shape[-1] == 3 else 0.5, np.float32)
  around = jnp.broadcast_to(color, shape)
  return jnp.sqrt(_probe(A.on_noise(), sigma, around))


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


def row_norms(A: Operator, shape: Shape) -> jax.Array:
  """The root mean square [N] of the norms of the Jacobian's rows at grey images; see `gain`.

  Args:
    A: The damage.
    shape: [N, H, W, C] of the images.

  Returns:
    [N], above 0.
  """
  energy = _probe(A, 1.0, jnp.full(shape, 0.5)).reshape(shape[0], -1)
  count = jnp.maximum(jnp.sum(energy > 0, 1), 1)
  return jnp.maximum(jnp.sqrt(jnp.sum(energy, 1) / count), 1e-9)


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
