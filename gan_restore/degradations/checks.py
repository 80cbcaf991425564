"""Checks of the arguments of public functions.

Each error is one sentence that says what the value is and what it must be. Values are not checked
while JAX traces the function.
"""

import difflib
from collections.abc import Callable, Collection
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def image_batch(x: jax.Array | np.ndarray, name: str) -> jax.Array:
  """Images [N, H, W, C], floating, finite, in [0, 1] -> the same as float32.

  Raises:
    TypeError: For a dtype that is not floating.
    ValueError: For another shape, NaN, or values outside [0, 1] by more than rounding.
  """
  x = _finite(x, name)
  if x.ndim != 4:
    raise ValueError(f"{name} has shape {x.shape}; it must be [N, H, W, C] (one image is x[None])")
  if 0 in x.shape:
    raise ValueError(f"{name} has shape {x.shape}, which is empty")
  _in_unit_range(x, name)
  return x.astype(jnp.float32)


def _finite(x, name: str) -> jax.Array:
  x = jnp.asarray(x) if not isinstance(x, jax.Array) else x
  if jnp.issubdtype(x.dtype, jnp.complexfloating):
    raise TypeError(f"{name} has dtype {x.dtype}; it must be real (stack real and imaginary parts)")
  if not jnp.issubdtype(x.dtype, jnp.floating):
    raise TypeError(
      f"{name} has dtype {x.dtype}; it must be float32 (divide 8-bit images by 255, so that"
      " they are in [0, 1])"
    )
  # NumPy, because JAX would trace this too while it traces a function of something else.
  if not isinstance(x, jax.core.Tracer) and not np.isfinite(np.asarray(x)).all():
    raise ValueError(f"{name} holds NaN or infinite values")
  return x


def _in_unit_range(x: jax.Array, name: str) -> None:
  if isinstance(x, jax.core.Tracer):
    return
  low, high = float(np.min(x)), float(np.max(x))
  if low < -1e-3 or high > 1 + 1e-3:
    raise ValueError(f"{name} has values in [{low:.4g}, {high:.4g}]; it must be in [0, 1]")


def mask(m: jax.Array | np.ndarray, name: str = "mask") -> jax.Array:
  """A mask, 1 where the pixel is missing: [H, W], [H, W, 1] or [N, H, W, 1] -> [N or 1, H, W, 1].

  Raises:
    ValueError: For another shape, for values other than 0 and 1, or for a mask in which no pixel of
      any image is missing, or all pixels of some image are.
  """
  m = jnp.asarray(m)
  if m.ndim == 2:
    m = m[None, :, :, None]
  elif m.ndim == 3:
    m = m[None]
  if m.ndim != 4 or m.shape[-1] != 1 or 0 in m.shape:
    raise ValueError(f"{name} has shape {m.shape}; it must be [H, W], [H, W, 1] or [N, H, W, 1]")
  if not isinstance(m, jax.core.Tracer):
    values = np.asarray(m).astype(np.float64)
    if not np.isin(values, (0, 1)).all():
      raise ValueError(
        f"{name} is not binary; it must be 1 where the pixel is missing, 0 elsewhere"
      )
    if not values.any():
      raise ValueError(f"{name} marks no pixel as missing; it must mark at least one")
    if values.all(axis=(1, 2, 3)).any():
      raise ValueError(
        f"{name} marks every pixel of an image as missing; at least one pixel must be known"
      )
  return m.astype(jnp.float32)


def at_least(value: Any, least: float, name: str) -> None:
  """Checks that a value is finite and at least `least`, and a whole number if `least` is an int.

  Raises:
    ValueError: If it is not.
  """
  number = np.isscalar(value) and not isinstance(value, bool | str)
  if not (number and least <= value < np.inf):
    raise ValueError(f"{name} is {value!r}; it must be >= {least}, and finite")
  if isinstance(least, int) and int(value) != value:
    raise ValueError(f"{name} is {value!r}; it must be a whole number")


def between(value: Any, low: float, high: float, name: str) -> None:
  """Checks that an option lies in a range.

  Args:
    value: The option.
    low: The least value that is allowed.
    high: The largest.
    name: Its name in the error.

  Raises:
    ValueError: If it does not.
  """
  if not low <= value <= high:
    raise ValueError(f"{name} is {value}; it must be between {low} and {high}")


def one_of(value: Any, options: Collection, name: str) -> None:
  """Checks that a value is one of some options.

  Raises:
    ValueError: If it is not.
  """
  if value not in options:
    listed = ", ".join(map(str, options))
    raise ValueError(f"{name} is {value!r}{meant(value, options)}; it must be one of {listed}")


def sentence(error: Exception) -> str:
  """The message of an error, without the number that the system gives it."""
  if isinstance(error, OSError) and error.filename is not None and error.strerror:
    return f"{error.filename}: {error.strerror}"
  return str(error)


def meant(value: Any, options: Collection) -> str:
  """The option that looks most like a value, for an error message; nothing if none does.

  Examples:
    >>> meant("denose", ["denoise", "blur"])
    ' (did you mean denoise?)'
    >>> meant("x", ["denoise", "blur"])
    ''
  """
  near = difflib.get_close_matches(str(value), map(str, options), 1)
  return f" (did you mean {near[0]}?)" if near else ""


# Jitted, so that a second call with operators and images alike does not trace A again.
_apply = jax.jit(lambda A, x: A(x))


def observation(y: jax.Array | np.ndarray, A: Callable, image_shape: tuple[int, ...]) -> jax.Array:
  """Checks that y is floating and finite, and has the shape that A gives for images of
  `image_shape`; if A is an operator that declares the range [0, 1], also that y lies in it.

  Args:
    y: What was observed.
    A: The damage, a pytree.
    image_shape: [H, W, C].

  Returns:
    y as float32.

  Raises:
    TypeError: For a dtype that is not floating.
    ValueError: For NaN, for values outside the operator's range, or for a shape that A does not
      give.
  """
  y = _finite(y, "y")
  if y.ndim == 0 or 0 in y.shape:
    raise ValueError(f"y has shape {y.shape}; it must be [N, ...], and not empty")
  image = jax.ShapeDtypeStruct((y.shape[0], *image_shape), jnp.float32)
  try:
    made = _apply.eval_shape(A, image)
  except Exception as error:
    raise ValueError(f"A cannot be applied to images {list(image.shape)}: {error}") from error
  if not hasattr(made, "shape") or made.shape != y.shape:
    raise ValueError(
      f"y has shape {list(y.shape)}; it must be {list(getattr(made, 'shape', [])) or made}, the"
      f" shape that A gives for images {list(image.shape)}"
    )
  if not jnp.issubdtype(made.dtype, jnp.floating):
    raise ValueError(
      f"A gives {made.dtype}; it must give real floating numbers, so that it has a gradient"
    )
  if getattr(A, "unit_range", False):
    _in_unit_range(y, "y")
  return y.astype(jnp.float32)
