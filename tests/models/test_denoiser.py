import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from helpers import drawn_faces, losses, small_config, untrained
from PIL import Image

from gan_restore import hub
from gan_restore.data import framing, toy_faces
from gan_restore.degradations import operators, tasks
from gan_restore.evaluation import metrics, scoring
from gan_restore.models import denoiser
from gan_restore.models.shared import any_damage, random_damage, tiles
from gan_restore.restorers.posterior import PixelPosterior, pixel_posterior
from gan_restore.training import weights
from gan_restore.training.config import validate


@pytest.fixture(scope="module")
def images():
  return drawn_faces(4, 32)


@pytest.fixture(scope="module")
def fresh():
  """An untrained prior. Its damages in training are those that compile quickly."""
  return untrained("denoiser", image_size=32, jpeg_share=0.0, kernel_share=0.0)


def test_at_first_it_is_the_linear_estimate(images, fresh):
  """The untrained network outputs 0. The result is a mixture of the two posterior means: the known
  pixels, and their smooth continuation in a hole."""
  A = operators.inpaint(np.pad(np.ones((16, 16), np.float32), 8))
  y = A(images)
  found = np.asarray(denoiser.restore(fresh, y, A).image)
  grey = jnp.full(images.shape, 0.5)
  posterior = jax.jit(lambda y: pixel_posterior(y, A, 0.005, jax.random.key(0), grey))(y)
  hole = np.s_[:, 8:-8, 8:-8]
  np.testing.assert_array_equal(found * (1 - A.mask), y)
  start = np.asarray(posterior.smooth_mean)[hole].clip(0, 1)
  np.testing.assert_allclose(found[hole], start, atol=0.05)
  assert np.abs(np.diff(start, axis=1)).mean() < 0.5 * np.abs(np.diff(images[hole], axis=1)).mean()


def test_a_network_of_one_size(images):
  """It normalises by the whole image, has no frame, and refuses images of another size."""
  trained = untrained("denoiser", image_size=32, local=False, depth=1)
  assert not trained.any_size and "frame" not in trained.variables["generator"]["params"]
  A = operators.denoise(0.1)
  found = denoiser.restore(trained, images, A, frame="celeba").image
  np.testing.assert_allclose(found, denoiser.restore(trained, images, A).image, atol=1e-6)
  assert metrics.psnr(found, images).min() > 20
  with pytest.raises(
    ValueError, match=r"y has shape \[4, 16, 32, 3\]; it must be \[4, 32, 32, 3\]"
  ):
    denoiser.restore(trained, images[:, :16], A)
  with pytest.raises(ValueError, match=r"shape is \(16, 32\); it must be \(32, 32\)"):
    denoiser.restore(trained, images, A, shape=(16, 32))


def test_images_of_any_size(fresh):
  """Sides that are no multiples of the stride, and the size that only the user knows."""
  x = np.random.default_rng(0).random((1, 37, 50, 3)).astype(np.float32)
  A = operators.inpaint(np.pad(np.ones((9, 9), np.float32), ((10, 18), (20, 21))))
  found = denoiser.restore(fresh, A(x), A).image
  np.testing.assert_allclose(found * (1 - A.mask), A(x), atol=1e-6)
  rows = lambda x: x[:, ::2]
  assert denoiser.restore(fresh, rows(x), rows, shape=(37, 50)).image.shape == x.shape
  A = operators.compose(lambda x: x**2, operators.super_resolve(2))
  assert denoiser.restore(fresh, A(x[:, :36]), A).image.shape == (1, 36, 50, 3)
  total = lambda x: x.sum((1, 2, 3))
  with pytest.raises(ValueError, match=r"does not tell the size of the images; give shape"):
    denoiser.restore(fresh, total(x), total)
  assert denoiser.restore(fresh, total(x), total, shape=(37, 50)).image.shape == x.shape
  with pytest.raises(ValueError, match=r"the height in shape is 0"):
    denoiser.restore(fresh, rows(x), rows, shape=(0, 50))


