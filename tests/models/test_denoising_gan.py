import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import small_config

from gan_restore import evaluation, metrics, operators, restorers, tasks, train, weights
from gan_restore.data import toy_faces
from gan_restore.models import denoising_gan


@pytest.fixture(scope="module")
def images():
  source = toy_faces.ToyFaces("test", 32)
  return np.stack([source[i]["image"] for i in range(4)]).astype(np.float32) / 255


def test_at_first_it_is_the_best_linear_denoiser(images):
  """Wiener's, for images of EDM's sigma_data around grey: every block is the identity, F is 0."""
  config = small_config("denoising_gan", image_size=32)
  trained = weights.Trained(denoising_gan.init(config, jax.random.key(0)), config)
  for sigma in (0.02, 0.4):
    found = denoising_gan.denoise(trained, images, sigma)
    gain = 0.25**2 / (0.25**2 + sigma**2)  # Of images in [0, 1].
    np.testing.assert_allclose(found, 0.5 + gain * (images - 0.5), atol=1e-5)


def test_folding_is_undone(images):
  folded = denoising_gan._fold(jnp.asarray(images))
  assert folded.shape == (4, 16, 16, 12)
  np.testing.assert_array_equal(folded[:, 3, 5, :3], images[:, 6, 10])
  np.testing.assert_array_equal(folded[:, 3, 5, 9:], images[:, 7, 11])
  np.testing.assert_array_equal(denoising_gan._unfold(folded), images)


def play(config, images, learning):
  variables = denoising_gan.init(config, jax.random.key(0))
  batch = {"image": 2 * jnp.asarray(images) - 1}
  play = lambda key: denoising_gan.play(config, variables, batch, key, learning)
  values, (_, found) = jax.vmap(play, axis_name="batch")(jax.random.split(jax.random.key(0), 1))
  return {name: float(v[0]) for name, v in {**values, **found}.items()}


def test_the_loss_is_numpys(images):
  """At first the output is known, so the weighted error is too: about 1 whatever the noise."""
  config = small_config("denoising_gan", image_size=32, least_noise=0.1, most_noise=0.1 + 1e-7)
  found = play(config, images, denoising_gan.PLAYERS)
  x = 2 * images - 1
  gain = 0.25 / (0.25 + 0.04)
  error = gain**2 * 0.04 + (1 - gain) ** 2 * np.mean(x**2)
  wanted = (0.04 + 0.25) / (0.2 * 0.5) ** 2 * error
  np.testing.assert_allclose(found["l_rec"], wanted, rtol=0.05)  # The noise is drawn.
  np.testing.assert_allclose(
    found["generator"], found["l_rec"] + config.adversarial_weight * found["l_g"], rtol=1e-5
  )
  assert found["discriminator"] == found["l_d"]


def test_without_an_adversary_the_generator_learns_alone(images):
  config = small_config("denoising_gan", image_size=32, adversarial_weight=0.0)
  assert denoising_gan.learning(config, 0) == ("generator",)
  assert play(config, images, ("generator",)).keys() == {"generator", "l_rec"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """400 steps on drawn faces."""
  folder = tmp_path_factory.mktemp("denoiser")
  config = small_config(
    "denoising_gan", image_size=32, width=16, steps=400, batch_size=16, log_every=50,
    sample_every=400, checkpoint_every=400, ema_decay=0.99, learning_rate=3e-3,
  )  # fmt: skip
  train.train(config, folder)
  return folder


def test_it_learns(trained):
  """By three dB, of noise of two strengths; at first, as a linear denoiser, by less than one."""
  source = toy_faces.ToyFaces("test", 32)
  prior = weights.load(trained)
  score = lambda restorer, task: dict(evaluation.evaluate(restorer, task, source, limit=32))
  for strength in (0.1, 0.2):
    task = tasks.get(f"denoise:{strength}")
    ask = jax.jit(lambda y, strength=strength: denoising_gan.denoise(prior, y, strength))
    ours = lambda y, A, ask=ask: restorers.result.Result(image=ask(y), generated=ask(y))
    damaged = score(restorers.load("damaged"), task)["raw/psnr"]
    assert score(ours, task)["raw/psnr"] > damaged + 3


@pytest.mark.parametrize("task,margin", [("quantize:3", 0.3), ("inpaint:pixels:0.6", 12)])
def test_it_restores_what_it_was_not_trained_for(trained, images, task, margin):
  y, A = tasks.get(task).corrupt(images, jax.random.key(0))
  score = lambda name: metrics.psnr(restorers.load(name)(y, A).image, images).mean()
  assert score(str(trained)) > score("damaged") + margin


def test_a_function_of_ones_own(trained, images):
  stripes = lambda x: x[:, ::2]
  image = restorers.load(str(trained))(stripes(images), stripes).image
  np.testing.assert_allclose(stripes(image), stripes(images), atol=0.02)
  assert metrics.psnr(image, images).mean() > 22


def test_refusals(trained, images):
  restorer = restorers.load(str(trained))
  with pytest.raises(ValueError, match=r"y has shape .* A gives"):
    restorer(images[:, :16], operators.denoise())
  with pytest.raises(ValueError, match="levels is 0"):
    restorer(images, operators.denoise(), levels=0)
  with pytest.raises(ValueError, match=r"most_noise is 0\.0; it must be a number above 0"):
    train.validate(small_config("denoising_gan", most_noise=0))
