import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from gan_restore.nn import losses

REAL = np.array([-2.0, 0.3, 4.0])
FAKE = np.array([-1.0, 0.5, 2.0])


def test_losses_are_the_papers():
  wanted = -np.mean(np.log(expit(REAL))) - np.mean(np.log(1 - expit(FAKE)))
  np.testing.assert_allclose(losses.discriminator_loss(REAL, FAKE), wanted, rtol=1e-5)
  wanted = -np.mean(np.log(expit(FAKE)))
  np.testing.assert_allclose(losses.generator_loss(FAKE), wanted, rtol=1e-5)


def test_finite_with_gradients_where_the_sigmoid_saturates():
  for logits in (jnp.array([1e4]), jnp.array([-1e4])):
    value, gradient = jax.value_and_grad(losses.generator_loss)(logits)
    assert np.isfinite(value) and np.isfinite(gradient).all()
    assert np.isfinite(losses.discriminator_loss(logits, logits))


def test_the_regulariser_of_the_map_paper_is_minus_the_logit():
  both = losses.log_one_minus_d(REAL) - losses.log_d(REAL)
  np.testing.assert_allclose(both, -REAL, rtol=1e-5)


def test_classification_loss_of_a_class_and_of_attributes():
  rng = np.random.default_rng(0)
  logits = rng.normal(size=(6, 4))
  classes, attributes = rng.integers(0, 4, 6), rng.integers(0, 2, (6, 4))
  p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
  wanted = -np.log(p[np.arange(6), classes]).mean()
  np.testing.assert_allclose(losses.classification_loss(logits, classes), wanted, rtol=1e-5)
  s = 1 / (1 + np.exp(-logits))
  wanted = -(attributes * np.log(s) + (1 - attributes) * np.log(1 - s)).mean()
  np.testing.assert_allclose(losses.classification_loss(logits, attributes), wanted, rtol=1e-5)
  with pytest.raises(ValueError, match=r"label has shape \[6, 10\]; it must be \[6, 4\]"):
    losses.classification_loss(logits, rng.integers(0, 2, (6, 10)))
