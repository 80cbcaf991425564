"""Restoring from a coarse image: code that ResGAN and its baselines share.

A coarse image [N, S, S, C] has the size of the image, but is constant on blocks of `factor` x
`factor` pixels (`operators.coarsen`). Each of these families has a function

  generate(trained, coarse_image, label) -> images [N, S, S, C] in [0, 1]

of coarse images in [0, 1]. Only CGAN uses the label.
"""

import functools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gan_restore import data
from gan_restore.degradations import operators
from gan_restore.evaluation import metrics, scoring
from gan_restore.models import Config, Trained
from gan_restore.nn import losses
from gan_restore.restorers.result import Result

REQUIREMENTS = {
  "image_size": (lambda v: v >= 12 and v % 4 == 0, "a multiple of 4, at least 12"),
  "factor": (lambda v: v >= 2, ">= 2"),
  "classes": (lambda v: v >= 2, ">= 2"),
  "reconstruction_weight": losses.WEIGHT,
}


def vector(config: Config, coarse_image: jax.Array) -> jax.Array:
  """One pixel of each block of a coarse image: [N, (S / factor)^2 C]."""
  f = config.factor
  return coarse_image[:, ::f, ::f].reshape(coarse_image.shape[0], -1)


def targets(config: Config, label: jax.Array) -> jax.Array:
  """Labels as independent bits Y [N, classes] of 0 and 1 (the ResGAN paper, section 2.2.1).

  Args:
    config: The config, with `classes`.
    label: Integer classes [N], which become one-hot; or attributes of 0 and 1 [N, classes].

  Returns:
    float32 [N, classes].

  Raises:
    ValueError: If there are more or fewer attributes than classes.
  """
  if label.ndim == 1:
    return jax.nn.one_hot(label, config.classes)
  if label.shape[-1] != config.classes:
    raise ValueError(
      f"config.classes is {config.classes}; the data set has {label.shape[-1]} attributes"
    )
  return label.astype(jnp.float32)


def reconstruction_loss(fake: jax.Array, real: jax.Array) -> jax.Array:
  """The mean L1 distance to the original."""
  return jnp.mean(jnp.abs(fake - real))


def samples(generate: Callable, trained: Trained, batch: dict, key: jax.Array) -> jax.Array:
  """One row per image: coarse, restored, original, in [0, 1]."""
  del key
  real = (batch["image"][:21] + 1) / 2
  coarse = operators.Coarsen(trained.config.factor)(real)
  restored = generate(trained, coarse, batch["label"][:21])
  columns = jnp.stack([coarse, restored, real], 1)
  return columns.reshape(-1, *real.shape[1:])


@functools.partial(jax.jit, static_argnums=0)
def _generate(generate, trained, y, label):
  return generate(trained, y, label)


def restore(
  generate: Callable,
  trained: Trained,
  y: jax.Array | np.ndarray,
  A: Callable,
  *,
  label: jax.Array | np.ndarray | None = None,
) -> Result:
  """Restores from coarse images in one forward pass.

  Args:
    generate: The family's `generate`.
    trained: The family's trained networks.
    y: Coarse images [N, S, S, C] in [0, 1], or their low-resolution version
      [N, S / factor, S / factor, C].
    A: `operators.coarsen(factor)`, or `super_resolve(factor)`, with the factor that was trained.
    label: Integer classes [N] or attributes [N, classes], only for CGAN.

  Returns:
    The result.

  Raises:
    UnsupportedOperatorError: For any other operator or factor.
    ValueError: For images of another size, or an invalid label.
  """
  config = trained.config
  blocks = operators.expect(config.family, A, "coarsen", "super_resolve")
  factor = blocks.factor
  if factor != config.factor:
    raise operators.UnsupportedOperatorError(
      f"{config.family} was trained for factor {config.factor}; A's is {factor}"
    )
  y, A = operators.prepare(y, A, trained.image_shape)
  y = operators.enlarge(blocks.low_resolution(y), factor)
  if label is not None:
    label = _check_label(label, len(y), config.classes)
  image = _generate(generate, trained, y, label)
  return Result(image=image, generated=image)


def _check_label(label, n: int, classes: int) -> np.ndarray:
  label = np.asarray(label)
  if label.shape not in ((n,), (n, classes)):
    raise ValueError(
      f"label has shape {list(label.shape)}; it must be integer classes [{n}] or attributes"
      f" [{n}, {classes}]"
    )
  top = classes - 1 if label.ndim == 1 else 1
  wrong = label[(label < 0) | (label > top) | (label != np.round(label))]
  if wrong.size:
    raise ValueError(
      f"label has the value {wrong[0]}; it must be a whole number between 0 and {top}"
    )
  return label


def evaluate(
  restore: Callable, classify: Callable | None, trained: Trained, source: data.Source, n: int = 256
) -> Iterator[tuple[str, float]]:
  """Scores restorations of the first images of `source`.

  Args:
    restore: The family's `restore`.
    classify: (trained, images in [0, 1]) -> logits of the family's own classifier, or None.
    trained: The family's trained networks.
    source: From `data.load`.
    n: Maximum number of images.

  Yields:
    (name, value): `psnr`, `ssim`, and `own_accuracy`, that of the family's own classifier, if it
    has one.
  """
  totals: dict[str, float] = {}
  count = min(n, len(source))
  for batch in data.evaluation_batches(source, 64, n):
    x = batch["image"].astype(np.float32) / 255
    A = operators.Coarsen(trained.config.factor)
    image = restore(trained, A(x), A, label=batch["label"]).image
    values = scoring.score(image, x)
    if classify:
      values["own_accuracy"] = metrics.accuracy(classify(trained, image), batch["label"])
    for name, value in values.items():
      totals[name] = totals.get(name, 0.0) + float(jnp.sum(value * batch["valid"]))
  yield from ((name, total / count) for name, total in totals.items())
