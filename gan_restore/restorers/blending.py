"""Makes generated images consistent with y.

A hole is put into the known image, by pasting or Poisson blending. For other damage the image is
changed so that A of it is y.

Images are float32 [N, H, W, C] in [0, 1]; masks [N or 1, H, W, 1], 1 where the pixel is missing.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_restore.degradations import checks, operators
from gan_restore.restorers import least_squares

BLENDS = ("poisson", "paste", "none")


@functools.partial(jax.jit, static_argnames="how")
def blend(known: jax.Array, generated: jax.Array, mask: jax.Array, how: str) -> jax.Array:
  """Puts the generated hole into the known image.

  Args:
    known: y [N, H, W, C].
    generated: [N, H, W, C].
    mask: [N or 1, H, W, 1].
    how: `poisson` (keeps the known pixels, and fits the hole to them without a seam), `paste`
      (keeps the known pixels), or `none` (the generated image as it is).

  Returns:
    Images [N, H, W, C].

  Raises:
    ValueError: For another `how`.
  """
  checks.one_of(how, BLENDS, "blend")
  if how == "none":
    return generated
  return {"poisson": poisson, "paste": paste}[how](known, generated, mask)


def paste(known: jax.Array, generated: jax.Array, mask: jax.Array) -> jax.Array:
  """Takes the known pixels from `known` and the missing ones from `generated`, by `mask`."""
  return known * (1 - mask) + generated * mask


def _neighbours(x: jax.Array) -> jax.Array:
  """Sum over the four neighbours inside the image, x [H, W, ...]."""
  rows = jnp.pad(x[1:], ((0, 1),) + ((0, 0),) * (x.ndim - 1))
  rows += jnp.pad(x[:-1], ((1, 0),) + ((0, 0),) * (x.ndim - 1))
  columns = jnp.pad(x[:, 1:], ((0, 0), (0, 1)) + ((0, 0),) * (x.ndim - 2))
  columns += jnp.pad(x[:, :-1], ((0, 0), (1, 0)) + ((0, 0),) * (x.ndim - 2))
  return rows + columns


def _laplacian(x: jax.Array) -> jax.Array:
  """The negative discrete Laplacian: the sum of the differences between a pixel and its neighbours
  inside the image, x [H, W, C]."""
  return _neighbours(jnp.ones_like(x[..., :1])) * x - _neighbours(x)


def _solve(known: jax.Array, generated: jax.Array, mask: jax.Array) -> jax.Array:
  """One image [H, W, C], one mask [H, W, 1]."""

  def unknown(x):  # The Laplacian in the hole, with zeros outside it.
    return mask * _laplacian(mask * x)

  # The unknowns are the differences f - g. Their Laplacian in the hole is zero, so that they depend
  # only on the differences at the border of the hole.
  right = mask * _neighbours((1 - mask) * (known - generated))
  difference, _ = jax.scipy.sparse.linalg.cg(unknown, right, tol=1e-6, maxiter=2000)
  return paste(known, generated + difference, mask)


def poisson(known: jax.Array, generated: jax.Array, mask: jax.Array) -> jax.Array:
  r"""Poisson blending (P. Pérez, M. Gangnet, A. Blake, 2003, eqs 3 and 7).

  Inside the hole f solves \Delta f = \Delta g with f = y on the pixels around it, so that the
  generated image g keeps its gradients and meets the known image y without a seam. Where the hole
  reaches the image's border, the neighbours outside are left out. The equations are solved by
  conjugate gradients, for all images of the batch at once.

  Args:
    known: y [N, H, W, C]; the values of its missing pixels are ignored.
    generated: g [N, H, W, C].
    mask: [N or 1, H, W, 1], 1 where the pixel is missing.

  Returns:
    Images [N, H, W, C], clipped to [0, 1]; where every pixel is missing, g itself.
  """
  mask = jnp.broadcast_to(mask, known.shape[:3] + (1,))
  with least_squares.exactly():
    return jnp.clip(jax.vmap(_solve)(known, generated, mask), 0, 1)


def agree(generated: jax.Array, y: jax.Array, A: Callable, how: str) -> jax.Array:
  """Changes a generated image so that it agrees with y, for damage that is no hole.

  It is projected onto the images x with A x = y (`operators.project`), and for a low resolution
  changed smoothly, the counterpart of Poisson blending.

  Args:
    generated: g [N, H, W, C].
    y: What was observed.
    A: The damage.
    how: `poisson`, `paste` (the projection), or `none` (the generated image as it is).

  Returns:
    Images [N, H, W, C], clipped to [0, 1].

  Raises:
    ValueError: For another `how`.
  """
  checks.one_of(how, BLENDS, "blend")
  if how == "none":
    return generated
  return jnp.clip(operators.project(A, generated, y, smooth=how == "poisson"), 0, 1)