@pytest.mark.slow
@pytest.mark.parametrize("task", ["denoise:0.2", "inpaint:pixels", "blur"])
def test_tiles_have_no_seams(task, noticeable, monkeypatch):
  """Large images are restored in tiles: those of y if the damage is local, else those of the
  posterior. The result is almost that of the whole image."""
  x = drawn_faces(1, 64).repeat(2, 1).repeat(3, 2)
  y, A = tasks.get(task).corrupt(x, jax.random.key(0))
  prior = noticeable.replace(
    config=ml_collections.FrozenConfigDict(noticeable.config.to_dict() | {"flip": False})
  )
  whole = np.asarray(denoiser.restore(prior, y, A).image)
  monkeypatch.setattr(tiles, "_TILE", 96)
  jax.clear_caches()
  tiled = np.asarray(denoiser.restore(prior, y, A).image)
  jax.clear_caches()
  assert 0 < abs(whole - tiled).max() < 0.1
  difference = (whole - tiled) ** 2
  assert difference.mean() < 1e-4
  # Nowhere is there a line at which the two differ.
  assert difference.mean((0, 2, 3)).max() < 5e-4 and difference.mean((0, 1, 3)).max() < 5e-4


def test_tiles_without_a_hole_are_those_of_y(noticeable, monkeypatch):
  """A large image with a small hole: the restoration is that of the tiles around the hole alone."""
  x = drawn_faces(1, 64).repeat(2, 1).repeat(3, 2)
  hole = np.zeros((128, 192), np.float32)
  hole[20:30, 10:20] = 1
  A = operators.inpaint(hole)
  monkeypatch.setattr(tiles, "_TILE", 96)
  jax.clear_caches()
  restored, one = [], any_damage._in_one_piece
  monkeypatch.setattr(
    any_damage, "_in_one_piece", lambda *a, **k: restored.append(k["corner"]) or one(*a, **k)
  )
  found = np.asarray(denoiser.restore(noticeable, A(x), A).image)
  jax.clear_caches()
  assert restored == [(0, 0)] and len(tiles.corners((128, 192), tiles.tile_sides((128, 192)))) > 3
  known = A.mask[0] == 0
  np.testing.assert_allclose(found[0] * known, x[0] * known, atol=1e-6)
  assert np.abs(found[0] - A(x)[0])[20:30, 10:20].max() > 0.05


@pytest.fixture(scope="module")
def noticeable(fresh):
  """A network whose last layer is not 0, so that the network has an effect."""
  params = dict(fresh.variables["generator"]["params"])
  last = max(name for name in params if name.startswith("Conv_"))
  kernel = params[last]["kernel"]
  noise = 0.02 * jax.random.normal(jax.random.key(0), kernel.shape)
  params[last] = {**params[last], "kernel": noise}
  coordinates = params["frame"]["kernel"]
  params["frame"] = {
    **params["frame"], "kernel": 0.3 * jax.random.normal(jax.random.key(1), coordinates.shape)
  }  # fmt: skip
  return fresh.replace(variables={"generator": {"params": params}})


def test_the_frame_is_used(noticeable, images):
  """'celeba' is the frame of CelebA's crop; without a frame the result is another."""
  A = operators.denoise(0.2)
  apply = lambda frame: np.asarray(denoiser.restore(noticeable, images, A, frame=frame).image)
  unknown, named = apply(None), apply("celeba")
  given = apply(np.stack(4 * [framing.aligned(32, 32)]))
  np.testing.assert_array_equal(named, given)
  assert abs(named - unknown).max() > 1e-3
  for frame, message in (("ffhq", "frame is 'ffhq'"), (np.zeros((3, 3)), "frame has shape")):
    with pytest.raises(ValueError, match=message):
      apply(frame)


@pytest.mark.slow
def test_a_mean_of_any_size_does_not_depend_on_its_batch(noticeable, images):
  """The network alone: with random weights, plug-and-play iterations amplify rounding."""
  y, A = tasks.get("super_resolve:2").corrupt(images, jax.random.key(0))
  together = denoiser.restore(noticeable, y, A, num_iterations=0).image
  alone = denoiser.restore(noticeable, y[1:3], A, num_iterations=0).image
  np.testing.assert_allclose(together[1:3], alone, atol=0.5 / 255)


def test_the_frame_of_a_tile():
  """A pixel of a part of an image has the same coordinates as in the image."""
  frame = np.float32([[0.1, 0.02, -1], [-0.03, 0.09, 0.4]])
  part = framing.shift(frame, 16, 32)
  np.testing.assert_allclose(part @ [3, 5, 1], frame @ [19, 37, 1], rtol=1e-5)


