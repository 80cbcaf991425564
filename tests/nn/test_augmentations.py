import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_restore.nn import augmentations

X = jax.random.uniform(jax.random.key(1), (16, 16, 16, 3), minval=-1, maxval=1)


@pytest.mark.parametrize("policy", [*augmentations.POLICIES, "color,translation,cutout"])
def test_each_image_gets_its_own_draw_and_the_gradient_flows(policy):
  same = jnp.broadcast_to(X[:1], X.shape)
  y = augmentations.augment(same, policy, jax.random.key(0))
  assert y.shape == X.shape
  assert len(np.unique(np.asarray(y).reshape(16, -1), axis=0)) > 4
  gradient = jax.grad(lambda x: augmentations.augment(x, policy, jax.random.key(0)).sum())(X)
  assert np.isfinite(gradient).all() and np.abs(gradient).sum() > 0


def test_no_policy_is_the_identity():
  np.testing.assert_array_equal(augmentations.augment(X, "", jax.random.key(0)), X)


def test_translation_moves_pixels_by_at_most_an_eighth():
  dot = jnp.zeros((64, 16, 16, 1)).at[:, 8, 8].set(1.0)
  moved = np.argwhere(np.asarray(augmentations.augment(dot, "translation", jax.random.key(0))))
  offsets = moved[:, 1:3] - 8
  assert len(moved) == 64
  assert offsets.min() == -2 and offsets.max() == 2


def test_cutout_blanks_a_square_of_half_the_size():
  blank = 1 - np.asarray(
    augmentations.augment(jnp.ones((256, 16, 16, 1)), "cutout", jax.random.key(0))
  )
  assert blank.sum((1, 2, 3)).max() == 64  # 8 x 8, if it is completely inside.
  assert blank.sum((1, 2, 3)).min() < 64  # Smaller, if it crosses the border.


def test_color_keeps_the_layout_of_an_image():
  y = np.asarray(augmentations.augment(X, "color", jax.random.key(0)))
  grey = lambda a: np.asarray(a).mean(-1).reshape(16, -1)
  correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(grey(X), grey(y))]
  assert min(correlation) > 0.99


def test_blur_is_a_gaussian_for_half_of_the_images():
  """The variance of a blurred dot tells sigma; the dot is then that Gaussian, in NumPy."""
  dot = jnp.zeros((64, 65, 65, 1)).at[:, 32, 32].set(1.0)
  y = np.asarray(augmentations.augment(dot, "blur", jax.random.key(0)))[..., 0]
  offset = np.arange(65) - 32
  variance = (y.sum(2) * offset**2).sum(1)
  sharp = np.isclose(y[:, 32, 32], 1)
  assert 20 <= sharp.sum() <= 44
  assert 3 < variance.max() ** 0.5 <= 65 / 16
  for i in np.argsort(variance)[-8:]:
    weights = np.exp(-(offset**2) / (2 * variance[i]))
    weights /= weights.sum()
    np.testing.assert_allclose(y[i], np.outer(weights, weights), atol=1e-3)


def test_blur_keeps_a_constant_image_up_to_its_border():
  y = augmentations.augment(jnp.full((16, 16, 24, 3), 0.7), "blur", jax.random.key(0))
  np.testing.assert_allclose(y, 0.7, rtol=1e-5)


def test_noise_has_no_mean_and_leaves_half_of_the_images():
  y = np.asarray(augmentations.augment(jnp.zeros((64, 32, 32, 3)), "noise", jax.random.key(0)))
  sigma = y.std((1, 2, 3))
  assert 20 <= (sigma == 0).sum() <= 44
  assert 0.3 < sigma.max() < 0.42 and abs(y.mean()) < 0.01
