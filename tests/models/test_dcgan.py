import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from conftest import small_config

from gan_restore import models, weights
from gan_restore.data import toy_faces
from gan_restore.models import dcgan


def test_the_networks_are_dcgans():
  """Channels halve and sizes double, from 4x4x512 to 64x64x3; D in reverse order."""
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
  assert count * 2 < 14 * 2**20  # As float16 it may be shipped.


@pytest.mark.parametrize("size,channels", [(16, 1), (32, 3), (128, 3)])
def test_sizes(size, channels):
  config = small_config(image_size=size, channels=channels)
  variables = dcgan.init(config, jax.random.key(0))
  z = dcgan.sample_latent(config, jax.random.key(1), 2)
  x = dcgan.generate(config, variables, z)
  assert x.shape == (2, size, size, channels) and x.min() >= 0 and x.max() <= 1
  assert dcgan.discriminate(config, variables, x).shape == (2,)


def test_the_latent_prior_is_uniform_on_the_box():
  z = dcgan.sample_latent(small_config(), jax.random.key(0), 4000)
  assert z.shape == (4000, 16) and z.min() >= -1 and z.max() <= 1
  np.testing.assert_allclose(z.var(), 1 / 3, rtol=0.02)


def test_each_players_gradient_is_that_of_its_own_loss():
  """The shared pass and its pullbacks, against two separate functions."""
  config = small_config()
  variables = dcgan.init(config, jax.random.key(0))
  image = jax.random.uniform(jax.random.key(1), (8, 16, 16, 3), minval=-1, maxval=1)
  key = jax.random.key(2)

  def play(params):
    new = {p: {**variables[p], "params": params[p]} for p in params}
    return dcgan.play(config, new, {"image": image}, key, dcgan.PLAYERS)

  def separate(params, player):
    g, d = dcgan.networks(config)
    z = dcgan.sample_latent(config, jax.random.split(key, 3)[0], 8)
    apply = lambda net, v, x: net.apply(v, x, True, mutable=["batch_stats"])[0]
    fake = apply(g, {**variables["generator"], "params": params["generator"]}, z)
    judge = lambda x: jax.nn.sigmoid(
      apply(d, {**variables["discriminator"], "params": params["discriminator"]}, x)
    )
    if player == "generator":
      return -jnp.log(judge(fake)).mean()
    return -jnp.log(judge(image)).mean() - jnp.log(1 - judge(fake)).mean()

  def run(params):  # `batch` is the device axis; one device here.
    values, pullback, _ = jax.vjp(play, params, has_aux=True)
    out = {}
    for player in dcgan.PLAYERS:
      one = {p: jnp.float32(p == player) for p in values}
      out[player] = pullback(one)[0][player], jax.grad(separate)(params, player)[player]
    return out

  params = {p: v["params"] for p, v in variables.items()}
  batched = jax.tree.map(lambda x: x[None], params)
  for got, wanted in jax.vmap(run, axis_name="batch")(batched).values():
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted)):
      np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


def test_evaluation_yields_the_mean_first(tiny_prior):
  source = toy_faces.ToyFaces("test", 32)
  scores = dict(dcgan.evaluate(tiny_prior.config, tiny_prior.variables, source, n=2))
  names = list(scores)
  assert names[0] == "psnr" and len(names) == 6
  np.testing.assert_allclose(scores["psnr"], np.mean([scores[n] for n in names[1:]]), rtol=1e-6)


def test_families():
  assert "dcgan" in models.names() and models.get("dcgan") is dcgan
  with pytest.raises(ValueError, match=r"unknown family 'vae'; there are: .*dcgan"):
    models.get("vae")
  for name in models.names():
    for function in ("init", "learning", "play", "samples", "evaluate", "restore", "PLAYERS"):
      assert hasattr(models.get(name), function), (name, function)


def test_the_dtype_of_a_config_is_that_of_its_layers():
  config = ml_collections.FrozenConfigDict(small_config(dtype="bfloat16"))
  trained = weights.Trained(dcgan.init(config, jax.random.key(0)), config)
  z = dcgan.sample_latent(config, jax.random.key(0), 2)
  x = dcgan.generate(config, trained.variables, z)
  assert x.dtype == jnp.float32
  with jax.checking_leaks():
    text = str(jax.make_jaxpr(lambda z: dcgan.generate(config, trained.variables, z))(z))
  assert "bf16" in text
