"""Checks at the entries of the public functions; each error is one sentence: what came, what was
wanted. Values are checked only where they are concrete, so the functions can be traced.
"""

import jax
import jax.numpy as jnp
import numpy as np


def image_batch(x, name: str, channels: tuple[int, ...] | None = None) -> jax.Array:
  """Images [N, H, W, C], float32, finite, in [0, 1].

  Raises:
    TypeError: For a dtype that is not floating.
    ValueError: For another shape, NaN, or values outside [0, 1] by more than rounding.
  """
  x = jnp.asarray(x) if not isinstance(x, jax.Array) else x
  if not jnp.issubdtype(x.dtype, jnp.floating):
    raise TypeError(
      f"{name} has dtype {x.dtype}; wanted float32 in [0, 1] (divide 8-bit images by 255)"
    )
  if x.ndim != 4:
    raise ValueError(f"{name} has shape {x.shape}; wanted [N, H, W, C] (one image is x[None])")
  if 0 in x.shape:
    raise ValueError(f"{name} has shape {x.shape}, which is empty")
  if channels and x.shape[-1] not in channels:
    wanted = " or ".join(map(str, channels))
    raise ValueError(f"{name} has {x.shape[-1]} channels; wanted {wanted}")
  if not isinstance(x, jax.core.Tracer):
    low, high = float(jnp.min(x)), float(jnp.max(x))  # NaN wins both.
    if not (np.isfinite(low) and np.isfinite(high)):
      raise ValueError(f"{name} holds NaN or infinite values")
    if low < -1e-3 or high > 1 + 1e-3:
      raise ValueError(f"{name} has values in [{low:.4g}, {high:.4g}]; wanted [0, 1]")
  return x.astype(jnp.float32)


def mask(m, name: str = "mask") -> jax.Array:
  """A mask, 1 where the pixel is missing: [H, W], [H, W, 1] or [N, H, W, 1] -> [N or 1, H, W, 1].

  Raises:
    ValueError: For another shape, values other than 0 and 1, or a mask that leaves nothing to do
      (no pixel missing in any image) or nothing to go by (all pixels missing in some image).
  """
  m = jnp.asarray(m)
  if m.ndim == 2:
    m = m[None, :, :, None]
  elif m.ndim == 3:
    m = m[None]
  if m.ndim != 4 or m.shape[-1] != 1 or 0 in m.shape:
    raise ValueError(f"{name} has shape {m.shape}; wanted [H, W], [H, W, 1] or [N, H, W, 1]")
  if not isinstance(m, jax.core.Tracer):
    values = np.asarray(m).astype(np.float64)
    if not np.isin(values, (0, 1)).all():
      raise ValueError(f"{name} is not binary; wanted 1 where the pixel is missing, 0 elsewhere")
    if not values.any():
      raise ValueError(f"{name} is empty: no pixel is missing")
    if values.all(axis=(1, 2, 3)).any():
      raise ValueError(f"{name} leaves no known pixel")
  return m.astype(jnp.float32)


def at_least(value, least, name: str) -> None:
  """A finite number of at least `least`; a whole one if `least` is an int.

  Raises:
    ValueError: If it is not.
  """
  number = np.isscalar(value) and not isinstance(value, (bool, str))
  if not (number and least <= value < np.inf):
    raise ValueError(f"{name} is {value!r}; wanted at least {least}, and finite")
  if isinstance(least, int) and int(value) != value:
    raise ValueError(f"{name} is {value!r}; wanted a whole number")


def observation(y, A, image_shape: tuple[int, int, int]) -> jax.Array:
  """y [N, ...], floating, finite, in [0, 1], of the shape A gives for images of `image_shape`.

  Raises:
    TypeError: For a dtype that is not floating.
    ValueError: For NaN, values outside [0, 1], or a shape that A does not give.
  """
  y = y if isinstance(y, jax.Array) else np.asarray(y)
  if y.ndim == 0 or 0 in y.shape:
    raise ValueError(f"y has shape {y.shape}; wanted [N, ...]")
  flat = image_batch(jnp.reshape(y, (y.shape[0], -1, 1, 1)) if y.ndim != 4 else y, "y")
  image = jax.ShapeDtypeStruct((y.shape[0], *image_shape), jnp.float32)
  try:
    made = jax.eval_shape(A, image)
  except Exception as error:
    raise ValueError(f"A cannot be applied to images {list(image.shape)}: {error}") from error
  if not hasattr(made, "shape") or made.shape != y.shape:
    raise ValueError(
      f"y has shape {list(y.shape)}; A gives {list(getattr(made, 'shape', [])) or made} for"
      f" images {list(image.shape)}"
    )
  if not jnp.issubdtype(made.dtype, jnp.floating):
    raise ValueError(f"A gives {made.dtype}; wanted floating numbers, so that it has a gradient")
  return flat.reshape(y.shape)
