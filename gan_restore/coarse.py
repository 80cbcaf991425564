"""What all networks that restore from a coarse image share: ResGAN's and its rivals'.

A coarse image [N, S, S, C] has the size of the image, but is constant on blocks of `factor` x
`factor` pixels (`operators.coarsen`). Its generators are functions

  generate(config, variables, coarse, label) -> images [N, S, S, C] in [-1, 1]

with `coarse` in [-1, 1], of which only CGAN's looks at the label.
"""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gan_restore import checks, data, evaluation, layers, losses, metrics, operators, weights
from gan_restore.restorers import classical
from gan_restore.restorers.result import Result

REQUIREMENTS = {
  "image_size": (lambda v: v >= 8 and v % 4 == 0, "a multiple of 4, at least 8"),
  "factor": (lambda v: v >= 2, "at least 2"),
  "classes": (lambda v: v >= 2, "at least 2"),
  "reconstruction_weight": losses.WEIGHT,
}


def coarsen(config, image: jax.Array) -> jax.Array:
  """The coarse images of images [N, S, S, C]."""
  return operators.Coarsen(config.factor)(image)


class Critic(nn.Module):
  """DCGAN's discriminator for any size: [N, S, S, C] -> [N, outputs].

  Strided convolutions halve the size while it is even and above 4.
  """

  outputs: int = 1
  width: int = 64
  norm: bool = True  # WGAN's critic has none.
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x, train: bool = False):
    features = self.width
    x = nn.leaky_relu(layers.Conv(features, dtype=self.dtype)(x), 0.2)
    while x.shape[1] % 2 == 0 and x.shape[1] > 4:
      features *= 2
      x = layers.Conv(features, use_bias=not self.norm, dtype=self.dtype)(x)
      x = layers.batch_norm(train, self.dtype)(x) if self.norm else x
      x = nn.leaky_relu(x, 0.2)
    x = x.reshape(x.shape[0], -1)
    return layers.Dense(self.outputs, dtype=self.dtype)(x).astype(jnp.float32)


class Decoder(nn.Module):
  """DCGAN's generator, driven by a vector: [N, I] -> [N, S, S, C] in [-1, 1].

  A dense layer, then transposed convolutions that double the size.
  """

  image_size: int
  channels: int
  width: int = 64  # Features before the last layer; doubled at each layer towards the vector.
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x, train: bool = False):
    size, features = self.image_size // 2, self.width
    while size % 2 == 0 and size > 4:
      size, features = size // 2, 2 * features
    x = layers.Dense(size * size * features, use_bias=False, dtype=self.dtype)(x)
    x = x.reshape(-1, size, size, features)
    while True:
      x = nn.relu(layers.batch_norm(train, self.dtype)(x))
      if 2 * x.shape[1] == self.image_size:
        break
      features //= 2
      x = layers.ConvTranspose(features, use_bias=False, dtype=self.dtype)(x)
    x = layers.ConvTranspose(self.channels, dtype=self.dtype)(x)
    return jnp.tanh(x.astype(jnp.float32))


def vector(config, coarse_image: jax.Array) -> jax.Array:
  """What is left of a coarse image: one pixel of each block, [N, (S / factor)^2 C]."""
  f = config.factor
  return coarse_image[:, ::f, ::f].reshape(coarse_image.shape[0], -1)


def targets(config, label: jax.Array) -> jax.Array:
  """Labels as independent bits Y [N, classes] of 0 and 1 (the ResGAN paper, section 2.2.1).

  Args:
    config: With `classes`.
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


def samples(generate: Callable, config, variables, batch, key: jax.Array) -> jax.Array:
  """Rows of three: coarse, restored, real, in [0, 1]."""
  del key
  real = batch["image"][:21]
  coarse = coarsen(config, real)
  restored = generate(config, variables, coarse, batch["label"][:21])
  columns = jnp.stack([coarse, restored, real], 1)
  return (columns.reshape(-1, *real.shape[1:]) + 1) / 2


@functools.partial(jax.jit, static_argnums=0)
def _generate(generate, trained, y, label):
  return (generate(trained.config, trained.variables, 2 * y - 1, label) + 1) / 2


def restore(generate: Callable, trained, y: jax.Array, A, label=None) -> Result:
  """Restores from coarse images in one forward pass.

  Args:
    generate: The family's.
    trained: The family's trained networks.
    y: Coarse images [N, S, S, C] in [0, 1], or the same before they were enlarged
      [N, S / factor, S / factor, C].
    A: `operators.coarsen(factor)`, or `super_resolve(factor)`, with the factor that was trained.
    label: Integer classes [N] or attributes [N, classes], for CGAN alone.

  Returns:
    The result.

  Raises:
    UnsupportedOperatorError: For any other operator.
    ValueError: For images of another size, another factor, or a label that is none.
  """
  config = trained.config
  classical.expect(config.family, A, operators.Coarsen, operators.SuperResolve)
  if A.factor != config.factor:
    raise ValueError(f"{config.family} was trained for factor {config.factor}; A's is {A.factor}")
  y = checks.observation(y, A, trained.image_shape)
  if isinstance(A, operators.SuperResolve):
    y = operators.enlarge(y, A.factor)
  if label is not None:
    label = _check_label(label, len(y), config.classes)
  image = _generate(generate, trained, y, label)
  return Result(image=image, generated=image)


def _check_label(label, n: int, classes: int) -> np.ndarray:
  label = np.asarray(label)
  if label.shape not in ((n,), (n, classes)):
    raise ValueError(
      f"label has shape {list(label.shape)}; wanted integer classes [{n}] or attributes"
      f" [{n}, {classes}]"
    )
  top = classes - 1 if label.ndim == 1 else 1
  wrong = label[(label < 0) | (label > top) | (label != np.round(label))]
  if wrong.size:
    raise ValueError(f"label has {wrong[0]}; it must be a whole number between 0 and {top}")
  return label


def evaluate(restore: Callable, answer: Callable, config, variables, source, n: int = 256):
  """Restorations of the first images of `source`.

  Args:
    restore: The family's.
    answer: (config, variables, image in [-1, 1]) -> logits of its own classifier, or None.
    config: The run's.
    variables: Of each player.
    source: From `data.load`.
    n: Images at most.

  Yields:
    (name, value): `psnr`, `ssim`, and `own_accuracy`, that of the embedded classifier.
  """
  trained = weights.Trained(variables, config)
  totals = {}
  count = min(n, len(source))
  for batch in data.evaluation_batches(source, 64, n):
    x = batch["image"].astype(np.float32) / 255
    A = operators.Coarsen(config.factor)
    image = restore(trained, A(x), A, label=batch["label"]).image
    values = evaluation.score(image, x)
    if answer:
      logits = answer(config, variables, 2 * image - 1)
      values["own_accuracy"] = metrics.accuracy(logits, batch["label"])
    for name, value in values.items():
      totals[name] = totals.get(name, 0.0) + float(jnp.sum(value * batch["valid"]))
  yield from ((name, total / count) for name, total in totals.items())
