"""Compares the noise that operators state with the noise that they add, over 1,000 draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn_faces

from gan_restore import hub
from gan_restore.degradations import operators, tasks

KEY = jax.random.key(0)
SHAPE = (1, 16, 16, 3)
NOISES = {
  "denoise": operators.denoise(0.05),
  "one for each image": operators.denoise(np.full((1, 1, 1, 1), 0.05)),
  "one for each value": operators.denoise(np.linspace(0.02, 0.1, 768).reshape(SHAPE)),
  "poisson": operators.poisson(200),
  "poisson_gaussian": operators.poisson_gaussian(400, 0.04),
  "speckle": operators.speckle(0.1),
}


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("level", [0.3, 0.5])
def test_the_noise_is_that_which_is_stated(name, level):
  A, x = NOISES[name], jnp.full(SHAPE, level)
  drawn = jax.jit(jax.vmap(lambda key: A.corrupt(x, key)))(jax.random.split(KEY, 1000))
  measured = np.std(drawn, axis=0)
  stated = operators.noise(operators.given(A, drawn[0], SHAPE), SHAPE)
  np.testing.assert_allclose(np.median(stated / measured), 1, atol=0.05)
  np.testing.assert_allclose(np.mean(drawn, (0, 1, 2, 3)), level, atol=0.005)
  np.testing.assert_array_equal(A(x), x)


def test_before_y_is_given_the_noise_is_that_of_mid_grey():
  for name in ("poisson", "poisson_gaussian", "speckle"):
    known = operators.given(NOISES[name], jnp.full(SHAPE, 0.5), SHAPE)
    found, wanted = (operators.noise(A, SHAPE) for A in (NOISES[name], known))
    np.testing.assert_allclose(np.broadcast_to(found, SHAPE), wanted, rtol=1e-5)


def test_pixels_that_were_hit_are_found_and_the_others_kept(faces):
  x = jnp.clip(faces, 0.02, 0.98)
  A = operators.salt_and_pepper(0.2)
  y = A.corrupt(x, KEY)
  changed = np.any(np.asarray(y) != np.asarray(x), -1, keepdims=True)
  np.testing.assert_allclose(changed.mean(), 0.2, atol=0.01)
  assert set(np.unique(np.asarray(y)[changed[..., 0]])) == {0, 1}
  known = operators.given(A, y, x.shape)
  np.testing.assert_array_equal(operators.missing(known, x.shape), changed)
  np.testing.assert_array_equal(operators.hole(known), changed)
  np.testing.assert_array_equal(known(x), y)
  np.testing.assert_array_equal(operators.project(known, jnp.zeros_like(x), y), y * (1 - changed))
  assert operators.missing(A, x.shape) is None  # Not known before y is given.


def test_what_is_given_is_given_once(faces):
  for A in (operators.denoise(None), operators.poisson(50), operators.salt_and_pepper(0.1)):
    y = A.corrupt(faces, KEY)
    known = operators.given(A, y, y.shape)
    again = operators.given(known, 1 - y, y.shape)
    jax.tree.map(np.testing.assert_array_equal, known, again)


@pytest.mark.parametrize("sigma", [0.02, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("channels", [3, 1])
def test_sigma_is_estimated(sigma, channels, faces):
  """From smooth images within 10%, where there is texture too if there are three channels."""
  x = 0.3 + 0.4 * faces[..., :channels]
  if channels == 1:
    x = np.broadcast_to(np.linspace(0.3, 0.7, 64)[:, None, None], (8, 64, 64, 1))
  y = x + sigma * np.random.default_rng(0).normal(size=x.shape)
  found = operators.estimate_sigma(y)
  assert found.shape == (8, 1, 1, 1)
  np.testing.assert_allclose(np.mean(found), sigma, rtol=0.1)
  np.testing.assert_allclose(found, sigma, rtol=0.25)


def test_clipping_is_corrected_for():
  """On a dark picture half of the noise is clipped."""
  x = np.full((2, 64, 64, 3), 0.05)
  y = np.clip(x + 0.1 * np.random.default_rng(0).normal(size=x.shape), 0, 1)
  assert np.std(y) < 0.08
  np.testing.assert_allclose(operators.estimate_sigma(y), 0.1, rtol=0.25)


def test_grey_pictures_and_flat_ones():
  """The channels of a grey picture are equal: it is estimated from one of them."""
  rng = np.random.default_rng(0)
  grey = np.repeat(0.5 + 0.1 * rng.normal(size=(1, 64, 64, 1)), 3, -1)
  np.testing.assert_allclose(operators.estimate_sigma(grey), 0.1, rtol=0.1)
  assert operators.estimate_sigma(np.full((1, 64, 64, 3), 0.5)) == pytest.approx(1e-3)


def test_a_bayer_pattern_is_not_noise(faces):
  A = operators.compose(operators.denoise(None, 0.05), operators.demosaic())
  x = np.broadcast_to(np.float32([0.8, 0.5, 0.2]), (1, 64, 64, 3))
  known = operators.given(A, A.corrupt(x, KEY), x.shape)
  np.testing.assert_allclose(np.mean(operators.noise(known, x.shape)), 0.05, rtol=0.1)


@pytest.mark.parametrize(
  "after", [operators.inpaint(np.tile([0, 1], (64, 32))), operators.blur(0.7),
            operators.super_resolve(2), operators.coarsen(2), operators.demosaic()],
)  # fmt: skip
def test_a_strength_that_is_not_known_before_other_damages(after):
  x = jnp.broadcast_to(jnp.array([0.4, 0.5, 0.6]), (2, 64, 64, 3))
  A = operators.compose(after, operators.denoise(None, 0.08))
  known = operators.given(A, A.corrupt(x, KEY), x.shape)
  np.testing.assert_allclose(known.inner.sigma, 0.08, rtol=0.15)


def test_the_estimate_does_not_depend_on_the_other_images():
  """Also if other damages follow the noise."""
  x = jnp.broadcast_to(drawn_faces(1, 64), (3, 64, 64, 3))
  A = operators.compose(operators.super_resolve(2), operators.denoise(None, 0.08))
  y = jnp.broadcast_to(A.corrupt(x[:1], KEY), (3, 32, 32, 3))
  several, alone = (
    operators.given(A, own, (len(own), 64, 64, 3)).inner.sigma for own in (y, y[:1])
  )
  np.testing.assert_allclose(several, jnp.broadcast_to(alone, (3, 1, 1, 1)), rtol=1e-5)


def test_a_strength_that_cannot_be_estimated(faces):
  A = operators.compose(operators.blur(4.0), operators.denoise(None))
  with pytest.raises(ValueError, match="cannot be estimated after the damages that follow it"):
    operators.given(A, A(faces), faces.shape)
  with pytest.raises(ValueError, match="while JAX traces y"):
    jax.jit(lambda y: operators.given(operators.denoise(None), y, y.shape)(y))(faces)


def test_hit_pixels_are_found_after_jpeg(faces):
  x = jnp.clip(faces, 0.1, 0.9)
  A = operators.compose(operators.jpeg(95, "4:4:4"), operators.salt_and_pepper(0.05))
  known = operators.given(A, A.corrupt(x, KEY), x.shape)
  np.testing.assert_allclose(np.mean(operators.missing(known, x.shape)), 0.05, atol=0.015)


def test_the_noise_of_each_colour_of_a_bayer_filter():
  x = jnp.broadcast_to(jnp.array([0.8, 0.5, 0.2]), (1, 32, 32, 3))
  A = operators.compose(operators.poisson(1000), operators.demosaic())
  known = operators.given(A, A.corrupt(x, KEY), x.shape)
  wanted = np.sqrt(operators.demosaic()(x) / 1000)
  np.testing.assert_allclose(operators.noise(known, x.shape), wanted, rtol=0.08)


def test_the_noise_beside_a_hole():
  mask = np.zeros((32, 32))
  mask[8:20, 8:20] = 1
  A = operators.compose(operators.poisson(1000), operators.inpaint(mask))
  x = jnp.full((1, 32, 32, 3), 0.5)
  known = operators.given(A, A.corrupt(x, KEY), x.shape)
  found = np.asarray(operators.noise(known, x.shape))[0][mask == 0]
  np.testing.assert_allclose(found, (0.5 / 1000) ** 0.5, rtol=0.08)


@pytest.mark.parametrize("level", [0.02, 0.05])
def test_dark_pixels_without_photons_are_no_holes(level):
  """At a level of 0.02 and 30 photons, 55% of the values are 0."""
  x, A = jnp.full((1, 64, 64, 3), level), operators.poisson(30)
  found = operators.noise(operators.given(A, A.corrupt(x, KEY), x.shape), x.shape)
  np.testing.assert_allclose(np.mean(found), (level / 30) ** 0.5, rtol=0.1)


def test_a_strength_that_is_not_known(faces):
  A = operators.denoise(None, damage=0.08)
  y = A.corrupt(faces, KEY)
  np.testing.assert_allclose(np.std(y - faces), 0.08, rtol=0.1)  # Clipped.
  with pytest.raises(ValueError, match="sigma is None; call"):
    operators.noise(A, y.shape)
  known = operators.given(A, y, y.shape)
  np.testing.assert_allclose(np.mean(operators.noise(known, y.shape)), 0.08, rtol=0.15)
  # A later operator reduces the noise; the estimate is that of the noise before it.
  averaged = operators.compose(operators.super_resolve(2), A)
  y = averaged.corrupt(faces, KEY)
  known = operators.given(averaged, y, faces.shape)
  np.testing.assert_allclose(np.mean(operators.noise(known, faces.shape)), 0.04, rtol=0.3)


@pytest.mark.parametrize(
  "make,message",
  [
    (lambda: operators.denoise(-0.1), "sigma is -0.1"),
    (lambda: operators.denoise(50), "sigma is 50; it must be between 0 and 1"),
    (lambda: operators.denoise(np.full((1, 1, 1, 1), np.nan)), "between 0 and 1"),
    (lambda: operators.denoise(np.ones(3)), r"sigma has dtype float64 and shape \(3,\)"),
    (lambda: operators.denoise("a"), "sigma has dtype <U1"),
    (lambda: operators.denoise(0.1, damage=2), "damage is 2"),
    (lambda: operators.denoise(np.full((1, 1, 1, 1), 3.0)), r"sigma lies in \[3.0, 3.0\]"),
    (lambda: operators.poisson(0.5), "peak is 0.5"),
    (lambda: operators.poisson_gaussian(10, 2), "sigma is 2"),
    (lambda: operators.speckle(-1), "sigma is -1"),
    (lambda: operators.salt_and_pepper(1), "rate is 1; it must be > 0 and < 1"),
    (lambda: operators.estimate_sigma(np.zeros((4, 4, 3))), "noise is estimated from"),
  ],
)
def test_refusals(make, message):
  with pytest.raises(ValueError, match=message):
    make()


# --- Grey pictures --------------------------------------------------------------------------------


def test_the_mean_of_the_channels_has_the_noise_of_the_damage():
  shape = (2, 16, 16, 3)
  for A in (operators.denoise(0.05), operators.compose(operators.denoise(0.05), operators.blur(1))):
    stated = operators.noise(operators.compose(operators.grey(), A), shape)
    drawn = stated * jax.random.normal(jax.random.key(0), (4000, 3))
    np.testing.assert_allclose(drawn.mean(-1).std(), 0.05, rtol=0.05)


def test_noise_that_was_mixed_counts_for_the_mean_of_the_channels_too():
  x = np.random.default_rng(0).random((1, 32, 32, 3)).astype(np.float32)
  noisy = operators.compose(operators.blur(1), operators.denoise(0.05))
  for first in (noisy, operators.jpeg(20)):
    A = operators.given(
      operators.compose(operators.super_resolve(2), first), x[:, ::2, ::2], x.shape
    )
    stated = operators.noise(operators.compose(operators.grey(), A), x.shape)
    np.testing.assert_allclose(stated, 3**0.5 * operators.noise(A, x.shape), rtol=1e-4)


def test_it_changes_nothing_else():
  shape, noisy = (1, 16, 16, 3), operators.denoise(None)
  x = np.full(shape, 0.5, np.float32)
  for A in (noisy, operators.jpeg(20), operators.super_resolve(2), operators.colorize()):
    grey = operators.compose(operators.grey(), A)
    y = A(x)
    np.testing.assert_array_equal(grey(x), y)
    for function in (operators.project, lambda A, x, y: operators.show(A, y)):
      np.testing.assert_array_equal(function(grey, x, y), function(A, x, y))
    assert operators.image_shape(grey, y.shape) == operators.image_shape(A, y.shape)
  y = x + 0.1 * np.random.default_rng(0).normal(size=(1, 16, 16, 1)).astype(np.float32)
  both = [
    operators.noise(operators.given(A, y, shape), shape)
    for A in (noisy, operators.compose(operators.grey(), noisy))
  ]
  np.testing.assert_allclose(both[1], 3**0.5 * both[0], rtol=0.1)


def test_restorers_remove_the_noise_of_grey_pictures():
  """Total variation smooths as much as it should, and so leaves less noise."""
  rng = np.random.default_rng(0)
  x = np.full((4, 32, 32, 3), 0.5, np.float32)
  y = x + 0.1 * rng.normal(size=(4, 32, 32, 1)).astype(np.float32)
  restore = hub.load("tv")
  error = [
    np.mean((restore(y, A).image - x) ** 2)
    for A in (operators.denoise(0.1), operators.compose(operators.grey(), operators.denoise(0.1)))
  ]
  assert error[1] < 0.7 * error[0]


@pytest.mark.parametrize("name", ["median", "non_local_means", "wavelet"])
def test_restorers_of_noise_alone_take_grey_pictures(name):
  rng = np.random.default_rng(0)
  x = np.full((1, 32, 32, 3), 0.5, np.float32)
  y = (x + 0.1 * rng.normal(size=(1, 32, 32, 1))).clip(0, 1).astype(np.float32)
  A = operators.compose(operators.grey(), operators.denoise(0.1))
  assert np.mean((hub.load(name)(y, A).image - x) ** 2) < 0.5 * np.mean((y - x) ** 2)


def test_the_hits_of_an_image_do_not_depend_on_the_noise_of_the_others():
  x = np.full((2, 32, 32, 3), 0.08, np.float32)
  levels = jnp.array([0.001, 0.1]).reshape(2, 1, 1, 1)
  noise, alone = operators.Denoise(levels, levels), operators.Denoise(levels[:1], levels[:1])
  y = noise.corrupt(operators.salt_and_pepper(0.1).corrupt(x, jax.random.key(0)), jax.random.key(1))
  found = lambda A, y: operators.hole(operators.given(A, y, y.shape).inner)
  A = operators.compose(noise, operators.salt_and_pepper(0.1))
  first = operators.compose(alone, operators.salt_and_pepper(0.1))
  np.testing.assert_array_equal(found(A, y)[:1], found(first, y[:1]))


@pytest.mark.parametrize("later", ["super_resolve:2+poisson:50", "motion_blur:5@0@cut+poisson:50"])
def test_hits_before_damage_that_changes_the_size(later):
  x = np.full((2, 32, 32, 3), 0.5, np.float32)
  y, A = tasks.get(f"salt_and_pepper:0.1+{later}").corrupt(x, KEY)
  assert operators.prepare(y, A, x.shape[1:])[0].shape == y.shape
