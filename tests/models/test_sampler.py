import csv

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn_faces, losses, small_config, untrained

from gan_restore import hub
from gan_restore.data import toy_faces
from gan_restore.degradations import operators, tasks
from gan_restore.models import denoiser, sampler
from gan_restore.models.shared import random_damage, tiles
from gan_restore.restorers.posterior import PixelPosterior
from gan_restore.training import loop, weights
from gan_restore.training.state import init_state


@pytest.fixture(scope="module")
def images():
  return drawn_faces(4, 32)


@pytest.fixture(scope="module")
def fresh():
  """An untrained sampler whose last layer is not 0, so that the noise has an effect."""
  trained = untrained("sampler", image_size=32, jpeg_share=0.0, kernel_share=0.0)
  params = dict(trained.variables["sampler"]["params"])
  last = max(name for name in params if name.startswith("Conv_"))
  kernel = params[last]["kernel"]
  params[last] = {
    **params[last], "kernel": 0.02 * jax.random.normal(jax.random.key(0), kernel.shape)
  }  # fmt: skip
  own = {**trained.variables["sampler"], "params": params}
  return trained.replace(variables={**trained.variables, "sampler": own})


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_only_the_decoder_is_learnt(depth):
  """The sampler's weights are differences to those of the layers after the encoder. A change of
  them changes the samples, and not the mean."""
  variables = untrained("sampler", image_size=32, depth=depth).variables
  own, all_layers = variables["sampler"]["params"], variables["generator"]["params"]
  encoder = {"frame", "condition"} | {f"Conv_{i}" for i in range(depth + 1)}
  encoder |= {f"Block_{i}" for i in range({0: 1, 1: 3, 3: 5}[depth])}
  assert set(all_layers) - set(own) == encoder
  assert set(own) - set(all_layers) == {f"noise_{level}" for level in range(depth + 1)}
  assert all(
    not np.any(x) for name in all_layers if name in own for x in jax.tree.leaves(own[name])
  )


# The next tests share a damage and a number of samples, so that few programs are compiled.
HOLE = operators.inpaint(np.pad(np.ones((16, 16), np.float32), 8))


def test_without_differences_a_sample_is_the_mean(images):
  """The last layer is 0 at first, so that the noise has no effect yet. The image is halfway between
  a sample and the mean: the mean of another program would be rounded differently."""
  trained = untrained("sampler", image_size=32, jpeg_share=0.0, kernel_share=0.0)
  found = sampler.restore(trained, HOLE(images), HOLE, num_samples=3, fidelity=0.5)
  np.testing.assert_allclose(found.samples, jnp.stack([found.image] * 3), atol=1e-5)
  mean = denoiser.restore(trained, HOLE(images), HOLE).image
  np.testing.assert_array_equal(sampler.restore(trained, HOLE(images), HOLE).image, mean)


def test_samples(fresh, images):
  """They agree with y, differ, and are the same for the same seed. The best is the nearest to the
  mean."""
  y = HOLE(images)
  mean, found = sampler.restore(fresh, y, HOLE), sampler.restore(fresh, y, HOLE, num_samples=3)
  assert mean.samples is None and mean.spread is None
  known = np.broadcast_to(HOLE.mask == 0, images.shape)
  for own in found.samples:
    np.testing.assert_array_equal(np.asarray(own)[known], images[known])
  assert (np.asarray(found.spread)[:, 8:-8, 8:-8] > 0).mean() > 0.9
  distance = ((found.samples - mean.image) ** 2).sum((2, 3, 4))
  wanted = [found.samples[k, i] for i, k in enumerate(np.argmin(distance, 0))]
  np.testing.assert_array_equal(found.image, jnp.stack(wanted))
  again = sampler.restore(fresh, y, HOLE, num_samples=3)
  np.testing.assert_array_equal(found.image, again.image)
  other = sampler.restore(fresh, y, HOLE, num_samples=3, seed=1)
  assert abs(found.image - other.image).max() > 0.01


def test_fidelity(fresh, images):
  """The result is on the straight line from the sample to the mean."""
  run = lambda fidelity: np.asarray(
    sampler.restore(fresh, HOLE(images), HOLE, num_samples=3, fidelity=fidelity).image
  )
  one, mean = run(0), np.asarray(sampler.restore(fresh, HOLE(images), HOLE).image)
  assert abs(one - mean).max() > 0.01
  halfway = run(0.5)
  np.testing.assert_allclose(run(0.25), (one + halfway) / 2, atol=1e-5)
  # In the hole of a drawn face, the rounding of another program changes the mean by up to 0.02.
  np.testing.assert_allclose(2 * halfway - one, mean, atol=0.04)
  np.testing.assert_array_equal(run(1), mean)
  with pytest.raises(ValueError, match=r"fidelity is 1\.5; it must be between 0 and 1"):
    run(1.5)


def test_one_sample_is_the_first_of_several(fresh, images):
  """It is computed without the mean. In another program it is rounded differently."""
  run = lambda **options: sampler.restore(fresh, HOLE(images), HOLE, **options)
  several, alone = run(num_samples=3).samples, run(fidelity=0.0)
  assert alone.samples.shape == (1, *images.shape) and alone.spread is None
  np.testing.assert_array_equal(alone.image, alone.samples[0])
  change = lambda other: abs(other - alone.image).mean()
  assert change(several[0]) < change(several[1]) / 2


