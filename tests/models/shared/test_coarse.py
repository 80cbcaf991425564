import jax.numpy as jnp
import numpy as np
import pytest
from helpers import small_config, untrained

from gan_restore.data import toy_faces
from gan_restore.degradations import operators
from gan_restore.models.shared import coarse
from gan_restore.training.config import validate


def test_the_vector_is_one_pixel_of_each_block():
  config = small_config("gan", image_size=32, factor=8)
  x = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
  vector = coarse.vector(config, operators.coarsen(config.factor)(x))
  wanted = x.reshape(2, 4, 8, 4, 8, 3).mean((2, 4)).reshape(2, -1)
  np.testing.assert_allclose(vector, wanted, atol=1e-6)


def test_labels_are_bits():
  config = small_config("gan", classes=3)
  softmax = coarse.targets(config, jnp.array([2, 0], jnp.uint8))
  np.testing.assert_array_equal(softmax, [[0, 0, 1], [1, 0, 0]])
  attributes = coarse.targets(config, jnp.array([[1, 0, 1], [0, 0, 0]], jnp.uint8))
  np.testing.assert_array_equal(attributes, [[1, 0, 1], [0, 0, 0]])
  assert softmax.dtype == attributes.dtype == jnp.float32
  with pytest.raises(ValueError, match=r"config\.classes is 3; the data set has 5 attributes"):
    coarse.targets(config, jnp.zeros((2, 5)))


@pytest.mark.parametrize(
  "field,value",
  [("factor", 1), ("image_size", 30), ("classes", 1), ("reconstruction_weight", -1.0)],
)
@pytest.mark.parametrize("name", ["resgan", "gan", "wgan", "cgan"])
def test_invalid_configs_are_refused_by_name(name, field, value):
  with pytest.raises(ValueError, match=rf"config\.{field} is {value}; it must be"):
    validate(small_config(name, **{field: value}))


def test_evaluate_counts_every_image_once():
  """The mean over 70 images equals that over two parts of them, independently of the padding."""
  trained = untrained("gan")
  source = toy_faces.ToyFaces("test", 16)

  class Part:
    def __init__(self, start, stop):
      self._range = range(start, stop)

    def __len__(self):
      return len(self._range)

    def __getitem__(self, i):
      return source[self._range[i]]

  psnr = lambda part: dict(trained.family.evaluate(trained, part))["psnr"]
  whole, first, second = (psnr(Part(*ends)) for ends in ((0, 70), (0, 30), (30, 70)))
  np.testing.assert_allclose(whole, (30 * first + 40 * second) / 70, rtol=1e-5)
