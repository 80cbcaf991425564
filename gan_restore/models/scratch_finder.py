"""A network that finds scratches, folds and scribbles in photographs of any size.

It is trained on photographs on which such strokes are drawn at random. It restores nothing: its
mask is that of the task `inpaint`. Images inside the network are [N, H, W, 3] in [-1, 1].
"""

import functools
from collections.abc import Callable, Iterator

import dm_pix
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_restore import data
from gan_restore.degradations import masks, operators
from gan_restore.models import Config, Losses, Trained, Variables
from gan_restore.nn import layers
from gan_restore.restorers.result import Result


class Finder(nn.Module):
  """Image [N, H, W, 3] -> logits [N, H, W, 1], positive where a stroke is.

  Dilated convolutions at half the resolution, each added to its input, see 63 x 63 of these pixels.
  The last layers have the full resolution.
  """

  width: int = 24
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array) -> jax.Array:
    height, width = image.shape[1:3]
    conv = functools.partial(layers.Conv, dtype=self.dtype, kernel_init=nn.initializers.he_normal())
    # An odd side is continued by one row or column.
    full = jnp.pad(image, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    fine = nn.relu(conv(self.width // 2, 3, 1)(full))
    x = conv(self.width, 3, 1)(dm_pix.space_to_depth(full, 2))
    for dilation in (1, 2, 4, 8, 8, 4, 2, 1):
      x += conv(self.width, 3, 1, dilation=dilation)(nn.relu(x))
    x = dm_pix.depth_to_space(conv(2 * self.width, 1, 1)(nn.relu(x)), 2)
    x = nn.relu(conv(self.width // 2, 3, 1)(jnp.concatenate([x, fine], -1)))
    return conv(1, 3, 1)(x).astype(jnp.float32)[:, :height, :width]


PLAYERS = ("finder",)
RESTORES = False
CURVES = {"finder_loss": "finder"}
REQUIREMENTS = {
  "channels": (lambda v: v == 3, "3"),
  "width": (lambda v: v >= 2 and v % 2 == 0, "an even number, at least 2"),
}


def any_size(config: Config) -> bool:
  """The network takes images of any size."""
  del config
  return True


def network(config: Config) -> Finder:
  """The network of a config."""
  return Finder(config.width, jnp.dtype(config.dtype))


def init(config: Config, key: jax.Array) -> Variables:
  """Fresh variables."""
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  return {"finder": network(config).init(key, image)}


def active_players(config: Config, step: int) -> tuple[str, ...]:
  """The only player learns at every step."""
  del config, step
  return PLAYERS


def compute_losses(
  config: Config, variables: Variables, batch: dict, key: jax.Array, active: tuple[str, ...]
) -> Losses:
  """The mean binary cross-entropy of the pixels, on photographs with random strokes."""
  del active
  drawn, mask = draw_strokes(key, (batch["image"] + 1) / 2)
  logits = network(config).apply(variables["finder"], 2 * drawn - 1)
  loss = optax.sigmoid_binary_cross_entropy(logits, mask).mean()
  right = jnp.sum((logits > 0) * mask)
  scores = {
    "precision": right / jnp.maximum(jnp.sum(logits > 0), 1),
    "recall": right / jnp.maximum(jnp.sum(mask), 1),
  }
  return {"finder": loss}, ({}, scores)


def draw_strokes(key: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Draws strokes on most of the images: scratches and folds, or scribbles.

  They are white, black or of a strong colour, a little transparent, uneven and soft. A half of the
  images are then compressed as JPEGs.

  Args:
    key: A random key.
    x: Photographs [N, H, W, 3] in [0, 1].

  Returns:
    (the images, the masks [N, H, W, 1] of the strokes).
  """
  n, height, width, _ = x.shape
  keys = iter(jax.random.split(key, 40))
  uniform = lambda low, high, shape=(n, 1, 1, 1): jax.random.uniform(
    next(keys), shape, jnp.float32, low, high
  )
  coin = lambda p: uniform(0, 1) < p

  few, many, wide = (
    kind(next(keys), (n, height, width), count=count)
    for kind, count in ((masks.scratches, 2), (masks.scratches, 6), (masks.strokes, 1))
  )
  thin = jnp.where(coin(0.5), few, many)
  thin = jnp.where(coin(0.4), masks.grow(thin, 1), thin)
  is_wide = coin(0.3)
  mask = jnp.where(is_wide, wide, thin) * coin(0.75)

  white = uniform(0.75, 1) + uniform(-0.03, 0.03, (n, 1, 1, 3))
  black = uniform(0, 0.1) + uniform(-0.03, 0.03, (n, 1, 1, 3))
  order = jnp.argsort(uniform(0, 1, (n, 1, 1, 3)), -1)
  ends = jnp.concatenate([uniform(0.7, 1), uniform(0, 0.3), uniform(0, 1)], -1)
  colorful = jnp.take_along_axis(ends, order, -1)
  color = jnp.where(coin(0.7), white, black)
  color = jnp.where(coin(jnp.where(is_wide, 0.8, 0.1)), colorful, color)
  color += uniform(0, 0.05) * jax.random.normal(next(keys), (n, height, width, 1))

  blurred = nn.avg_pool(mask, (3, 3), padding="SAME")
  cover = jnp.where(coin(0.5), (mask + blurred) / 2, mask) * uniform(0.75, 1)
  drawn = jnp.clip((1 - cover) * x + cover * color, 0, 1)
  compressed = operators.jpeg(80).corrupt(drawn, next(keys))
  return jnp.where(coin(0.5), compressed, drawn), mask


def find(trained: Trained, x: jax.Array | np.ndarray) -> jax.Array:
  """The probability [N, H, W, 1] that a pixel belongs to a stroke, of photographs [N, H, W, 3] in
  [0, 1]."""
  return _find(trained, jnp.asarray(x, jnp.float32))


@jax.jit
def _find(trained, x):
  return nn.sigmoid(network(trained.config).apply(trained.variables["finder"], 2 * x - 1))


def samples(trained: Trained, batch: dict, key: jax.Array) -> jax.Array:
  """One row per photograph: with strokes, their mask, and the probability that is found."""
  drawn, mask = draw_strokes(key, (batch["image"][:16] + 1) / 2)
  grey = lambda x: jnp.broadcast_to(x, drawn.shape)
  rows = jnp.stack([drawn, grey(mask), grey(find(trained, drawn))], 1)
  return rows.reshape(-1, *drawn.shape[1:])


def restore(trained: Trained, y: jax.Array | np.ndarray, A: Callable) -> Result:
  """Raises an error: it restores nothing."""
  del trained, y, A
  raise operators.UnsupportedOperatorError("a scratch_finder restores nothing")


def evaluate(trained: Trained, source: data.Source, n: int = 256) -> Iterator[tuple[str, float]]:
  """Scores the network on strokes that are drawn at random.

  Yields:
    (name, value): `f1`, the harmonic mean of `precision` and `recall` of all pixels, then these.
  """
  counts = np.zeros(3)
  for index, batch in enumerate(data.evaluation_batches(source, 16, n)):
    x = batch["image"].astype(np.float32) / 255
    drawn, mask = draw_strokes(jax.random.fold_in(jax.random.key(0), index), jnp.asarray(x))
    found = np.asarray(find(trained, drawn)) > 0.5
    own = (np.asarray(mask) > 0) & (batch["valid"] == 1)[:, None, None, None]
    found &= (batch["valid"] == 1)[:, None, None, None]
    counts += [(found & own).sum(), found.sum(), own.sum()]
  right, positive, true = np.maximum(counts, 1e-9)
  yield "f1", 2 * right / (positive + true)
  yield "precision", right / positive
  yield "recall", right / true