def test_a_sample_does_not_depend_on_the_batch(fresh, images):
  """In another order it is the same. In a smaller batch, whose program is rounded differently, it
  differs by less than half of what another seed changes."""
  draw = lambda x, seed=0: np.asarray(
    sampler.restore(fresh, HOLE(x), HOLE, num_samples=3, seed=seed).samples
  )
  whole = draw(images)
  np.testing.assert_allclose(draw(images[::-1])[:, ::-1], whole, atol=1e-5)
  change = lambda other: abs(other - whole[:, 1:3]).mean()
  assert change(draw(images[1:3])) < change(draw(images, seed=1)[:, 1:3]) / 2


@pytest.mark.slow
@pytest.mark.parametrize("task", ["denoise:0.2", "inpaint:pixels"])
def test_the_samples_of_tiles_have_no_seams(fresh, task, monkeypatch):
  """The tiles of an image get parts of one noise. Tiles are those of y if the damage is local, else
  those of the posterior."""
  x = drawn_faces(1, 64).repeat(2, 1).repeat(3, 2)
  y, A = tasks.get(task).corrupt(x, jax.random.key(0))
  run = lambda: np.asarray(sampler.restore(fresh, y, A, fidelity=0).image)
  whole = run()
  monkeypatch.setattr(tiles, "_TILE", 96)
  jax.clear_caches()
  tiled = run()
  jax.clear_caches()
  difference = (whole - tiled) ** 2
  assert 0 < difference.mean() < 2e-4
  assert difference.mean((0, 2, 3)).max() < 1e-3 and difference.mean((0, 1, 3)).max() < 1e-3


def test_white_noise():
  """Independent normal values; the noise of a part is that part of the noise."""
  noise = np.asarray(tiles.white_noise(jax.random.key(0), (96, 80, 4)))
  assert abs(noise.mean()) < 0.03 and abs(noise.std() - 1) < 0.03
  for axis in (0, 1):
    for lag in (1, tiles.GRID):
      size = noise.shape[axis] - lag
      product = noise.take(range(size), axis) * noise.take(range(lag, size + lag), axis)
      assert abs(product.mean()) < 0.03
  part = tiles.white_noise(jax.random.key(0), (40, 33, 4), (32, 16))
  np.testing.assert_array_equal(part, noise[32:72, 16:49])


def test_the_losses_are_numpys(fresh, images, monkeypatch):
  """From the samples and the logits, which are computed as in the step. The posterior is given,
  because that of another program would be rounded differently."""
  config, variables = fresh.config, fresh.variables
  network, _ = sampler.networks(config)
  keys = jax.random.split(jax.random.key(2), 3)
  draw = jax.jit(lambda x: random_damage.random_posterior(config, keys[0], x))
  posterior = draw(jnp.asarray(images))
  monkeypatch.setattr(random_damage, "random_posterior", lambda *_: posterior)
  values, (_, found) = losses(fresh, {"image": 2 * jnp.asarray(images) - 1})

  @jax.jit
  def drawn_and_logits(x):
    frame = jnp.zeros((len(x), 2, 3))
    z = jax.random.normal(keys[1], (2, *x.shape[:3], config.noise))
    drawn = [network.apply(sampler.merge(variables), posterior, frame, own) for own in z]
    logits = lambda image: sampler.discriminate(config, variables, image, posterior, frame)
    *noises, of_row = jax.random.split(keys[2], 3)
    near = [
      image + 0.1 * posterior.std * jax.random.normal(own, (1, *x.shape[1:]))
      for image, own in zip((x, drawn[0]), noises)
    ]
    row = jax.random.permutation(of_row, len(x))[0]  # The penalty is that of one image.
    return drawn, [logits(image) for image in (x, drawn[0], *near)], row

  (first, second), logits, row = jax.tree.map(np.float64, drawn_and_logits(images))
  row = int(row)
  mean = (first + second) / 2
  size = lambda x: abs(x).mean((1, 2, 3))
  error = size(mean - images)
  # Of two samples, each is half their difference from the mean.
  deviation = np.sqrt(np.pi / 4) * size(first - second)
  weight = np.sqrt(1 / (3 * np.pi))
  expected = {"l_rec": np.mean((error - weight * deviation) / (error + 0.002))}
  softplus = lambda x: np.logaddexp(0, x)
  levels = list(zip(*logits))  # (real, fake, near real, near fake) at each resolution.
  expected["l_g"] = np.mean([softplus(real - fake).mean() for real, fake, _, _ in levels])
  expected["l_d"] = np.mean([softplus(fake - real).mean() for real, fake, _, _ in levels])
  slope = lambda there, here: (((there[row] - here[row]) / 0.1) ** 2).mean()
  expected["penalty"] = np.mean([slope(c, a) + slope(d, b) for a, b, c, d in levels])
  for name, value in expected.items():
    np.testing.assert_allclose(found[name], value, rtol=0.02, atol=1e-4, err_msg=name)
  assert set(values) == {"sampler", "discriminator"}
  for player, parts in {"sampler": ("l_rec", "adversarial", "l_g"),
                        "discriminator": ("l_d", "penalty", "penalty")}.items():  # fmt: skip
    total = expected[parts[0]] + config[f"{parts[1]}_weight"] * expected[parts[2]]
    np.testing.assert_allclose(values[player], total, rtol=0.02)