def random_posterior(config, key, images):
  return jax.jit(lambda key, x: random_damage.random_posterior(config, key, x))(key, images)


def test_the_loss_is_numpys(images, fresh, monkeypatch):
  """At first the output lies between the posterior mean and the smooth mean. The posterior is
  given, because that of another program would be rounded differently."""
  posterior = random_posterior(fresh.config, jax.random.key(2), images)
  monkeypatch.setattr(random_damage, "random_posterior", lambda *_: posterior)
  values, (_, found) = losses(fresh, {"image": 2 * jnp.asarray(images) - 1})
  posterior = jax.tree.map(np.float64, posterior)
  share = posterior.std**2 / (posterior.std**2 + 0.03**2)
  start = (1 - share) * posterior.mean + share * posterior.smooth_mean
  error = np.mean((start - images) ** 2, axis=(1, 2, 3))
  wanted = np.mean(np.log(error + 0.00002))
  np.testing.assert_allclose(found["l_rec"], wanted, atol=5e-4)
  assert values["generator"] == found["l_rec"]


@pytest.fixture(scope="session")
def workdir(trained):
  """200 steps on drawn faces, of a network of one size, with the damages that are quickly
  compiled."""
  return trained(
    "denoiser", image_size=32, local=False, depth=2, width=16, steps=200, batch_size=16,
    log_every=50, checkpoint_every=200, ema_decay=0.98, learning_rate=2e-3, jpeg_share=0.0,
    kernel_share=0.0,
  )  # fmt: skip


@pytest.fixture
def restorer(workdir):
  return hub.load(workdir)


def psnr(restorer, task):
  source = toy_faces.ToyFaces("test", 32)
  return scoring.evaluate(restorer, tasks.get(task), source, limit=32)["raw/psnr"]


@pytest.mark.parametrize("task,margin", [("inpaint", 0.2), ("colorize", 0.5), ("denoise", 0.1)])
@pytest.mark.slow
def test_it_learns(restorer, fresh, task, margin):
  """It becomes better than the linear estimate, at which it started."""
  linear = lambda y, A: denoiser.restore(fresh, y, A)
  assert psnr(restorer, task) > psnr(linear, task) + margin


@pytest.mark.slow
def test_mirrored_images_have_mirrored_restorations(workdir, images):
  """The network was also trained on mirrored images."""
  prior = weights.load(workdir)
  mirrored = images[:, :, ::-1]
  posterior = lambda x: PixelPosterior(x, jnp.full_like(x, 0.1), x)
  apply = jax.jit(lambda prior, x: any_damage.restore_mean(prior, posterior(x)))
  difference = lambda prior: abs(apply(prior, mirrored)[:, :, ::-1] - apply(prior, images)).max()
  assert difference(prior) < 1e-4
  unmirrored = ml_collections.FrozenConfigDict(prior.config.to_dict() | {"flip": False})
  assert difference(prior.replace(config=unmirrored)) > 1e-3


@pytest.mark.slow
def test_samples(restorer, images):
  """They differ where y determines little, agree with y, and have a smaller PSNR than the mean."""
  y, A = tasks.get("inpaint").corrupt(images, jax.random.key(0))
  mean, best = restorer(y, A), restorer(y, A, num_samples=4, num_steps=8)
  several = restorer(y, A, num_samples=4, num_steps=8, choice="mean")
  assert mean.spread is None
  np.testing.assert_array_equal(restorer(y, A, num_samples=4.0, num_steps=8.0).image, best.image)
  hole = np.asarray(A.mask)[0, ..., 0] > 0
  spread = np.asarray(best.spread)[..., 0]
  assert spread[:, hole].mean() > 0.02 > spread[:, ~hole].mean()
  np.testing.assert_array_equal(best.image[:, ~hole], images[:, ~hole])
  score = lambda result: float(metrics.psnr(result.image, images).mean())
  assert score(mean) > score(best)
  assert score(several) > score(best)
  other = restorer(y, A, num_samples=4, num_steps=8, seed=1).image
  assert abs(other - best.image).max() > 0.01


