"""Losses shared by the families, computed from logits.

A discriminator here returns logits l [N], so that D(x) = sigmoid(l); log D and log(1 - D) are
then softplus functions of l, finite for every finite l.
"""

import jax
import jax.numpy as jnp


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
