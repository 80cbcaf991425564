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
  assert len(np.unique(np.asarray(y).reshape(16, -1).sum(1).round(3))) > 8
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
