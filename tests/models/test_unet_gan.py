import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import Constant, gradients, hole_psnr, losses, small_config, untrained

from gan_restore.degradations import operators
from gan_restore.degradations.operators import UnsupportedOperatorError
from gan_restore.models import unet_gan
from gan_restore.restorers import fills
from gan_restore.training import weights
from gan_restore.training.config import validate
from gan_restore.training.state import init_state


def shapes_of(variant, **changes):
  config = small_config("unet_gan", variant, image_size=64, width=8, **changes)
  variables = jax.eval_shape(lambda key: unet_gan.init(config, key), jax.random.key(0))
  return jax.tree.map(lambda x: x.shape, variables)


def test_the_unet_halves_to_4x4_and_joins_what_it_passed():
  g = shapes_of("unet")["generator"]["params"]
  assert list(g) == ["UNet_0"]
  net = g["UNet_0"]
  down = [net[f"Conv_{i}"]["kernel"] for i in range(5)]
  assert down == [(3, 3, 4, 8), (4, 4, 8, 16), (4, 4, 16, 32), (4, 4, 32, 64), (4, 4, 64, 64)]
  up = [net[f"ConvTranspose_{i}"]["kernel"] for i in range(4)]
  assert up == [(4, 4, 64, 64), (4, 4, 32, 128), (4, 4, 16, 64), (4, 4, 8, 32)]
  assert net["Conv_5"]["kernel"] == (3, 3, 16, 3)


def test_the_discriminator_is_convolutions_and_a_dense_layer():
  d = shapes_of("unet")["discriminator"]["params"]
  assert {name.partition("_")[0] for name in d} == {"Conv", "BatchNorm", "Dense"}
  assert d["Conv_0"]["kernel"] == (4, 4, 4, 8)  # RGB and the mask.


def test_the_two_stages_refine_a_coarse_completion():
  assert len(shapes_of("two_stage")["generator"]["params"]) == 2
  trained = untrained("unet_gan", "two_stage")
  config, variables = trained.config, trained.variables["generator"]
  image = jax.random.uniform(jax.random.key(1), (2, 16, 16, 3), minval=-1)
  mask = jnp.zeros((2, 16, 16, 1)).at[:, 4:12, 4:12].set(1)
  generator, _ = unet_gan.networks(config)
  coarse, fine = generator.apply(variables, image, mask)
  one = unet_gan.UNet(3, config.width)
  stage = lambda i, x: one.apply(
    {kind: tree[f"UNet_{i}"] for kind, tree in variables.items()}, x, mask
  )
  np.testing.assert_allclose(coarse, stage(0, image), atol=1e-6)
  pasted = np.where(mask == 1, coarse, image)
  np.testing.assert_allclose(fine, stage(1, pasted), atol=1e-6)


def test_an_image_is_filled_in_the_same_way_wherever_it_stands_in_the_batch():
  trained = untrained("unet_gan", fill="noise")
  image = jnp.broadcast_to(jax.random.uniform(jax.random.key(0), (1, 16, 16, 3)), (3, 16, 16, 3))
  mask = jnp.zeros((3, 16, 16, 1)).at[:, 4:9, 4:9].set(1)
  found = unet_gan.complete(trained, image, mask)
  np.testing.assert_allclose(found[1:], found[:-1], atol=1e-6)


def test_corrections_of_white_stay_white():
  trained = untrained("unet_gan_large", image_size=32)
  large = jax.tree.map(lambda x: x + 1.0, trained.variables["generator"]["params"]["UNet_1"])
  generator = trained.variables["generator"]
  generator = {**generator, "params": {**generator["params"], "UNet_1": large}}
  trained = trained.replace(variables={**trained.variables, "generator": generator})
  found = unet_gan.complete(trained, jnp.ones((1, 32, 32, 3)), jnp.zeros((1, 32, 32, 1)))
  network, _ = unet_gan.networks(trained.config)
  raw = network.apply(generator, jnp.ones((1, 32, 32, 3)), jnp.zeros((1, 32, 32, 1)))[-1]
  assert raw.max() > 1.05 and found.max() == 1


def test_the_large_network_begins_with_the_small_one(tmp_path):
  """Its first stage is the network of half the size. At initialisation the second changes
  nothing."""
  small = untrained("unet_gan")
  weights.save(tmp_path / "small.safetensors", small)
  config = small_config("unet_gan_large", image_size=32)
  state = weights.init_from(init_state(config), str(tmp_path / "small.safetensors"))
  variables = state.variables["generator"]
  image = jax.random.uniform(jax.random.key(1), (2, 32, 32, 3), minval=-1)
  mask = jnp.zeros((2, 32, 32, 1)).at[:, 9:20, 4:24].set(1)
  generator, _ = unet_gan.networks(config)
  coarse, fine = generator.apply(variables, image, mask)
  half = image.reshape(2, 16, 2, 16, 2, 3).mean((2, 4))
  holes = mask.reshape(2, 16, 2, 16, 2, 1).max((2, 4))
  own, _ = unet_gan.networks(small.config)
  expected = own.apply(small.variables["generator"], half, holes)[-1]
  expected = jax.image.resize(expected, image.shape, "cubic")
  np.testing.assert_allclose(coarse, expected, atol=0.01)  # The file has float16.
  np.testing.assert_array_equal(fine, np.where(mask == 1, coarse, image))
  with pytest.raises(ValueError, match="generator has another architecture"):
    weights.init_from(
      init_state(small_config("unet_gan", "unet", width=8)), tmp_path / "small.safetensors"
    )
  with pytest.raises(ValueError, match=r"config\.coarse is 2; with stages = 1 it must be 1"):
    unet_gan.networks(small_config("unet_gan_large", stages=1, coarse=2))
  with pytest.raises(ValueError, match=r"config\.coarse is 0; it must be a whole number >= 1"):
    validate(small_config("unet_gan_large", coarse=0))


