import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from conftest import small_config

from gan_restore import evaluation, metrics, operators, restorers, tasks, train, weights
from gan_restore.data import toy_faces
from gan_restore.models import denoiser
from gan_restore.restorers.known import Known, know


@pytest.fixture(scope="module")
def images():
  source = toy_faces.ToyFaces("test", 32)
  return np.stack([source[i]["image"] for i in range(4)]).astype(np.float32) / 255


def untrained():
  config = small_config("denoiser", image_size=32)
  return weights.Trained(denoiser.init(config, jax.random.key(0)), config)


def test_at_first_it_is_the_linear_answer(images):
  """F is 0: what is known, and in a hole its smooth continuation."""
  A = operators.inpaint(np.pad(np.ones((16, 16), np.float32), 8))
  y = A(images)
  found = np.asarray(denoiser.restore(untrained(), y, A).image)
  grey = jnp.full(images.shape, 0.5)
  known = jax.jit(lambda y: know(y, A, 0.005, jax.random.key(0), grey))(y)
  hole = np.s_[:, 8:-8, 8:-8]
  np.testing.assert_array_equal(found * (1 - A.mask), y)
  start = np.asarray(known.smooth)[hole].clip(0, 1)
  np.testing.assert_allclose(found[hole], start, atol=0.05)
  assert np.abs(np.diff(start, axis=1)).mean() < 0.5 * np.abs(np.diff(images[hole], axis=1)).mean()


def test_folding_is_undone(images):
  folded = denoiser._fold(jnp.asarray(images))
  assert folded.shape == (4, 16, 16, 12)
  np.testing.assert_array_equal(folded[:, 3, 5, :3], images[:, 6, 10])
  np.testing.assert_array_equal(folded[:, 3, 5, 9:], images[:, 7, 11])
  np.testing.assert_array_equal(denoiser._unfold(folded), images)


def damage(config, key, images):
  return jax.jit(lambda key, x: denoiser.damage(config, key, x))(key, images)


def test_the_damages_it_learns_from():
  """What is said to be known is known, and as well as is said: errors of one deviation. And every
  kind of damage occurs."""
  rng = np.random.default_rng(0)
  x = (0.5 + 0.1 * rng.normal(size=(256, 16, 16, 3))).clip(0, 1).astype(np.float32)
  config = small_config("denoiser")
  known = damage(config, jax.random.key(0), x)
  mean, deviation = np.asarray(known.mean), np.asarray(known.deviation)
  assert 0 < deviation.min() and deviation.max() <= 0.25
  even = np.ptp(deviation, axis=(1, 2, 3)) < 1e-3
  assert 0.2 < even.mean() < 0.5  # Noise or rounding alone.
  noisy = np.sqrt(np.mean(((x - mean) / deviation)[even] ** 2, axis=(1, 2, 3)))
  # Large deviations overstate what is left of images that vary less than real ones.
  assert 0.9 < np.median(noisy[deviation[even].mean((1, 2, 3)) < 0.05]) < 1.1
  unseen = ((deviation > 0.249) & (abs(mean - 0.5) < 1e-3)).all(-1)  # Holes, seen only once.
  assert 0.15 < (unseen.mean((1, 2)) > 0.02).mean() < 0.35
  grey = np.ptp(mean, axis=-1).max((1, 2)) < 1e-4
  assert 0.03 < grey.mean() < 0.25


def play(config, images):
  variables = denoiser.init(config, jax.random.key(0))
  batch = {"image": 2 * jnp.asarray(images) - 1}
  play = lambda key: denoiser.play(config, variables, batch, key, denoiser.PLAYERS)
  play = jax.jit(jax.vmap(play, axis_name="batch"))
  values, (_, found) = play(jax.random.split(jax.random.key(0), 1))
  return {name: float(v[0]) for name, v in {**values, **found}.items()}


