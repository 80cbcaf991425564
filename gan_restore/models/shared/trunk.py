"""The convolutions that the networks which measure restorations share."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_restore.nn import layers


def convolutions(x: jax.Array, width: int, train: bool, dtype: jnp.dtype) -> jax.Array:
  """For use in a compact module: [N, S, S, C] -> [N, s, s, D].

  Pairs of 3x3 convolutions at S, S / 2, ... down to 4 or an odd size, each pair with twice the
  features.
  """
  conv = lambda x, *size: nn.relu(
    layers.batch_norm(train, dtype)(
      layers.Conv(*size, use_bias=False, dtype=dtype, kernel_init=nn.initializers.he_normal())(x)
    )
  )
  features = width
  x = conv(x, features, 3, 1)
  while x.shape[1] % 2 == 0 and x.shape[1] > 4:
    features *= 2
    x = conv(conv(x, features, 4, 2), features, 3, 1)
  return x