def make_batch():
  return {"image": jax.random.uniform(jax.random.key(1), (4, 16, 16, 3), minval=-1)}


def test_the_bce_is_eq_1():
  """The BCE of D's outputs, with y = 1 for real and 0 for generated images."""
  trained = untrained("unet_gan", reconstruction_weight=2.0, adversarial_weight=0.5)
  values, (_, m) = losses(trained, make_batch())
  np.testing.assert_allclose(values["discriminator"], m["l_d"], rtol=1e-6)
  np.testing.assert_allclose(values["generator"], 2 * m["l_rec"] + 0.5 * m["l_g"], rtol=3e-6)


def test_the_losses_in_numpy(monkeypatch):
  """G returns 0. D's logits are 0.5 for the real images, and -1 for others."""
  image = make_batch()["image"]
  D = lambda x, train: jnp.where(jnp.all(x[..., :3] == image, (1, 2, 3)), 0.5, -1.0)
  networks = Constant(lambda x, mask, train: [jnp.zeros_like(x)]), Constant(D)
  monkeypatch.setattr(unet_gan, "networks", lambda config: networks)
  config = small_config("unet_gan", masks="center")
  nobody = {"generator": {}, "discriminator": {}}
  values, (_, found) = unet_gan.compute_losses(
    config, nobody, {"image": image}, jax.random.key(0), unet_gan.PLAYERS
  )
  on_real, on_fake = 1 / (1 + np.exp(-0.5)), 1 / (1 + np.exp(1.0))
  np.testing.assert_allclose(values["discriminator"], -np.log(on_real) - np.log(1 - on_fake), 1e-5)
  np.testing.assert_allclose(found["l_g"], -np.log(on_fake), 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["unet", "two_stage"])
def test_every_player_gets_a_gradient_everywhere(variant):
  found = gradients(untrained("unet_gan", variant), make_batch())
  for path, leaf in jax.tree_util.tree_leaves_with_path(found):
    assert float(jnp.abs(leaf).max()) > 0, jax.tree_util.keystr(path)


def test_the_first_stage_of_the_large_network_does_not_learn():
  """At initialisation the second stage learns at its last layer, whose kernel is 0."""
  found = gradients(untrained("unet_gan_large"), make_batch())
  learns = lambda tree: max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(tree)) > 0
  assert not learns(found["generator"]["UNet_0"])
  assert learns(found["generator"]["UNet_1"]) and learns(found["discriminator"])


@pytest.mark.parametrize("fill", fills.FILLS)
def test_the_hole_does_not_matter_and_the_known_pixels_are_kept(fill):
  trained = untrained("unet_gan", fill=fill, image_size=32)
  x = np.random.default_rng(0).random((2, 32, 32, 3)).astype(np.float32)
  mask = np.zeros((2, 32, 32, 1), np.float32)
  mask[0, 8:24, 8:24] = mask[1, :8] = 1
  A = operators.inpaint(mask)
  result = unet_gan.restore(trained, x * (1 - mask), A)
  known = np.broadcast_to(mask, x.shape) == 0
  np.testing.assert_array_equal(np.asarray(result.image)[known], x[known])
  junk = unet_gan.restore(trained, x * (1 - mask) + 0.7 * mask, A)
  np.testing.assert_allclose(result.generated, junk.generated, atol=1e-6)
  with pytest.raises(UnsupportedOperatorError, match=r"^unet_gan restores only inpaint; A is "):
    unet_gan.restore(trained, x, operators.denoise())


@pytest.mark.parametrize(
  "changes,message",
  [
    ({"fill": "mud"}, "config.fill is 'mud'; it must be one of ring, nearest"),
    ({"stages": 3}, "config.stages is 3; it must be 1 or 2"),
    ({"masks": "lips:2"}, "config.masks is 'lips:2'; it must be kinds of masks"),
    ({"known_weight": -1.0}, "config.known_weight is -1.0; it must be >= 0"),
  ],
)
def test_invalid_configs(changes, message):
  with pytest.raises(ValueError, match=message):
    validate(small_config("unet_gan", **changes))


@pytest.mark.slow
@pytest.mark.parametrize("family", ["unet_gan", "encoder_dcgan"])
def test_it_learns_to_fill_holes(family, trained):
  """100 steps on toy faces raise the PSNR of the hole by 2 dB or more."""
  workdir = trained(
    family, image_size=32, width=8, steps=100, masks="center", checkpoint_every=100, ema_decay=0.9
  )
  learned = weights.load(workdir)
  after = hole_psnr(learned)
  fresh = learned.replace(variables=init_state(learned.config).variables)
  assert after > hole_psnr(fresh) + 2 and after > 12