def test_the_loss_is_numpys(images):
  """At first the answer is the mean that is known, or the smooth one."""
  config = small_config("denoiser", image_size=32)
  found = play(config, images)
  (key,) = jax.random.split(jax.random.key(0), 1)
  known = jax.tree.map(np.asarray, damage(config, key, images))
  share = known.deviation**2 / (known.deviation**2 + 0.03**2)
  start = (1 - share) * known.mean + share * known.smooth
  wanted = np.mean(np.log(np.mean((start - images) ** 2, axis=(1, 2, 3)) + 0.00025))
  np.testing.assert_allclose(found["l_rec"], wanted, rtol=1e-4)
  assert found["generator"] == found["l_rec"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """300 steps on drawn faces."""
  folder = tmp_path_factory.mktemp("denoiser")
  config = small_config(
    "denoiser", image_size=32, width=16, steps=300, batch_size=16, log_every=50,
    sample_every=300, checkpoint_every=300, ema_decay=0.99, learning_rate=2e-3,
  )  # fmt: skip
  train.train(config, folder)
  return folder


def psnr(restorer, task):
  source = toy_faces.ToyFaces("test", 32)
  return dict(evaluation.evaluate(restorer, tasks.get(task), source, limit=32))["raw/psnr"]


@pytest.mark.parametrize("task,margin", [("inpaint", 0.2), ("colorize", 1), ("denoise", 0.2)])
def test_it_learns(trained, task, margin):
  """Ahead of the linear answer, which is where it began."""
  linear = lambda y, A: denoiser.restore(untrained(), y, A)
  assert psnr(restorers.load(str(trained)), task) > psnr(linear, task) + margin


def test_mirrored_images_are_answered_alike(trained, images):
  """Of a network that learned from mirrored images too."""
  prior = weights.load(trained)
  mirrored = images[:, :, ::-1]
  known = lambda x: Known(x, jnp.full_like(x, 0.1), x)
  answer = lambda prior, x: denoiser.answer(prior, known(x))
  difference = lambda prior: abs(answer(prior, mirrored)[:, :, ::-1] - answer(prior, images)).max()
  assert difference(prior) < 1e-5
  unmirrored = ml_collections.FrozenConfigDict(prior.config.to_dict() | {"flip": False})
  assert difference(prior.replace(config=unmirrored)) > 1e-3


def test_draws(trained, images):
  """They differ where y leaves much open, agree with y, and are worse than the mean by PSNR."""
  y, A = tasks.get("inpaint").corrupt(images, jax.random.key(0))
  restorer = restorers.load(str(trained))
  mean, best = restorer(y, A), restorer(y, A, candidates=4, levels=8)
  several = restorer(y, A, candidates=4, levels=8, choice="mean")
  assert mean.spread is None
  hole = np.asarray(A.mask)[0, ..., 0] > 0
  spread = np.asarray(best.spread)[..., 0]
  assert spread[:, hole].mean() > 0.02 > spread[:, ~hole].mean()
  np.testing.assert_array_equal(best.image[:, ~hole], images[:, ~hole])
  score = lambda result: float(metrics.psnr(result.image, images).mean())
  assert score(mean) > score(best)
  assert score(several) > score(best)
  other = restorer(y, A, candidates=4, levels=8, seed=1).image
  assert abs(other - best.image).max() > 0.01


def test_an_image_is_restored_alike_in_any_batch(trained, images):
  y, A = tasks.get("super_resolve:2").corrupt(images, jax.random.key(0))
  restorer = restorers.load(str(trained))
  for options in ({}, {"candidates": 2, "levels": 3}):
    together = restorer(y, A, **options).image
    np.testing.assert_allclose(together[1:3], restorer(y[1:3], A, **options).image, atol=1e-4)


def test_a_function_of_ones_own(trained, images):
  restorer = restorers.load(str(trained))
  stripes = lambda x: x[:, ::2]
  found = stripes(restorer(stripes(images), stripes).image)
  np.testing.assert_allclose(found, stripes(images), atol=0.03)
  stripes = lambda x: operators.value(x)[:, ::2]
  image = restorer(stripes(images), stripes).image
  linear = denoiser.restore(untrained(), stripes(images), stripes).image
  assert metrics.psnr(image, images).mean() > metrics.psnr(linear, images).mean() + 1


def test_a_curved_damage_is_linearised_again(trained, images):
  """A gamma curve of 2.5 with noise, far from straight."""
  A = operators.compose(operators.denoise(0.02), lambda x: jnp.maximum(x, 1e-3) ** 2.5)
  y = operators.corrupt(A, jnp.asarray(images), jax.random.key(0))
  restorer = restorers.load(str(trained))
  score = lambda rounds: metrics.psnr(restorer(y, A, rounds=rounds).image, images).mean()
  assert score(3) > score(1) + 3


def test_grey_images_are_not_scored_on_colour():
  config = small_config("denoiser", channels=1)
  variables = denoiser.init(config, jax.random.key(0))
  images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1), np.uint8)
  source = [{"image": image} for image in images]
  scores = dict(denoiser.evaluate(config, variables, source))
  psnrs = [scores[f"{task}/psnr"] for task in tasks.NAMES if task != "colorize"]
  np.testing.assert_allclose(scores["psnr"], np.mean(psnrs), rtol=1e-6)
  assert "colorize/psnr" not in scores


def test_refusals(trained, images):
  restorer = restorers.load(str(trained))
  with pytest.raises(ValueError, match=r"y has shape .* A gives"):
    restorer(images[:, :16], operators.denoise())
  for name, value in {"levels": 0, "candidates": 0, "rounds": 0, "choice": "worst"}.items():
    with pytest.raises(ValueError, match=f"{name} is "):
      restorer(images, operators.denoise(), **{name: value})
  with pytest.raises(ValueError, match=r"most_noise is 0\.0; it must be a number above 0"):
    train.validate(small_config("denoiser", most_noise=0))
