"""Losses shared by the families, computed from logits.

A discriminator here returns logits l [N], so that D(x) = sigmoid(l); log D and log(1 - D) are
then softplus functions of l, finite for every finite l. A classifier returns logits [N, classes].
"""

import jax
import jax.numpy as jnp

WEIGHT = (lambda v: v >= 0, ">= 0")  # What the weight of a loss in a config must be.


def log_d(logits: jax.Array) -> jax.Array:
  """log D(x) for logits of any shape."""
  return -jax.nn.softplus(-logits)


def log_one_minus_d(logits: jax.Array) -> jax.Array:
  """log(1 - D(x)) for logits of any shape."""
  return -jax.nn.softplus(logits)


def discriminator_loss(real: jax.Array, fake: jax.Array) -> jax.Array:
  r"""-E[log D(x)] - E[log(1 - D(G(z)))]: what D minimises (Goodfellow et al. 2014, eq. 1).

  Args:
    real: Logits of real images, any shape.
    fake: Logits of generated images, any shape.

  Returns:
    A scalar.

  Examples:
    >>> import jax.numpy as jnp
    >>> round(float(discriminator_loss(jnp.zeros(4), jnp.zeros(4))), 4)  # 2 log 2
    1.3863
  """
  return -jnp.mean(log_d(real)) - jnp.mean(log_one_minus_d(fake))


def generator_loss(fake: jax.Array) -> jax.Array:
  r"""-E[log D(G(z))]: the non-saturating generator loss (Goodfellow et al. 2014, section 3).

  Args:
    fake: Logits of generated images, any shape.

  Returns:
    A scalar.
  """
  return -jnp.mean(log_d(fake))


def classification_loss(logits: jax.Array, label: jax.Array) -> jax.Array:
  r"""-E[log P(Y = y | x)]: what a classifier minimises (Chen et al., cDCGAN, eqs 4 and 5).

  Args:
    logits: [N, classes].
    label: Integer classes [N], for a softmax; or attributes of 0 and 1 [N, classes], independent
      sigmoids, whose log likelihood is divided by their number, so that a weight means the same for
      1 or 40.

  Returns:
    A scalar.

  Raises:
    ValueError: If there is another number of attributes than of logits.

  Examples:
    >>> import jax.numpy as jnp
    >>> round(float(classification_loss(jnp.zeros((2, 4)), jnp.array([0, 3]))), 4)  # log 4
    1.3863
  """
  if label.ndim == 1:
    picked = jnp.take_along_axis(jax.nn.log_softmax(logits), label[:, None].astype(int), 1)
    return -jnp.mean(picked)
  if label.shape != logits.shape:
    raise ValueError(f"logits are {list(logits.shape)}; the attributes are {list(label.shape)}")
  return -jnp.mean(jax.nn.log_sigmoid((2.0 * label - 1) * logits))
