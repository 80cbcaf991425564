"""Filling the hole from its surroundings before a network sees it.

S. Bidari, B. Nyaupane, "An Approach for Damaged Facial Image Restoration using GAN": known values
around the damage instead of noise. A fill is a function (image, mask, key) -> image, which can be
jitted; images are [N, H, W, C] in [-1, 1], as inside the networks, masks [N, H, W, 1], 1 where the
pixel is missing. What the image holds there does not matter.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_restore.degradations import masks

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


def noise(image: jax.Array, mask: jax.Array, key: jax.Array) -> jax.Array:
  """Uniform noise, the baseline of the paper."""
  drawn = jax.random.uniform(key, image.shape, minval=-1, maxval=1)
  return jnp.where(mask > 0, drawn, image)


def zeros(image: jax.Array, mask: jax.Array, key: jax.Array | None = None) -> jax.Array:
  """0, mid-grey."""
  del key
  return jnp.where(mask > 0, 0.0, image)


FILLS: dict[str, Callable] = {
  "ring": ring,
  "nearest": nearest,
  "noise": noise,
  "zeros": zeros,
}
