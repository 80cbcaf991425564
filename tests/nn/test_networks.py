import jax
import jax.numpy as jnp
import pytest

from gan_restore.nn import networks


@pytest.mark.parametrize("size,channels,least", [(28, 1, 7), (32, 3, 4), (64, 3, 4)])
def test_the_networks_reach_the_least_size_and_the_image_again(size, channels, least):
  discriminator, decoder = (
    networks.StridedDiscriminator(width=4),
    networks.Decoder(size, channels, width=4),
  )
  x = jax.ShapeDtypeStruct((2, size, size, channels), jnp.float32)
  z = jax.ShapeDtypeStruct((2, 10), jnp.float32)
  key = jax.random.key(0)
  shapes = jax.eval_shape(discriminator.init, key, x)["params"]["Dense_0"]["kernel"].shape
  widest = 4 * size // least // 2
  assert shapes == (least * least * widest, 1)
  assert jax.eval_shape(decoder.init_with_output, key, z)[0].shape == (2, size, size, channels)
  shapes = jax.eval_shape(decoder.init, key, z)["params"]["Dense_0"]["kernel"].shape
  assert shapes == (10, least * least * widest)
