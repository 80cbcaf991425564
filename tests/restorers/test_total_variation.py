import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize
from skimage import restoration

from gan_restore import hub
from gan_restore.degradations import operators, tasks
from gan_restore.evaluation import metrics
from gan_restore.restorers.total_variation import tv


def objective(x, y, A, weight, smooth=0.0):
  """The same objective in NumPy. The differences of all channels are under one root."""
  down, right = np.zeros_like(x), np.zeros_like(x)
  down[:-1], right[:, :-1] = np.diff(x, axis=0), np.diff(x, axis=1)
  variation = np.sqrt(np.sum(down**2 + right**2, -1) + smooth).sum()
  return 0.5 * np.sum((y - A(x)) ** 2) + weight * variation


def test_denoising_is_chambolles(faces):
  """With one channel, because scikit-image treats each channel separately."""
  grey = faces[:2, ..., :1]
  y = np.clip(grey + 0.1 * np.random.default_rng(0).normal(size=grey.shape), 0, 1)
  ours = tv(y.astype(np.float32), operators.denoise(0.1), tv_weight=0.1, iterations=2000).image
  theirs = [
    restoration.denoise_tv_chambolle(image[..., 0], 0.1, eps=1e-9, max_num_iter=5000) for image in y
  ]
  np.testing.assert_allclose(ours[..., 0], theirs, atol=5e-3)


@pytest.mark.parametrize("weight", [0.02, 0.3])
def test_the_minimum_is_scipys_in_colour_and_through_an_operator(weight):
  rng = np.random.default_rng(0)
  y = rng.uniform(0.2, 0.8, (1, 2, 2, 3)).astype(np.float32)
  A = operators.super_resolve(2)
  average = lambda x: x.reshape(2, 2, 2, 2, 3).mean((1, 3))
  score = lambda x: objective(x.reshape(4, 4, 3), y[0], average, weight, 1e-9)
  best = optimize.minimize(score, np.full(4 * 4 * 3, 0.5), options={"maxiter": 300})
  result = tv(y, A, tv_weight=weight, iterations=3000)
  found = objective(np.asarray(result.image[0]), y[0], average, weight)
  assert found < best.fun * (1 + 2e-3)
  np.testing.assert_allclose(result.loss[0], found, rtol=1e-3)


BLURRED = operators.compose(operators.denoise(0.05), operators.blur(1.5))
EVERY = {name: (tasks.get(name), margin) for name, margin in [("inpaint", 8), ("denoise", 3)]} | {
  "quantize": (tasks.get("quantize"), 0.5),
  "super_resolve": (tasks.get("super_resolve"), 0.3),
  "coarsen": (tasks.get("coarsen"), 0.3),
  "random pixels": (tasks.get("inpaint", mask="pixels"), 8),
  "blur and noise": (tasks.Task("blur and noise", lambda key, shape: BLURRED), 1),
}


@pytest.mark.parametrize("name", EVERY)
def test_every_damage_is_reduced_by_margin_db(name, faces):
  task, margin = EVERY[name]
  x = faces[:2]
  y, A = task.corrupt(x, jax.random.key(0))
  score = lambda r: metrics.psnr(r(y, A).image, x).mean()
  assert score(hub.load("tv")) > score(hub.load("damaged")) + margin


def test_an_image_does_not_depend_on_its_batch(faces):
  y, A = tasks.get("inpaint", mask="random").corrupt(faces, jax.random.key(0))
  alone = tv(y[1:2], operators.inpaint(A.mask[1:2])).image
  np.testing.assert_allclose(tv(y, A).image[1:2], alone, atol=1e-5)


def test_a_plain_function(faces):
  red = lambda x: x * jnp.array([1.0, 0.5, 0.5])
  y = red(faces)
  assert metrics.psnr(tv(y, red).image, faces).mean() > metrics.psnr(y, faces).mean() + 10


@pytest.mark.parametrize("power", [2.0, 2.5])
def test_a_nonlinear_damage_that_is_steeper_for_bright_pixels(power, faces):
  """At white its derivative is two to three times as large as at grey. Outside of [0, 1] the power
  is not defined. Without noise, and with a small weight, the image is found."""
  gamma = lambda x: x**power
  result = tv(gamma(faces), gamma, tv_weight=1e-5)
  assert np.all(np.isfinite(result.loss))
  assert np.sqrt(np.mean((result.image - faces) ** 2)) < 0.02


def test_the_size_of_the_images_of_a_plain_function(faces):
  """Also for functions that give colours one channel, and for grey images."""
  rows, grey = lambda x: x[:, ::2], lambda x: x[:, ::2].mean(-1, keepdims=True)
  assert tv(rows(faces), rows, shape=(64, 64), iterations=1).image.shape == faces.shape
  assert tv(grey(faces), grey, shape=(64, 64), iterations=1).image.shape == faces.shape
  one = faces[..., :1]
  assert tv(rows(one), rows, shape=(64, 64), iterations=1).image.shape == one.shape
  A = operators.colorize()
  assert tv(A(faces), A, shape=(64, 64), iterations=1).image.shape == faces.shape
  with pytest.raises(ValueError, match="the images have 64x64 pixels; shape is"):
    tv(A(faces), A, shape=(32, 32))
  with pytest.raises(ValueError, match=r"A does not give y .* for images of 32x32"):
    tv(rows(faces), rows, shape=(32, 32))


@pytest.mark.parametrize("scale", [50.0, 0.02])
def test_the_result_does_not_depend_on_the_scale_of_y(scale, faces):
  """For a plain function. The objective is still in the units of y."""
  y = faces[:2]
  found = tv(scale * y, lambda x: scale * x, tv_weight=0.1 * scale**2)
  wanted = tv(y, operators.denoise(0), tv_weight=0.1)
  np.testing.assert_allclose(found.image, wanted.image, atol=1e-3)
  np.testing.assert_allclose(found.loss, scale**2 * wanted.loss, rtol=1e-3)


@pytest.mark.parametrize(
  "options,message",
  [
    ({"tv_weight": 0}, "tv_weight is 0; it must be > 0"),
    ({"tv_weight": float("nan")}, "tv_weight is nan"),
    ({"iterations": 0}, "iterations is 0"),
  ],
)
def test_refusals(options, message, faces):
  with pytest.raises(ValueError, match=message):
    tv(faces, operators.denoise(), **options)
  with pytest.raises(ValueError, match=r"y has shape .* A gives"):
    tv(faces, lambda x: x[:, ::2])
