"""The face embedding: a network whose unit vectors are near to each other for faces of one person.

It measures whether a restored face still shows the same person. It learns to tell the people of the
training images apart with the loss of H. Wang et al., "CosFace: large margin cosine loss for deep
face recognition", CVPR 2018. No restorer is trained against it. Images inside the network are
[N, S, S, C] in [-1, 1].
"""

from collections.abc import Callable, Iterator

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gan_restore import data
from gan_restore.degradations import operators
from gan_restore.evaluation import metrics
from gan_restore.models import COUNT, POSITIVE, Config, Losses, Trained, Variables
from gan_restore.models.shared.trunk import convolutions
from gan_restore.nn import augmentations, layers, losses
from gan_restore.restorers.result import Result


class Embedding(nn.Module):
  """Image [N, S, S, C] -> unit vectors [N, features], cosines to the training people [N, people].

  The `convolutions` of `models.shared.trunk`; then a weighted sum over space, whose weights each
  feature has for itself (S. Chen et al., "MobileFaceNets", 2018); then a dense layer.
  """

  people: int
  width: int = 16
  features: int = 128
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> tuple[jax.Array, jax.Array]:
    normalise = lambda x: x / jnp.sqrt(jnp.sum(x**2, -1, keepdims=True) + 1e-12)
    x = convolutions(x, self.width, train, self.dtype)
    weights = self.param("pooling", nn.initializers.normal(x.shape[1] ** -1), x.shape[1:])
    x = layers.batch_norm(train)(jnp.sum(weights * x.astype(jnp.float32), (1, 2)))
    x = layers.Dense(self.features, use_bias=False, kernel_init=nn.initializers.he_normal())(x)
    x = normalise(layers.batch_norm(train)(x))
    people = self.param("people", nn.initializers.normal(1.0), (self.people, self.features))
    return x, x @ normalise(people).T


PLAYERS = ("embedding",)
RESTORES = False
CURVES = {"embedding_loss": "embedding"}
REQUIREMENTS = {
  "image_size": (lambda v: v >= 12 and v % 4 == 0, "a multiple of 4, at least 12"),
  "classes": (lambda v: v >= 2, ">= 2"),
  "features": COUNT,
  "margin": losses.WEIGHT,
  "scale": POSITIVE,
}


def network(config: Config) -> Embedding:
  """The network of a config."""
  return Embedding(config.classes, config.width, config.features, jnp.dtype(config.dtype))


def init(config: Config, key: jax.Array) -> Variables:
  """Fresh variables (`params`, `batch_stats`)."""
  image = jnp.zeros((1, config.image_size, config.image_size, config.channels))
  return {"embedding": network(config).init(key, image)}


def active_players(config: Config, step: int) -> tuple[str, ...]:
  """The only player learns at every step."""
  del config, step
  return PLAYERS


def compute_losses(
  config: Config, variables: Variables, batch: dict, key: jax.Array, active: tuple[str, ...]
) -> Losses:
  r"""CosFace's loss on one batch of real images (eq. 4); see `models.Family`.

  With the cosines c of an image to all people, its own person y, the scale s and the margin m:

  .. math::
    -\log \frac{e^{s (c_y - m)}}{e^{s (c_y - m)} + \sum_{j \neq y} e^{s c_j}}
  """
  del active
  image = augmentations.augment(batch["image"], config.augment, key)
  (_, cosines), stats = network(config).apply(
    variables["embedding"], image, True, mutable=["batch_stats"]
  )
  margin = config.margin * jax.nn.one_hot(batch["label"], config.classes)
  values = {
    "embedding": losses.classification_loss(config.scale * (cosines - margin), batch["label"])
  }
  return values, (
    {"embedding": stats},
    {"accuracy": metrics.accuracy(cosines, batch["label"]).mean()},
  )


def embed(trained: Trained, x: jax.Array) -> jax.Array:
  """Unit vectors [N, D] of faces [N, S, S, C] in [0, 1], framed as those of the training."""
  return network(trained.config).apply(trained.variables["embedding"], 2 * x - 1)[0]


def samples(trained: Trained, batch: dict, key: jax.Array) -> jax.Array:
  """Augmented images [N, S, S, C] in [0, 1], as in training."""
  x = augmentations.augment(batch["image"], trained.config.augment, key)
  return jnp.clip((x + 1) / 2, 0, 1)


def restore(trained: Trained, y: jax.Array | np.ndarray, A: Callable) -> Result:
  """Raises an error: an embedding restores nothing."""
  del trained, y, A
  raise operators.UnsupportedOperatorError("an embedding restores nothing")


def evaluate(trained: Trained, source: data.Source, n: int = 2_000) -> Iterator[tuple[str, float]]:
  """Tells pairs of images of one person from pairs of two people, by the cosine.

  All pairs of the first `n` images of `source` are used.

  Yields:
    (name, value): `auc`, the area under the ROC curve of all pairs; and `accuracy`, the mean of the
    shares of the pairs of both kinds that the best threshold decides correctly.
  """
  vectors, people = [], []
  apply = jax.jit(embed)
  for batch in data.evaluation_batches(source, 64, n):
    valid = batch["valid"] == 1
    vectors.append(np.asarray(apply(trained, batch["image"].astype(np.float32) / 255))[valid])
    people.append(batch["label"][valid])
  x, person = np.concatenate(vectors), np.concatenate(people)
  rows, columns = np.triu_indices(len(x), 1)
  same = person[rows] == person[columns]
  auc, accuracy = metrics.verification((x @ x.T)[rows, columns], same)
  yield "auc", auc
  yield "accuracy", accuracy