@pytest.mark.slow
def test_a_restoration_does_not_depend_on_its_batch(restorer, images):
  """With other images in the batch, in another order, and alone. The rounding of a network depends
  on the size of its batch, by far less than half a step of 8 bits."""
  y, A = tasks.get("super_resolve:2").corrupt(images, jax.random.key(0))
  others = y.at[2:].set(1 - y[2:])
  for samples in ({}, {"num_samples": 2, "num_steps": 3}):
    restored = lambda y, options=samples: np.asarray(restorer(y, A, **options).image)
    together = restored(y)
    np.testing.assert_allclose(restored(others)[:2], together[:2], atol=1e-5)
    np.testing.assert_allclose(restored(y[::-1])[::-1], together, atol=0.5 / 255)
    np.testing.assert_allclose(restored(y[1:2]), together[1:2], atol=0.5 / 255)


@pytest.mark.slow
def test_a_plain_function(restorer, fresh, images):
  stripes = lambda x: x[:, ::2]
  found = stripes(restorer(stripes(images), stripes, shape=(32, 32)).image)
  np.testing.assert_allclose(found, stripes(images), atol=0.03)
  stripes = lambda x: operators.hsv_value(x)[:, ::2]
  image = restorer(stripes(images), stripes, shape=(32, 32)).image
  linear = denoiser.restore(fresh, stripes(images), stripes, shape=(32, 32)).image
  assert metrics.psnr(image, images).mean() > metrics.psnr(linear, images).mean() + 0.5


@pytest.mark.slow
def test_the_correction_by_y_leaves_no_stripes():
  """Of the grey of every other row: those rows are not brighter than the rows between them."""
  x = drawn_faces(4)
  blind = lambda x: x[:, ::2].mean(-1, keepdims=True)
  image = np.asarray(hub.restore(blind(jnp.asarray(x)), blind, shape=(64, 64)).image)
  np.testing.assert_allclose(blind(image), blind(x), atol=0.02)
  rows = image.mean((0, 2, 3)) - x.mean((0, 2, 3))
  stripes = abs(rows[2::2] - (rows[1:-1:2] + rows[3::2])[: len(rows[2::2])] / 2).mean()
  assert stripes < 0.05  # 0.12 with a correction of the known rows alone.


@pytest.mark.slow
def test_samples_agree_with_y_and_differ_where_it_determines_little(images):
  fresh = untrained("denoiser", image_size=32, local=False, depth=2)
  y, A = tasks.get("inpaint").corrupt(images, jax.random.key(0))
  options = {"num_samples": 2, "num_steps": 2}
  best = denoiser.restore(fresh, y, A, **options)
  hole = np.asarray(A.mask)[0, ..., 0] > 0
  spread = np.asarray(best.spread)[..., 0]
  assert spread[:, hole].mean() > 0.004 and spread[:, ~hole].max() < 1e-5
  np.testing.assert_array_equal(best.image[:, ~hole], images[:, ~hole])
  mean = denoiser.restore(fresh, y, A, choice="mean", **options)
  np.testing.assert_allclose(mean.spread, best.spread, atol=3e-3)
  alone = denoiser.restore(fresh, y[1:2], operators.inpaint(A.mask[1]), **options)
  np.testing.assert_allclose(alone.image[0], best.image[1], atol=3e-3)


