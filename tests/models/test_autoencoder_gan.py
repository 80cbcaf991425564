import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import small_config

from gan_restore import data, metrics, operators, train, weights
from gan_restore.models import autoencoder_gan as family


def test_it_ships_in_few_megabytes():
  config = small_config("autoencoder_gan", image_size=64, width=32, latent_dim=128)
  variables = jax.eval_shape(lambda key: family.init(config, key), jax.random.key(0))
  assert sum(np.prod(x.shape) for x in jax.tree.leaves(variables)) * 2 < 5 * 2**20


@pytest.mark.parametrize("size,channels", [(16, 1), (32, 3), (128, 3)])
def test_sizes(size, channels):
  config = small_config("autoencoder_gan", image_size=size, channels=channels)
  variables = family.init(config, jax.random.key(0))
  z = family.sample_latent(config, jax.random.key(1), 2)
  x = family.generate(config, variables, z)
  assert x.shape == (2, size, size, channels) and x.min() >= 0 and x.max() <= 1
  assert family.discriminate(config, variables, x).shape == (2,)
  assert family.encode(config, variables, x).shape == z.shape


def test_losses_are_those_of_the_docstring():
  config = small_config("autoencoder_gan", code_noise=0.0, augment="", adversarial=0.3)
  variables = family.init(config, jax.random.key(0))
  x = jax.random.uniform(jax.random.key(1), (8, 16, 16, 3), minval=-1, maxval=1)
  play = lambda x: family.play(config, variables, {"image": x}, jax.random.key(2), family.PLAYERS)
  values, (stats, metrics) = jax.vmap(play, axis_name="batch")(x[None])
  values, metrics = jax.tree.map(lambda v: float(v[0]), (values, metrics))
  assert set(stats) == set(family.PLAYERS)

  def run(x):
    apply = lambda network, player, *args: network.apply(
      variables[player], *args, True, mutable=["batch_stats"]
    )[0]
    g, d, e = family.networks(config)
    code = apply(e, "encoder", x)
    z = family.sample_latent(config, jax.random.split(jax.random.key(2), 4)[0], 8)
    images = apply(g, "generator", jnp.concatenate([z, code]))
    return code, images, apply(d, "discriminator", images[:8])

  code, images, logits = jax.tree.map(lambda v: v[0], jax.vmap(run, axis_name="batch")(x[None]))
  np.testing.assert_allclose(code.mean(0), 0, atol=0.15)  # But for what the box cuts off.
  np.testing.assert_allclose(code.var(0), 1 / 3, rtol=0.4)
  distance = np.abs(images[8:] - x).mean()
  judged = -np.log(1 / (1 + np.exp(-np.asarray(logits, np.float64)))).mean()
  np.testing.assert_allclose(metrics["l_rec"], distance, rtol=1e-5)
  np.testing.assert_allclose(values["encoder"], 10 * distance, rtol=1e-5)
  np.testing.assert_allclose(values["generator"], 10 * distance + 0.3 * judged, rtol=1e-5)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
  workdir = tmp_path_factory.mktemp("run")
  config = small_config("autoencoder_gan", steps=450, batch_size=16, log_every=25)
  config.update(sample_every=450, checkpoint_every=450, learning_rate=1e-3)
  train.train(config, workdir)
  return workdir


def test_real_faces_come_within_reach(learned):
  """The distance of G(E(x)) to x falls by a quarter, and by the averaged weights it is 2 dB
  nearer than the mean of all images."""
  rows = train.read_metrics(learned)
  assert rows[-1]["l_rec"] < 0.75 * rows[0]["l_rec"]
  trained = weights.load(learned)
  x = _faces()
  back = family.generate(
    trained.config, trained.variables, family.encode(trained.config, trained.variables, x)
  )
  mean = jnp.broadcast_to(x.mean(0), x.shape)
  assert metrics.psnr(back, x).mean() > metrics.psnr(mean, x).mean() + 2


def test_the_search_begins_with_the_code(learned):
  trained = weights.load(learned)
  x = _faces()
  A = operators.super_resolve(2)
  ours = family.restore(trained, A(x), A, steps=1, candidates=1, blend="none")
  code = family.encode(trained.config, trained.variables, x)
  assert np.abs(ours.latent - code).mean() < 0.15
  assert metrics.psnr(ours.image, x).mean() > 15
  several = family.restore(trained, A(x), A, steps=1, candidates=4, blend="none")
  assert np.all(several.loss <= ours.loss + 1e-3) and several.spread.max() > 0


def test_an_image_is_restored_alike_in_any_batch(learned):
  trained = weights.load(learned)
  x, A = _faces(), operators.super_resolve(2)
  batch = family.restore(trained, A(x), A, steps=60, candidates=1)
  for i in (0, 5, 11):
    alone = family.restore(trained, A(x[i : i + 1]), A, steps=60, candidates=1)
    np.testing.assert_allclose(batch.latent[i], alone.latent[0], atol=1e-4)


def _faces():
  source = data.load("toy_faces", "test", 16, None)
  batch = next(data.evaluation_batches(source, 16))
  return jnp.asarray(batch["image"].astype(np.float32) / 255)
