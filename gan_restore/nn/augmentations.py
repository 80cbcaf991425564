"""Differentiable augmentation of the images that the discriminator gets.

S. Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020: the same random
transformations on real and generated images, through which the generator's gradient flows. It is
needed for data sets of a few thousand images, on which the discriminator otherwise overfits. `blur`
and `noise` are not from there: they are for networks that must not take sharpness as a cue.

Images are [N, H, W, C] in [-1, 1] (brightness and contrast may leave that range).
"""

import jax
import jax.numpy as jnp


def _color(x, key):
  """Brightness, then saturation, then contrast."""
  shape = (x.shape[0], 1, 1, 1)
  b, s, c = jax.random.split(key, 3)
  x = x + jax.random.uniform(b, shape, x.dtype) - 0.5
  mean = jnp.mean(x, axis=3, keepdims=True)
  x = mean + (x - mean) * 2 * jax.random.uniform(s, shape, x.dtype)
  mean = jnp.mean(x, axis=(1, 2, 3), keepdims=True)
  return mean + (x - mean) * (0.5 + jax.random.uniform(c, shape, x.dtype))


def _translation(x, key):
  """Moves each image by up to an eighth of its size; the border is filled with zeros."""
  n, height, width, _ = x.shape
  dy, dx = height // 8, width // 8
  ky, kx = jax.random.split(key)
  top = jax.random.randint(ky, (n,), 0, 2 * dy + 1)
  left = jax.random.randint(kx, (n,), 0, 2 * dx + 1)
  padded = jnp.pad(x, ((0, 0), (dy, dy), (dx, dx), (0, 0)))
  crop = lambda image, row, column: jax.lax.dynamic_slice(image, (row, column, 0), x.shape[1:])
  return jax.vmap(crop)(padded, top, left)


def _cutout(x, key):
  """Sets a square of half the image's side, at a random position, to 0. It may extend over the
  border."""
  n, height, width, _ = x.shape
  ky, kx = jax.random.split(key)
  y = jax.random.randint(ky, (n, 1, 1), 0, height + 1)
  z = jax.random.randint(kx, (n, 1, 1), 0, width + 1)
  rows, columns = jnp.arange(height)[:, None], jnp.arange(width)
  inside = (abs(rows - y + 0.5) < height / 4) & (abs(columns - z + 0.5) < width / 4)
  return jnp.where(inside[..., None], 0, x)


def _blur(x, key):
  """Blurs half of the images by a Gaussian, whose standard deviation is up to a sixteenth of the
  image's size."""

  def matrices(size, sigma):  # [N, size, size]; the weights of a pixel add up to 1.
    distance = jnp.arange(size)[:, None] - jnp.arange(size)
    return jax.nn.softmax(-((distance / sigma[:, None, None]) ** 2) / 2)

  n, height, width, _ = x.shape
  share = jnp.maximum(jax.random.uniform(key, (n,), minval=-1 / 16, maxval=1 / 16), 1e-3)
  rows, columns = matrices(height, share * height), matrices(width, share * width)
  return jnp.einsum("nhy,nyxc,nwx->nhwc", rows, x, columns)


def _noise(x, key):
  """Adds white noise to half of the images, with a standard deviation of up to 0.4."""
  k, e = jax.random.split(key)
  sigma = jnp.maximum(jax.random.uniform(k, (x.shape[0], 1, 1, 1), minval=-0.4, maxval=0.4), 0)
  return x + sigma * jax.random.normal(e, x.shape)


POLICIES = {
  "color": _color,
  "translation": _translation,
  "cutout": _cutout,
  "blur": _blur,
  "noise": _noise,
}


def augment(x: jax.Array, policy: str, key: jax.Array) -> jax.Array:
  """Applies the named transformations, with an independent draw for each image.

  Args:
    x: Images [N, H, W, C] in [-1, 1].
    policy: Comma-separated names out of `POLICIES`; empty for none.
    key: A random key. The same key applies the same transformations to two batches.

  Returns:
    Images [N, H, W, C].

  Examples:
    >>> import jax, jax.numpy as jnp
    >>> augment(jnp.zeros((2, 8, 8, 3)), "translation,cutout", jax.random.key(0)).shape
    (2, 8, 8, 3)
  """
  for i, name in enumerate(filter(None, policy.split(","))):
    x = POLICIES[name](x, jax.random.fold_in(key, i))
  return x