OUTSIDE = {
  "unclipped noise": (operators.denoise(0.3), 0.3),
  "differences": (lambda x: x[:, 1:] - x[:, :-1], 0),
  "small sums of channels": (lambda x: 0.01 * x.sum(-1), 0),
  "fourier": (lambda x: jnp.stack([(f := jnp.fft.fft2(x, axes=(1, 2))).real, f.imag], -1), 0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTSIDE)
def test_y_may_leave_the_unit_range(name, fresh, images):
  """For y of any scale, the linear estimate agrees with y and is better than grey."""
  A, sigma = OUTSIDE[name]
  x = jnp.asarray(images)
  y = A(x)
  y = y + sigma * jax.random.normal(jax.random.key(0), y.shape)
  image = denoiser.restore(fresh, y, A, shape=(32, 32)).image
  error = lambda image: float(jnp.sqrt(jnp.mean((A(image) - A(x)) ** 2)))
  bound = {"unclipped noise": 0.6, "differences": 0.6}.get(name, 0.2)
  assert error(image) < bound * error(jnp.full_like(x, 0.5))
  if name == "fourier":  # No information is lost.
    assert metrics.psnr(image, x).min() > 35


def test_a_function_is_restored_like_the_operator_of_the_same_values(fresh, images):
  """The result also agrees with y, because there is no noise."""
  A = operators.super_resolve(4)
  y = A(images)
  own = lambda x: x.reshape(4, 8, 4, 8, 4, 3).mean((2, 4))
  found, wanted = (denoiser.restore(fresh, y, damage, shape=(32, 32)).image for damage in (own, A))
  np.testing.assert_allclose(own(found), y, atol=0.03)
  assert metrics.psnr(found, wanted).min() > 30


def test_the_noise_of_a_composition_reaches_the_posterior(fresh, images):
  """The noise of `compose(super_resolve(2), denoise(0.2))` is 0.1, not 0.2.

  An untrained prior restores better with 0.1 than with twice as much.
  """
  inner = operators.compose(operators.super_resolve(2), operators.denoise(0.2))
  y = operators.corrupt(inner, jnp.asarray(images), jax.random.key(0))
  outer = lambda sigma: operators.compose(operators.denoise(sigma), operators.super_resolve(2))
  right, same, wrong = (
    denoiser.restore(fresh, y.clip(0, 1), A).image for A in (inner, outer(0.1), outer(0.2))
  )
  np.testing.assert_allclose(right, same, atol=1e-3)
  assert metrics.psnr(right, images).mean() > metrics.psnr(wrong, images).mean() + 0.5


def test_noise_of_each_pixel_is_that_of_its_channels(noticeable, images):
  """The network gets the root mean square over the channels that have noise, of photon noise."""
  colours = images * np.float32([1, 0.6, 0.2])
  y, A = tasks.get("poisson:30").corrupt(colours, jax.random.key(0))
  y, A = operators.prepare(y, A, colours.shape[1:])
  sigma = np.broadcast_to(A.noise(colours.shape), colours.shape)
  assert (sigma[..., 0] > 1.2 * sigma[..., 2]).mean() > 0.5
  of_mean_square, of_largest = (
    operators.denoise(np.broadcast_to(own, sigma.shape))
    for own in (np.sqrt((sigma**2).mean(-1, keepdims=True)), sigma.max(-1, keepdims=True))
  )
  found = denoiser.restore(noticeable, y, A).image
  change = lambda A: abs(found - denoiser.restore(noticeable, y, A).image).max()
  assert change(of_mean_square) < change(of_largest) / 10


@pytest.mark.slow
def test_a_curved_damage_is_linearised_again(restorer, images):
  """A gamma curve of 2.5 with noise, which is strongly nonlinear."""
  A = operators.compose(operators.denoise(0.02), lambda x: jnp.maximum(x, 1e-3) ** 2.5)
  y = operators.corrupt(A, jnp.asarray(images), jax.random.key(0))
  score = lambda n: metrics.psnr(restorer(y, A, num_linearizations=n).image, images).mean()
  assert score(3) > score(1) + 2


@pytest.mark.slow
def test_a_blur_is_undone_by_iterations(restorer, images):
  """Those of a function of one's own are only on request."""
  noisy = operators.compose(operators.denoise(0.01), operators.blur(1.5))
  plain = lambda x: operators.blur(1.5)(x)
  score = lambda y, A, n: metrics.psnr(restorer(y, A, num_iterations=n).image, images).mean()
  observed = noisy.corrupt(images, jax.random.key(0)), plain(images)
  for A, y, without in zip((noisy, plain), observed, (0, None)):
    assert score(y, A, 8) > score(y, A, without) + 0.3


@pytest.mark.parametrize("mixes", [operators.blur(1.0), operators.super_resolve(2, "bicubic")])
def test_iterations_are_for_little_noise(mixes, fresh, images):
  """The choice does not depend on the other images of the batch."""
  levels = jnp.array([0.02, 0.2]).reshape(2, 1, 1, 1)
  A = operators.compose(operators.denoise(levels), mixes)
  y = A.corrupt(images[:2], jax.random.key(0))
  found = {n: denoiser.restore(fresh, y, A, num_iterations=n).image for n in (None, 0, 8)}
  far = lambda a, b: float(np.mean(np.abs(a - b)))
  for i, wanted in enumerate((8, 0)):  # Rounding differs between programs, and is amplified.
    assert far(found[None][i], found[wanted][i]) < 0.4 * far(found[0][i], found[8][i])


@pytest.mark.parametrize(
  "A",
  [
    operators.defocus(2),
    operators.compose(operators.poisson(50), operators.blur(1.0)),
    operators.denoise(0.1),
  ],
  ids=["defocus", "blur and photons", "noise"],
)
def test_it_can_be_traced(A, fresh):
  """Also for images that are restored in tiles otherwise."""
  restore = lambda y: denoiser.restore(fresh, y, A).image
  y = jax.ShapeDtypeStruct((1, 16, 600, 3), jnp.float32)
  assert jax.eval_shape(restore, y).shape == y.shape


def test_it_computes_in_float32(images, fresh):
  """Also in a program that has set `jax_enable_x64`."""
  A = operators.super_resolve(4)
  wanted = hub.restore(A(images), A, fresh).image
  with jax.enable_x64(True):
    y = jnp.asarray(A(images), jnp.float64)
    found = hub.restore(y, A, fresh).image
  assert y.dtype == jnp.float64 and found.dtype == jnp.float32
  np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.slow
def test_grey_images_are_not_scored_on_colour():
  trained = untrained("denoiser", channels=1)
  images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1), np.uint8)
  scores = dict(denoiser.evaluate(trained, [{"image": image} for image in images]))
  psnrs = [scores[f"{task}/psnr"] for task in tasks.NAMES if task != "colorize"]
  np.testing.assert_allclose(scores["psnr"], np.mean(psnrs), rtol=1e-6)
  assert "colorize/psnr" not in scores


