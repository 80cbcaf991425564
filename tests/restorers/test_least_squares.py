import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_restore.degradations import operators
from gan_restore.restorers import least_squares

HOLE = np.zeros((8, 8), np.float32)
HOLE[2:6, 1:4] = 1
OPERATORS = {
  "denoise": operators.denoise(),
  "super_resolve": operators.super_resolve(4),
  "inpaint": operators.inpaint(HOLE),
  "blur": operators.blur(0.6),
  "both": operators.compose(operators.super_resolve(2), operators.inpaint(HOLE)),
}


def matrix(A):
  """The matrix of a linear A on images of 8x8x1."""
  basis = np.eye(64, dtype=np.float32).reshape(64, 1, 8, 8, 1)
  return np.stack([np.asarray(A(image)).ravel() for image in basis], 1).astype(np.float64)


@pytest.mark.parametrize("name", OPERATORS)
def test_mean_and_deviation_are_numpys(name):
  """Bayes' rule with the operator as a matrix."""
  rng = np.random.default_rng(0)
  A = OPERATORS[name]
  x, z = rng.uniform(size=(2, 3, 8, 8, 1)).astype(np.float32)
  y, J, noise, variance = A(x), matrix(A), 0.05, 0.04
  key = jax.random.key(0)
  mean, deviation = least_squares.independent_posterior(y, A, z, variance, noise, key, probes=100)
  C = np.linalg.inv(J.T @ J / noise**2 + np.eye(64) / variance)
  for i in range(3):
    wanted = C @ (J.T @ np.asarray(y[i]).ravel() / noise**2 + z[i].ravel() / variance)
    np.testing.assert_allclose(mean[i].ravel(), wanted, atol=1e-4)
    np.testing.assert_allclose(deviation[i].ravel(), np.sqrt(np.diag(C)), rtol=0.1)
  fitted = least_squares.fit(y, A, z, noise**2 / variance)
  np.testing.assert_allclose(fitted, mean, atol=1e-5)


def test_whitening_gives_each_value_the_weight_of_its_noise():
  """After whitening, the posterior of each value is that with its own noise level."""
  rng = np.random.default_rng(0)
  x = rng.uniform(size=(2, 8, 8, 1)).astype(np.float32)
  z, sigma = jnp.full(x.shape, 0.5), jnp.broadcast_to(jnp.array([0.1, 0.2])[:, None], (2, 1))
  sigma = jnp.tile(sigma.reshape(1, 2, 1, 1), (1, 4, 1, 1))  # Rows with 0.1 and 0.2 alternate.
  y, A, level = least_squares.whiten(jnp.asarray(x), operators.denoise(), sigma)
  assert level.shape == (1, 1, 1, 1) and float(level[0, 0, 0, 0]) == pytest.approx(0.2)
  mean, std = least_squares.independent_posterior(y, A, z, 0.04, level, jax.random.key(0))
  gain = 0.04 / (0.04 + np.asarray(sigma) ** 2)
  np.testing.assert_allclose(mean, 0.5 + gain * (x - 0.5), atol=1e-5)
  np.testing.assert_allclose(std, np.sqrt(0.04 * (1 - gain)) + 0 * x, rtol=1e-3)
  same = least_squares.whiten(jnp.asarray(x), A, 0.1)
  assert same[1] is A and same[2] == np.float32(0.1)


@pytest.mark.parametrize("scale", [40.0, 0.01])
def test_standardizing_undoes_the_scale_of_a_function(scale):
  x = np.random.default_rng(0).uniform(size=(2, 8, 8, 1)).astype(np.float32)
  given = operators.compose(lambda x: scale * x, operators.denoise(0.1))
  y, A, sigma, gain = least_squares.standardize(scale * x, given, x.shape)
  np.testing.assert_allclose(y, x, rtol=1e-4)
  np.testing.assert_allclose(A(x), x, rtol=1e-4)
  np.testing.assert_allclose(sigma, 0.1 + 0 * x, rtol=1e-4)
  np.testing.assert_allclose(gain, [scale, scale], rtol=1e-4)
  built_in = operators.super_resolve(2)
  unchanged = least_squares.standardize(x, built_in, (2, 16, 16, 1))
  assert unchanged[0] is x and unchanged[1:] == (built_in, 0.0, 1.0)


