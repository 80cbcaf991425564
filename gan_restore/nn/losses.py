"""Losses shared by the families, computed from logits.

Discriminators return logits l [N], so that D(x) = sigmoid(l). Then log D and log(1 - D) are
softplus functions of l, which are finite for every finite l. Classifiers return logits
[N, classes].
"""

import jax
import jax.numpy as jnp

WEIGHT = (lambda v: v >= 0, ">= 0")  # For the weight of a loss: (test, text of the error).


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
    label: Integer classes [N], for a softmax; or attributes of 0 and 1 [N, classes], for
      independent sigmoids. The log likelihood of attributes is divided by their number, so that the
      weight of the loss does not depend on it.

  Returns:
    A scalar.

  Raises:
    ValueError: If the number of attributes differs from the number of logits.

  Examples:
    >>> import jax.numpy as jnp
    >>> round(float(classification_loss(jnp.zeros((2, 4)), jnp.array([0, 3]))), 4)  # log 4
    1.3863
  """
  if label.ndim == 1:
    picked = jnp.take_along_axis(jax.nn.log_softmax(logits), label[:, None].astype(int), 1)
    return -jnp.mean(picked)
  if label.shape != logits.shape:
    raise ValueError(
      f"label has shape {list(label.shape)}; it must be {list(logits.shape)}, like the logits"
    )
  return -jnp.mean(jax.nn.log_sigmoid((2.0 * label - 1) * logits))
