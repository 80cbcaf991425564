"""Filling the hole from its surroundings, before it is given to a network.

S. Bidari, B. Nyaupane, "An Approach for Damaged Facial Image Restoration using GAN", fill the hole
with known values around it instead of noise. A fill is a function that can be jitted:

  Args:
    image: [N, H, W, C] in [-1, 1], as inside the networks. Its missing pixels are ignored.
    mask: [N, H, W, 1], 1 where the pixel is missing.
    key: A random key, which only `noise` needs.

  Returns:
    The image [N, H, W, C] with its hole filled.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_restore.degradations import masks

RING = 3  # Width in pixels of the ring around the hole whose mean is taken.


def ring(image: jax.Array, mask: jax.Array, key: jax.Array | None = None) -> jax.Array:
  """The mean colour of the known pixels within `RING` pixels of any hole of the image."""
  del key
  around = masks.grow(mask, RING) * (1 - mask)
  count = jnp.maximum(around.sum((1, 2), keepdims=True), 1)
  mean = jnp.sum(around * jnp.where(mask > 0, 0, image), (1, 2), keepdims=True) / count
  return jnp.where(mask > 0, mean, image)


def nearest(image: jax.Array, mask: jax.Array, key: jax.Array | None = None) -> jax.Array:
  """The nearest known pixel, in Euclidean distance.

  It is found in two passes (P. Felzenszwalb, D. Huttenlocher 2012): first the nearest known pixel
  in each row, then for each pixel the nearest of those that the first pass found in its column.
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


def noise(image: jax.Array, mask: jax.Array, key: jax.Array) -> jax.Array:
  """Uniform noise in [-1, 1], the paper's baseline."""
  drawn = jax.random.uniform(key, image.shape, minval=-1, maxval=1)
  return jnp.where(mask > 0, drawn, image)


def zeros(image: jax.Array, mask: jax.Array, key: jax.Array | None = None) -> jax.Array:
  """0, which is mid-grey."""
  del key
  return jnp.where(mask > 0, 0.0, image)


FILLS: dict[str, Callable] = {
  "ring": ring,
  "nearest": nearest,
  "noise": noise,
  "zeros": zeros,
}