def test_each_image_may_have_its_own_noise():
  x = np.random.default_rng(0).uniform(size=(2, 8, 8, 1)).astype(np.float32)
  A, sigma = operators.denoise(), jnp.array([0.1, 0.3]).reshape(2, 1, 1, 1)
  z = jnp.full(x.shape, 0.5)
  mean, deviation = least_squares.independent_posterior(x, A, z, 0.04, sigma, jax.random.key(0))
  gain = 0.04 / (0.04 + np.asarray(sigma) ** 2)
  np.testing.assert_allclose(mean, 0.5 + gain * (x - 0.5), atol=1e-6)
  np.testing.assert_allclose(deviation, np.sqrt(0.04 * (1 - gain)) + 0 * x, rtol=1e-4)


def test_the_deviation_is_exact_where_pixels_are_apart():
  """If only the mean of three colours is observed, 2/3 of the variance remains."""
  x = np.random.default_rng(0).uniform(size=(2, 8, 8, 3)).astype(np.float32)
  A, z = lambda x: x.mean(-1, keepdims=True), jnp.full(x.shape, 0.5)
  _, deviation = least_squares.independent_posterior(A(x), A, z, 0.04, 1e-3, jax.random.key(0))
  np.testing.assert_allclose(deviation, np.sqrt(0.04 * 2 / 3) + 0 * x, rtol=1e-3)


def test_a_curved_damage_is_linearised_where_it_is_told():
  """x^2, linearised at the truth: the fit is exact.

  Linearised at grey, the error is that of the linearisation.
  """
  x = np.random.default_rng(0).uniform(0.2, 0.8, size=(1, 8, 8, 1)).astype(np.float32)
  square, z = lambda x: x**2, jnp.full(x.shape, 0.5)
  known = least_squares.linearize(square, x)
  np.testing.assert_allclose(least_squares.fit(x**2, known, z, 1e-8), x, atol=1e-4)
  tangent = 0.5 + (x**2 - 0.25)
  np.testing.assert_allclose(least_squares.fit(x**2, square, z, 1e-8), tangent, atol=1e-4)


def test_noise_that_differs_a_hundredfold_needs_no_more_iterations(faces):
  """With the balance as a preconditioner, a few iterations give the exact posterior."""
  sigma = np.broadcast_to(np.geomspace(0.003, 0.3, 64)[:, None, None], faces.shape)
  y = faces + sigma * np.random.default_rng(0).normal(size=faces.shape)
  y, sigma, z = (jnp.asarray(v, jnp.float32) for v in (y, sigma, np.full_like(faces, 0.5)))
  A = lambda x: x
  white_y, white_A, level = least_squares.whiten(y, A, sigma)
  precision = least_squares.balance(A, white_A, z)
  wanted = (y / sigma**2 + z / 0.04) / (1 / sigma**2 + 1 / 0.04)
  for few, options in ((True, {"precision": precision}), (False, {})):
    mean, _ = least_squares.independent_posterior(
      white_y, white_A, z, 0.04, level, jax.random.key(0), iterations=4, **options
    )
    error = float(jnp.max(abs(mean - wanted)))
    assert (error < 1e-3) == few
  assert least_squares.balance(A, A, z).max() == 1  # Uniform noise.


def test_a_fit_ends_at_its_misfit_for_each_image_alone():
  """Of a blur: the first image is fitted roughly, so it is finished early, and its result does not
  depend on the other image of the batch."""
  x = np.random.default_rng(0).uniform(0.2, 0.8, size=(2, 16, 16, 3)).astype(np.float32)
  A = operators.blur(1.0)
  y, z = A(x), jnp.full(x.shape, 0.5).at[0].set(0.9 * x[0] + 0.05)
  fit = lambda i, **options: least_squares.fit(y[i], A, z[i], 1e-6, iterations=300, **options)
  both = fit(slice(0, 2), misfit=3e-3)
  for i in (0, 1):
    np.testing.assert_allclose(fit(slice(i, i + 1), misfit=3e-3)[0], both[i], atol=1e-5)
  rms = np.sqrt(np.mean((y - A(both)) ** 2, axis=(1, 2, 3)))
  assert np.all(rms < 3e-3) and np.all(rms > 1e-3)
  assert np.sqrt(np.mean((y - A(fit(slice(0, 2)))) ** 2)) < 2e-4


def test_a_fit_has_a_gradient():
  """With A = 2 x, the fit is (2 y + w z) / (4 + w)."""
  z, y = jnp.zeros((1, 4, 4, 1)), jnp.ones((1, 4, 4, 1))
  fitted = lambda y, w: jnp.sum(least_squares.fit(y, lambda x: 2 * x, z, w))
  of_y, of_w = jax.grad(fitted, (0, 1))(y, 0.5)
  np.testing.assert_allclose(of_y, np.full(y.shape, 2 / 4.5), rtol=1e-4)
  np.testing.assert_allclose(of_w, -16 * 2 / 4.5**2, rtol=1e-4)
