"""A classifier that is trained only on real images, to measure restorations.

It measures how much of an image's class or attributes a restoration preserves. No restorer is
trained against it. Images inside the network are [N, S, S, C] in [-1, 1].
"""

from collections.abc import Callable, Iterator

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gan_restore import data
from gan_restore.degradations import operators
from gan_restore.evaluation import metrics
from gan_restore.models import Config, Losses, Trained, Variables
from gan_restore.models.shared.trunk import convolutions
from gan_restore.nn import augmentations, layers, losses
from gan_restore.restorers.result import Result


class Classifier(nn.Module):
  """Image [N, S, S, C] -> features [N, D], logits [N, classes].

  The `convolutions` of `models.shared.trunk`, and then the mean over space.
  """

  classes: int
  width: int = 32
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> tuple[jax.Array, jax.Array]:
    x = convolutions(x, self.width, train, self.dtype).mean((1, 2))
    logits = layers.Dense(self.classes, dtype=self.dtype)(x)
    return x.astype(jnp.float32), logits.astype(jnp.float32)


PLAYERS = ("classifier",)
RESTORES = False
CURVES = {"classifier_loss": "classifier"}
REQUIREMENTS = {
  "image_size": (lambda v: v >= 12 and v % 4 == 0, "a multiple of 4, at least 12"),
  "classes": (lambda v: v >= 2, ">= 2"),
}


def network(config: Config) -> Classifier:
  """The network of a config."""
  return Classifier(config.classes, config.width, jnp.dtype(config.dtype))


def init(config: Config, key: jax.Array) -> Variables:
  """Fresh variables (`params`, `batch_stats`)."""
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  return {"classifier": network(config).init(key, image)}


def active_players(config: Config, step: int) -> tuple[str, ...]:
  """The only player learns at every step."""
  del config, step
  return PLAYERS


def compute_losses(
  config: Config, variables: Variables, batch: dict, key: jax.Array, active: tuple[str, ...]
) -> Losses:
  """The classification loss on one batch of real images; see `models.Family`."""
  del active
  image = augmentations.augment(batch["image"], config.augment, key)
  (_, logits), stats = network(config).apply(
    variables["classifier"], image, True, mutable=["batch_stats"]
  )
  values = {"classifier": losses.classification_loss(logits, batch["label"])}
  return values, (
    {"classifier": stats},
    {"accuracy": metrics.accuracy(logits, batch["label"]).mean()},
  )


def features_and_logits(trained: Trained, x: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Features [N, D] before the last layer, and logits [N, classes], of images [N, S, S, C] in
  [0, 1]."""
  return network(trained.config).apply(trained.variables["classifier"], 2 * x - 1)


def classify(trained: Trained, x: jax.Array) -> jax.Array:
  """Logits [N, classes] of images [N, S, S, C] in [0, 1]."""
  return features_and_logits(trained, x)[1]


def samples(trained: Trained, batch: dict, key: jax.Array) -> jax.Array:
  """Augmented images [N, S, S, C] in [0, 1], as in training."""
  x = augmentations.augment(batch["image"], trained.config.augment, key)
  return jnp.clip((x + 1) / 2, 0, 1)


def restore(trained: Trained, y: jax.Array | np.ndarray, A: Callable) -> Result:
  """Raises an error: a classifier restores nothing."""
  del trained, y, A
  raise operators.UnsupportedOperatorError("a classifier restores nothing")


def evaluate(
  trained: Trained, source: data.Source, n: int | None = None
) -> Iterator[tuple[str, float]]:
  """The accuracy of the classifier on real images.

  Yields:
    (name, value): `accuracy`, and `balanced_accuracy`, in which every class, and each of the two
    values of an attribute, has the same weight.
  """
  rows = []
  apply = jax.jit(classify)
  for batch in data.evaluation_batches(source, 64, n):
    valid = batch["valid"] == 1
    found = np.asarray(apply(trained, batch["image"].astype(np.float32) / 255))
    rows.append((found[valid], batch["label"][valid]))
  logits, labels = map(np.concatenate, zip(*rows))
  yield "accuracy", float(metrics.accuracy(logits, labels).mean())
  yield "balanced_accuracy", metrics.balanced_accuracy(logits, labels)