def test_gaussian_samples_need_no_other_weight():
  """For a scalar Gaussian posterior, samples of its standard deviation minimise the regulariser
  with the initial weight (as rcGAN proves)."""
  rng = np.random.default_rng(0)
  x = rng.normal(size=200_000)
  first, second = rng.normal(size=(2, 200_000))

  def regulariser(scale):
    a, b = scale * first, scale * second
    error, deviation = sampler.l1_and_deviation(
      jnp.stack([a, b])[..., None, None, None], jnp.asarray(x)[:, None, None, None]
    )
    return float(jnp.mean(error - sampler.FIRST_DEVIATION_WEIGHT * deviation))

  scales = np.linspace(0.5, 1.5, 11)
  assert abs(scales[np.argmin([regulariser(scale) for scale in scales])] - 1) < 0.11


def test_the_discriminator_does_not_see_what_y_determines(fresh, images):
  """Two images that differ where the posterior is certain have the same logits."""
  config = fresh.config

  def discriminate(x, std):
    given = jnp.asarray(images)
    posterior = PixelPosterior(given, jnp.full_like(given, std), given)
    frame = jnp.zeros((len(x), 2, 3))
    return jnp.concatenate(sampler.discriminate(config, fresh.variables, x, posterior, frame), -1)

  other = images + 0.1
  assert abs(discriminate(images, 1e-4) - discriminate(other, 1e-4)).max() < 1e-3
  assert abs(discriminate(images, 0.25) - discriminate(other, 0.25)).max() > 1e-2


def test_the_discriminator_learns_more_often():
  config = small_config("sampler", warmup_steps=4, discriminator_steps=3)
  turns = [step for step in range(12) if "sampler" in sampler.active_players(config, step)]
  assert turns == [5, 8, 11]
  assert all("discriminator" in sampler.active_players(config, step) for step in range(12))


@pytest.fixture(scope="session")
def workdir(trained):
  """100 steps on drawn faces, with the damages that are quickly compiled. The denoiser with which
  it begins has hardly learnt."""
  both = {"image_size": 32, "local": False, "depth": 1, "width": 16, "batch_size": 16}
  both |= {"jpeg_share": 0.0, "kernel_share": 0.0}
  denoiser = trained("denoiser", steps=2, checkpoint_every=2, **both)
  return trained(
    "sampler", init_from=str(denoiser), discriminator_width=16, steps=100, warmup_steps=30,
    discriminator_steps=1, log_every=20, checkpoint_every=100, ema_decay=0.95, learning_rate=1e-3,
    **both,
  )  # fmt: skip


def test_a_training_begins_with_a_denoiser(tmp_path):
  with pytest.raises(ValueError, match=r"config.init_from is empty; it must name trained weights"):
    loop.train(small_config("sampler", image_size=32, depth=1), tmp_path / "run")
  assert not list((tmp_path / "run").glob("*.json"))


@pytest.mark.slow
def test_it_learns(workdir, images):
  """The discriminator tells samples from originals. The samples come to differ, in the hole more
  than outside; at first they are the same."""
  rows = list(csv.DictReader((workdir / "metrics.csv").read_text().splitlines()))
  assert float(rows[0]["l_d"]) < np.log(2) - 0.01
  assert float(rows[-1]["ratio"]) > 2 * float(rows[0]["ratio"])
  y, A = tasks.get("inpaint").corrupt(images, jax.random.key(0))
  spread = np.asarray(hub.load(workdir)(y, A, num_samples=8).spread)
  hole = np.asarray(A.mask)[0, ..., 0] > 0
  assert spread[:, hole].mean() > 3 * spread[:, ~hole].mean()


@pytest.mark.slow
def test_checkpoints_are_scored_by_the_energy_score(workdir):
  trained = weights.load(workdir)
  scores = dict(sampler.evaluate(trained, toy_faces.ToyFaces("test", 32), n=8))
  assert next(iter(scores)) == "energy"
  assert {f"{task}/psnr" for task in tasks.NAMES} < set(scores)
  assert scores["energy"] < 0


@pytest.mark.slow
def test_the_denoiser_is_kept(workdir):
  """The encoder and the mean's decoder are those of the first step, to the rounding of averages."""
  prior = weights.load(workdir)
  first = weights.init_from(init_state(prior.config), prior.config.init_from).variables
  difference = lambda player: max(
    jax.tree.leaves(
      jax.tree.map(
        lambda a, b: float(abs(a - b).max()),
        first[player]["params"],
        prior.variables[player]["params"],
      )
    )
  )
  assert difference("generator") < 1e-4 < 0.01 < difference("sampler")
