"""GAN, DCGAN, WGAN and CGAN, as baselines of ResGAN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import Constant, gradients, small_config, untrained
from PIL import Image

from gan_restore.degradations import operators
from gan_restore.degradations.operators import UnsupportedOperatorError
from gan_restore.models import gan
from gan_restore.training import loop

CASES = [("gan", {"network": "dense"}), ("gan", {"network": "conv"}), ("wgan", {}), ("cgan", {})]


@pytest.mark.parametrize("family,changes", CASES)
def test_every_player_gets_a_gradient_from_its_own_loss_alone(family, changes):
  batch = {
    "image": jax.random.uniform(jax.random.key(1), (4, 16, 16, 3), minval=-1),
    "label": jnp.zeros((4, 10), jnp.uint8),
  }
  found = gradients(untrained(family, **changes), batch)
  for path, leaf in jax.tree_util.tree_leaves_with_path(found):
    name = jax.tree_util.keystr(path)
    cancels = name == "['critic']['Dense_0']['bias']"  # The same for f(x) and f(G).
    assert (float(jnp.abs(leaf).max()) > 0) != cancels, name


def test_the_losses_in_numpy(monkeypatch):
  """G returns 0. D's logits are 0.5 for the real images, and -1 for others."""
  image = jax.random.uniform(jax.random.key(1), (4, 16, 16, 3), minval=-1)
  D = lambda x, train: jnp.where(jnp.all(x == image, (1, 2, 3)), 0.5, -1.0)
  networks = Constant(lambda x, train: jnp.zeros_like(image)), Constant(D)
  monkeypatch.setattr(gan, "networks", lambda config: networks)
  config = small_config("gan", network="conv", reconstruction_weight=0.0)
  nobody = {"generator": {}, "discriminator": {}}
  values, _ = gan.compute_losses(config, nobody, {"image": image}, jax.random.key(0), gan.PLAYERS)
  on_real, on_fake = 1 / (1 + np.exp(-0.5)), 1 / (1 + np.exp(1.0))
  np.testing.assert_allclose(values["discriminator"], -np.log(on_real) - np.log(1 - on_fake), 1e-5)
  np.testing.assert_allclose(values["generator"], -np.log(on_fake), 1e-5)


def test_cgans_conditioning_changes_the_output():
  trained = untrained("cgan", image_size=28, channels=1)
  x = jax.random.uniform(jax.random.key(1), (2, 28, 28, 1))
  a, b = (gan.generate(trained, x, jnp.array(label)) for label in ([3, 3], [3, 7]))
  np.testing.assert_array_equal(a[0], b[0])
  assert float(jnp.abs(a[1] - b[1]).max()) > 1e-4
  with pytest.raises(ValueError, match="label is None; it must be the class"):
    gan.generate(trained, x)


def test_restoring_takes_the_coarse_image_or_its_few_pixels():
  trained = untrained("gan", image_size=32, network="conv")
  x = np.random.default_rng(0).random((2, 32, 32, 3)).astype(np.float32)
  coarse, small = operators.coarsen(4), operators.super_resolve(4)
  one, other = gan.restore(trained, coarse(x), coarse), gan.restore(trained, small(x), small)
  np.testing.assert_allclose(one.image, other.image, atol=1e-6)
  with pytest.raises(ValueError, match="gan was trained for factor 4; A's is 8"):
    gan.restore(trained, operators.coarsen(8)(x), operators.coarsen(8))
  with pytest.raises(UnsupportedOperatorError, match="gan restores only coarsen or super_resolve"):
    gan.restore(trained, x, operators.denoise())
  with pytest.raises(ValueError, match=r"A cannot be applied|y has shape"):
    gan.restore(trained, x[:, :16, :16], coarse)


@pytest.mark.parametrize(
  "label,message",
  [
    (None, "label is None; it must be the class or the attributes of each image"),
    ([3, 10], "label has the value 10; it must be a whole number between 0 and 9"),
    ([-1, 0], "label has the value -1; it must be a whole number between 0 and 9"),
    ([0.5, 1.0], "label has the value 0.5; it must be a whole number between 0 and 9"),
    (np.full((2, 10), 2), "label has the value 2; it must be a whole number between 0 and 1"),
    ([3], r"label has shape \[1\]; it must be integer classes \[2\] or attributes \[2, 10\]"),
  ],
)
def test_a_label_missing_or_out_of_range_is_refused(label, message):
  trained = untrained("cgan", image_size=32)
  A = operators.coarsen(trained.config.factor)
  with pytest.raises(ValueError, match=message):
    gan.restore(trained, np.zeros((2, 32, 32, 3), np.float32), A, label=label)


@pytest.mark.parametrize("family", ["resgan", "cgan"])
def test_a_data_set_without_labels_is_refused(family, tmp_path):
  Image.new("RGB", (16, 16)).save(tmp_path / "one.png")
  config = small_config(family, dataset=f"folder:{tmp_path}", data_dir=str(tmp_path / "prepared"))
  with pytest.raises(ValueError, match=r"config\.classes is 10; folder:.* has no labels"):
    loop.train(config, tmp_path / "run")


@pytest.mark.parametrize("family", ["resgan", "cgan"])
def test_labels_that_do_not_fit_are_refused_by_name(family, tmp_path):
  config = small_config(family, classes=7)
  with pytest.raises(ValueError, match=r"config\.classes is 7; toy_faces has 10 classes"):
    loop.train(config, tmp_path)
