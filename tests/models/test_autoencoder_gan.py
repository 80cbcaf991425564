import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn_faces, losses, on_one_device, small_config, untrained

from gan_restore.degradations import operators
from gan_restore.evaluation import metrics
from gan_restore.models import Trained
from gan_restore.models import autoencoder_gan as family
from gan_restore.training import history, weights


def test_it_ships_in_few_megabytes():
  config = small_config("autoencoder_gan", image_size=64, width=32, latent_dim=128)
  variables = jax.eval_shape(lambda key: family.init(config, key), jax.random.key(0))
  assert sum(np.prod(x.shape) for x in jax.tree.leaves(variables)) * 2 < 5 * 2**20


@pytest.mark.parametrize("size,channels", [(16, 1), (32, 3), (128, 3)])
def test_sizes(size, channels):
  config = small_config("autoencoder_gan", image_size=size, channels=channels)

  def run(key):
    trained = Trained(family.init(config, key), config)
    x = family.generate(trained, family.sample_latent(config, key, 2))
    return x, family.discriminate(trained, x), family.encode(trained, x)

  found = jax.eval_shape(run, jax.random.key(0))
  assert [x.shape for x in found] == [(2, size, size, channels), (2,), (2, 16)]


def test_losses_are_those_of_the_docstring():
  trained = untrained("autoencoder_gan", code_sigma=0.0, augment="", adversarial_weight=0.3)
  config, variables = trained.config, trained.variables
  x = jax.random.uniform(jax.random.key(1), (8, 16, 16, 3), minval=-1, maxval=1)
  values, (stats, found) = losses(trained, {"image": x})
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

  code, images, logits = on_one_device(run, x)
  np.testing.assert_allclose(
    code.mean(0), 0, atol=0.15
  )  # Except for the values that are clipped to [-1, 1].
  np.testing.assert_allclose(code.var(0), 1 / 3, rtol=0.4)
  distance = np.abs(images[8:] - x).mean()
  adversarial = -np.log(1 / (1 + np.exp(-np.asarray(logits, np.float64)))).mean()
  np.testing.assert_allclose(found["l_rec"], distance, rtol=1e-5)
  np.testing.assert_allclose(values["encoder"], 10 * distance, rtol=1e-5)
  np.testing.assert_allclose(values["generator"], 10 * distance + 0.3 * adversarial, rtol=1e-5)


@pytest.fixture(scope="session")
def workdir(trained):
  return trained(
    "autoencoder_gan", steps=200, batch_size=16, log_every=25, checkpoint_every=200,
    learning_rate=1e-3, ema_decay=0.95,
  )  # fmt: skip


@pytest.mark.slow
def test_real_faces_can_be_reconstructed(workdir):
  """The distance between G(E(x)) and x falls by a fifth.

  With the averaged weights, G(E(x)) is closer to x than the mean of all images by 1 dB.
  """
  rows = history.read_metrics(workdir)
  assert rows[-1]["l_rec"] < 0.8 * rows[0]["l_rec"]
  trained = weights.load(workdir)
  x = drawn_faces(16, 16)
  reconstructed = family.generate(trained, family.encode(trained, x))
  mean = jnp.broadcast_to(x.mean(0), x.shape)
  assert metrics.psnr(reconstructed, x).mean() > metrics.psnr(mean, x).mean() + 1


@pytest.mark.slow
def test_the_search_starts_at_the_encoders_latent(workdir):
  trained = weights.load(workdir)
  x = drawn_faces(16, 16)
  A = operators.super_resolve(2)
  ours = family.restore(trained, A(x), A, num_steps=1, num_restarts=1, blend="none")
  code = family.encode(trained, x)
  assert np.abs(ours.latent - code).mean() < 0.2
  assert metrics.psnr(ours.image, x).mean() > 14
  several = family.restore(trained, A(x), A, num_steps=1, num_restarts=4, blend="none")
  assert np.all(several.loss <= ours.loss + 1e-3) and several.spread.max() > 0


@pytest.mark.slow
def test_a_restoration_does_not_depend_on_its_batch(workdir):
  trained = weights.load(workdir)
  x, A = drawn_faces(16, 16), operators.super_resolve(2)
  batch = family.restore(trained, A(x), A, num_steps=40, num_restarts=1)
  for i in (0, 11):
    alone = family.restore(trained, A(x[i : i + 1]), A, num_steps=40, num_restarts=1)
    np.testing.assert_allclose(batch.latent[i], alone.latent[0], atol=1e-4)
