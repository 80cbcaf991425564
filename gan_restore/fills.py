"""Filling the hole from its surroundings before a network sees it.

S. Bidari, B. Nyaupane, "An Approach for Damaged Facial Image Restoration using GAN": known values
around the damage instead of noise. A fill is a function (image, mask, key) -> image, which can be
jitted; images are [N, H, W, C] in [-1, 1], as inside the networks, masks [N, H, W, 1], 1 where the
pixel is missing. What the image holds there is not looked at.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_restore import blending, masks

RING = 3  # Pixels around the hole that its mean is taken of.


def ring(image: jax.Array, mask: jax.Array, key: jax.Array | None = None) -> jax.Array:
  """The mean colour of the known pixels within `RING` of the hole, of all holes of an image."""
  del key
  around = masks.grow(mask, RING) * (1 - mask)
  count = jnp.maximum(around.sum((1, 2), keepdims=True), 1)
  mean = jnp.sum(around * jnp.where(mask > 0, 0, image), (1, 2), keepdims=True) / count
  return jnp.where(mask > 0, mean, image)


def nearest(image: jax.Array, mask: jax.Array, key: jax.Array | None = None) -> jax.Array:
  """The nearest known pixel, in Euclidean distance.

  In two passes (Felzenszwalb and Huttenlocher 2012): the nearest known column in each row, then for
  each pixel the best of all rows.
  """
  del key
  n, height, width, _ = image.shape
  known = mask[..., 0] == 0
  far = 4.0 * (height + width) ** 2
  apart = lambda size: (jnp.arange(size)[:, None] - jnp.arange(size)) ** 2.0
  in_row = jnp.where(known[:, :, None], apart(width), far)  # [N, row, column, its source]
  column = jnp.argmin(in_row, -1)
  distance = jnp.min(in_row, -1).swapaxes(1, 2)  # [N, column, row]
  row = jnp.argmin(apart(height)[:, None] + distance[:, None], -1)  # [N, row, column]
  batch, across = jnp.arange(n)[:, None, None], jnp.arange(width)
  return image[batch, row, column[batch, row, across]]


def biharmonic(image: jax.Array, mask: jax.Array, key: jax.Array | None = None) -> jax.Array:
  r"""The smoothest continuation: that of the least bending energy \sum (\Delta f)^2.

  Outside the image there is nothing to bend: the Laplacian is that of the pixels' graph. Solved by
  conjugate gradients from the ring's mean, preconditioned by the inverse on the whole image, which
  the cosine transform knows; every image of the batch at once.
  """
  del key
  start = ring(image, mask)
  return jax.vmap(_bend)(start, jnp.broadcast_to(mask, (*image.shape[:3], 1)))


def _bend(start, mask):
  bending = lambda x: mask * blending.laplacian(blending.laplacian(x))
  frequency = lambda size: 2 - 2 * jnp.cos(jnp.pi * jnp.arange(size) / size)
  squared = (frequency(start.shape[0])[:, None] + frequency(start.shape[1])) ** 2
  inverse = 1 / jnp.maximum(squared, squared[0, 1])[..., None]
  dct = lambda x, f: f(f(x, axis=0, norm="ortho"), axis=1, norm="ortho")

  def precondition(x):
    return mask * dct(inverse * dct(mask * x, jax.scipy.fft.dct), jax.scipy.fft.idct)

  energy = lambda x: bending(mask * x)
  solve = jax.scipy.sparse.linalg.cg
  change, _ = solve(energy, -bending(start), tol=1e-4, maxiter=300, M=precondition)
  return start + mask * change


def noise(image: jax.Array, mask: jax.Array, key: jax.Array) -> jax.Array:
  """Uniform noise: what the paper does not do."""
  drawn = jax.random.uniform(key, image.shape, minval=-1, maxval=1)
  return jnp.where(mask > 0, drawn, image)


def zeros(image: jax.Array, mask: jax.Array, key: jax.Array | None = None) -> jax.Array:
  """0, mid-grey."""
  del key
  return jnp.where(mask > 0, 0.0, image)


FILLS: dict[str, Callable] = {
  "ring": ring,
  "nearest": nearest,
  "biharmonic": biharmonic,
  "noise": noise,
  "zeros": zeros,
}