@pytest.mark.slow
def test_checkpoints_are_scored_on_every_data_set(tmp_path):
  (tmp_path / "photographs").mkdir()
  noise = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), np.uint8)
  for i, image in enumerate(noise):
    Image.fromarray(image).save(tmp_path / "photographs" / f"{i}.png")
  trained = untrained(
    "denoiser", image_size=16, data_dir=str(tmp_path / "tfds"),
    pictures=(f"folder:{tmp_path / 'photographs'}",), picture_shares=(1.0,), picture_margins=(0.0,),
  )  # fmt: skip
  scores = dict(denoiser.evaluate(trained, [{"image": noise[0, :16, :16]}]))
  psnrs = [scores[f"{of}{task}/psnr"] for of in ("", "pictures_0/") for task in tasks.NAMES]
  np.testing.assert_allclose(scores["psnr"], np.mean(psnrs), rtol=1e-6)


def test_refusals(fresh, images):
  with pytest.raises(ValueError, match=r"y has shape .* A gives"):
    denoiser.restore(fresh, images, lambda x: x[:, ::2], shape=(32, 32))
  options = {
    "num_steps": 0, "num_samples": 0, "num_linearizations": 0, "num_iterations": -1,
    "choice": "worst",
  }  # fmt: skip
  for name, value in options.items():
    with pytest.raises(ValueError, match=f"{name} is "):
      denoiser.restore(fresh, images, operators.denoise(), **{name: value})
  for field, value, message in [
    ("sigma_max", 0, "> 0"),
    ("inpaint_share", 1.5, "between 0 and 1"),
    ("aligned_share", 2, "between 0 and 1"),
    ("face_scales", (1.4, 0.7), "two numbers above 0"),
    ("levels", (1, 4), "two numbers >= 2"),
    ("blur_sigmas", (3.0, 1.0), "two numbers above 0"),
  ]:
    with pytest.raises(ValueError, match=rf"config\.{field} is .*; it must be {message}"):
      validate(small_config("denoiser", **{field: value}))


def test_the_strength_of_the_noise_may_be_traced(images, fresh):
  """y may be an array of JAX, and images may be so large that they would be restored in tiles. The
  result has a gradient."""
  size = lambda y, sigma: jnp.sum(denoiser.restore(fresh, y, operators.denoise(sigma)).image)
  for y in (images, jnp.asarray(images)):
    assert jax.eval_shape(lambda sigma, y=y: size(y, sigma), 0.1).shape == ()
  large = jnp.full((1, 560, 32, 3), 0.5)
  assert jax.eval_shape(lambda sigma: size(large, sigma), 0.1).shape == ()
  found = jax.eval_shape(jax.grad(size, (0, 1)), jnp.asarray(images), 0.1)
  assert [x.shape for x in found] == [images.shape, ()]
