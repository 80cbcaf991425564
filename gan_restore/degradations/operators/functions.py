"""The functions of any damage A that restorers call: of an operator, or of a plain function.

Images x are [N, H, W, C], float32 in [0, 1]; observations y are [N, ...].
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from gan_restore.degradations import checks
from gan_restore.degradations.operators.base import (
  Deviation,
  Function,
  Identity,
  Operator,
  Shape,
  Tile,
  as_operator,
  output_shape,
)


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
  A = as_operator(A).without_grey
  if A.kind not in kinds:
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
  A = as_operator(A)
  found = A.kind or ("a plain function" if isinstance(A, Function) else "a composition")
  return UnsupportedOperatorError(f"{name} restores only {supported}; A is {found}")


def corrupt(A: Callable, x: jax.Array, key: jax.Array) -> jax.Array:
  """The damage of an operator; for a plain function, its value.

  Args:
    A: The damage.
    x: Images [N, H, W, C] in [0, 1].
    key: A random key, for the noise.

  Returns:
    y [N, ...].
  """
  return as_operator(A).corrupt(x, key)


def given(A: Callable, y: jax.Array, shape: Shape, after: Callable | None = None) -> Operator:
  """A with everything that can be estimated from y; see `Operator.given`.

  Args:
    A: The damage.
    y: What was observed [N, ...].
    shape: [N, H, W, C] of the images.
    after: What was applied after A, if anything.

  Returns:
    The operator.

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
  return as_operator(A).given(y, tuple(shape), as_operator(after or Identity()))


def prepare(
  y: jax.Array | np.ndarray, A: Callable, image_shape: Shape
) -> tuple[jax.Array, Operator]:
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
  return as_operator(A).noise(shape)


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
  return as_operator(A).gain(shape)


def image_shape(A: Callable, shape: Shape, size: tuple[int, int] | None = None) -> Shape:
  """The shape of the images, given the shape of y.

  Args:
    A: The damage.
    shape: The shape of y.
    size: (H, W) of the images, if A is a plain function whose y has another size.

  Returns:
    [N, H, W, C]; for a plain function without `size`, y's own shape.

  Raises:
    ValueError: If A is an operator and the shape is not [N, h, w, C], or if A does not give this
      shape for images of the size.

  Examples:
    >>> from gan_restore import operators
    >>> A = operators.compose(operators.super_resolve(4), operators.colorize())
    >>> image_shape(A, (2, 16, 16, 1))
    (2, 64, 64, 3)
  """
  A, shape = as_operator(A), tuple(shape)
  if size is not None and not A.tells_shape:
    return _of_size(A, shape, size)
  if not isinstance(A, Function) and len(shape) != 4:
    raise ValueError(f"y has shape {list(shape)}; it must be [N, h, w, C] (one image is y[None])")
  found = A.image_shape(shape)
  if size is not None and found[1:3] != tuple(size):
    raise ValueError(f"the images have {found[1]}x{found[2]} pixels; shape is {tuple(size)}")
  return found


def _of_size(A, shape, size):
  """[N, H, W, C] of the images of a size for which A gives y of a shape: colour images if they fit,
  else grey ones."""
  height, width = size
  for channels in (3, 1):
    found = *shape[:1], height, width, channels
    try:
      if output_shape(A, found) == shape:
        return found
    except Exception:  # Whatever A raises for images that do not fit.
      continue
  raise ValueError(f"A does not give y of shape {list(shape)} for images of {height}x{width}")


def project(A: Callable, x: jax.Array, y: jax.Array, smooth: bool = False) -> jax.Array:
  r"""Projects x onto the images that are consistent with y.

  Consistent images have the known pixels, block means and V that y states, and each value that was
  rounded lies within half a step of y. Where y is noisy, and for a plain function, x is returned
  unchanged. A composition is projected in two steps: first the output of the inner operator, then
  the image.

  The projection changes all pixels of a block by the same value, so that the borders of the blocks
  can be seen. If it is to be `smooth`, a low resolution by a factor f is met by the most probable
  change under a smooth Gaussian field instead. Its covariance S is a Gaussian function of the
  distance, with the standard deviation f / 2:

  .. math::
    x + S A^T (A S A^T)^{-1} (y - A x)

  Args:
    A: The damage.
    x: Images [N, H, W, C] in [0, 1].
    y: What was observed.
    smooth: Whether to change x smoothly, if A is `super_resolve`.

  Returns:
    [N, H, W, C].

  Examples:
    >>> import numpy as np
    >>> from gan_restore import operators
    >>> x, y = np.array([0.1, 0.2, 0.3, 0.4]).reshape(1, 2, 2, 1), np.full((1, 1, 1, 1), 0.5)
    >>> [round(float(v), 2) for v in project(operators.super_resolve(2), x, y).ravel()]
    [0.35, 0.45, 0.55, 0.65]
  """
  A = as_operator(A)
  return A.project_smoothly(x, y) if smooth else A.project(x, y)


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
  return as_operator(A).show(y)


def missing(A: Callable, shape: Shape) -> jax.Array | None:
  """The mask of the pixels that y does not depend on.

  Args:
    A: The damage.
    shape: [N, H, W, C] of the images.

  Returns:
    [N or 1, H, W, 1], 1 where the pixel is missing; None if there are none, or for a plain
    function.
  """
  return as_operator(A).missing(shape)


def hole(A: Callable) -> jax.Array | None:
  """The mask of a damage that only blanks pixels, so that y holds the other pixels unchanged.

  Args:
    A: The damage.

  Returns:
    [N or 1, H, W, 1], 1 where the pixel is missing; None for any other damage.
  """
  return as_operator(A).hole()


def read(A: Callable, picture: jax.Array) -> jax.Array:
  """y, given a picture [N, h, w, C] of y, for example a grey photograph as RGB.

  Args:
    A: The damage.
    picture: [N, h, w, C] in [0, 1].

  Returns:
    [N, h, w, 1] if A keeps one channel; otherwise the picture, as for a plain function.
  """
  return as_operator(A).read(picture)


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
  return as_operator(A).kernel()
