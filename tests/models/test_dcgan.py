import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import on_one_device, small_config, untrained

from gan_restore.data import toy_faces
from gan_restore.models import Trained, dcgan


def test_the_networks_are_dcgans():
  """In G, channels halve and sizes double, from 4x4x512 to 64x64x3. D has the reverse order."""
  config = small_config(image_size=64, width=64, latent_dim=100)
  variables = jax.eval_shape(lambda key: dcgan.init(config, key), jax.random.key(0))
  shapes = jax.tree.map(lambda x: x.shape, variables)
  g, d = shapes["generator"]["params"], shapes["discriminator"]["params"]
  assert g["Dense_0"]["kernel"] == (100, 4 * 4 * 512)
  kernels = [g[f"ConvTranspose_{i}"]["kernel"] for i in range(4)]
  assert kernels == [(4, 4, 256, 512), (4, 4, 128, 256), (4, 4, 64, 128), (4, 4, 3, 64)]
  kernels = [d[f"Conv_{i}"]["kernel"] for i in range(4)]
  assert kernels == [(4, 4, 3, 64), (4, 4, 64, 128), (4, 4, 128, 256), (4, 4, 256, 512)]
  assert len(shapes["generator"]["batch_stats"]) == 4
  assert len(shapes["discriminator"]["batch_stats"]) == 3
  count = sum(np.prod(x.shape) for x in jax.tree.leaves(variables))
  assert count * 2 < 14 * 2**20  # In float16 it is small enough to be shipped.


@pytest.mark.parametrize("size,channels", [(16, 1), (32, 3), (128, 3)])
def test_sizes(size, channels):
  config = small_config("dcgan", image_size=size, channels=channels)

  def run(key):
    trained = Trained(dcgan.init(config, key), config)
    x = dcgan.generate(trained, dcgan.sample_latent(config, key, 2))
    return x, dcgan.discriminate(trained, x)

  found = jax.eval_shape(run, jax.random.key(0))
  assert [x.shape for x in found] == [(2, size, size, channels), (2,)]


def test_the_latent_prior_is_uniform_on_the_box():
  z = dcgan.sample_latent(small_config(), jax.random.key(0), 4000)
  assert z.shape == (4000, 16) and z.min() >= -1 and z.max() <= 1
  np.testing.assert_allclose(z.var(), 1 / 3, rtol=0.02)


def test_each_players_gradient_is_that_of_its_own_loss():
  """Compares the shared pass and its pullbacks with two separate functions."""
  trained = untrained()
  config, variables = trained.config, trained.variables
  image = jax.random.uniform(jax.random.key(1), (8, 16, 16, 3), minval=-1, maxval=1)
  key = jax.random.key(2)

  def losses(params):
    new = {p: {**variables[p], "params": params[p]} for p in params}
    return dcgan.compute_losses(config, new, {"image": image}, key, dcgan.PLAYERS)

  def separate(params, player):
    g, d = dcgan.networks(config)
    z = dcgan.sample_latent(config, jax.random.split(key, 3)[0], 8)
    apply = lambda net, v, x: net.apply(v, x, True, mutable=["batch_stats"])[0]
    fake = apply(g, {**variables["generator"], "params": params["generator"]}, z)
    probability = lambda x: jax.nn.sigmoid(
      apply(d, {**variables["discriminator"], "params": params["discriminator"]}, x)
    )
    if player == "generator":
      return -jnp.log(probability(fake)).mean()
    return -jnp.log(probability(image)).mean() - jnp.log(1 - probability(fake)).mean()

  def run(params):
    values, pullback, _ = jax.vjp(losses, params, has_aux=True)
    out = {}
    for player in dcgan.PLAYERS:
      one = {p: jnp.float32(p == player) for p in values}
      out[player] = pullback(one)[0][player], jax.grad(separate)(params, player)[player]
    return out

  found = on_one_device(run, {p: v["params"] for p, v in variables.items()})
  for got, wanted in found.values():
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted)):
      np.testing.assert_allclose(a, b, rtol=1e-3, atol=3e-6)


@pytest.mark.slow
def test_evaluation_yields_the_mean_first(tiny_prior):
  source = toy_faces.ToyFaces("test", 32)
  scores = dict(dcgan.evaluate(tiny_prior, source, n=2))
  names = list(scores)
  assert names[0] == "psnr" and len(names) == 6
  np.testing.assert_allclose(scores["psnr"], np.mean([scores[n] for n in names[1:]]), rtol=1e-6)


def test_the_dtype_of_a_config_is_that_of_its_layers():
  trained = untrained(dtype="bfloat16")
  z = dcgan.sample_latent(trained.config, jax.random.key(0), 2)
  assert dcgan.generate(trained, z).dtype == jnp.float32
  assert "bf16" in str(jax.make_jaxpr(lambda z: dcgan.generate(trained, z))(z))
