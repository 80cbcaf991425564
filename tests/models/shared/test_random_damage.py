"""The damages from which a prior for any damage learns."""

import jax
import numpy as np
import pytest
from helpers import drawn_faces, small_config

from gan_restore.models.shared import random_damage


def random_posterior(config, key, images):
  return jax.jit(lambda key, x: random_damage.random_posterior(config, key, x))(key, images)


def test_the_damages_it_learns_from():
  """The posterior means are as far from the truth as the posterior deviations say.

  Every kind of damage occurs.
  """
  rng = np.random.default_rng(0)
  x = (0.5 + 0.1 * rng.normal(size=(256, 16, 16, 3))).clip(0, 1).astype(np.float32)
  config = small_config("denoiser", jpeg_share=0.0, kernel_share=0.0, demosaic_share=0.0)
  posterior = random_posterior(config, jax.random.key(0), x)
  mean, std = np.asarray(posterior.mean), np.asarray(posterior.std)
  assert 0 < std.min() and std.max() <= 0.25
  even = np.ptp(std, axis=(1, 2, 3)) < 1e-3
  assert 0.2 < even.mean() < 0.5  # Only noise or rounding.
  errors = np.sqrt(np.mean(((x - mean) / std)[even] ** 2, axis=(1, 2, 3)))
  # Where the posterior deviation is large it is that of the prior, which is larger than the
  # variation of these drawn images.
  assert 0.9 < np.median(errors[std[even].mean((1, 2, 3)) < 0.05]) < 1.1
  unseen = ((std > 0.249) & (abs(mean - 0.5) < 1e-3)).all(-1)  # Holes without a second observation.
  assert 0.15 < (unseen.mean((1, 2)) > 0.02).mean() < 0.35
  grey = np.ptp(mean, axis=-1).max((1, 2)) < 1e-4
  assert 0.03 < grey.mean() < 0.25


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*random_damage.KINDS, "jpeg", "kernel"])
def test_the_config_says_which_damages(kind):
  """One kind of damage at a time, chosen by its share."""
  shares = dict.fromkeys((f"{k}_share" for k in (*random_damage.KINDS, "jpeg", "kernel")), 0.0)
  config = small_config("denoiser", **shares | {f"{kind}_share": 1.0}, further_damage=0.0)
  config.update(second_look_share=0.0, pixels_share=0.0, luma_share=0.0)
  x = drawn_faces(8, 16)
  posterior = random_posterior(config, jax.random.key(0), x)
  std = np.asarray(posterior.std)
  spread = np.ptp(std.reshape(8, -1), axis=1)
  if kind in ("denoise", "quantize"):
    assert spread.max() < 1e-3
  elif kind == "inpaint":  # A rectangle is missing, and all other pixels are almost certain.
    assert std.min() < 0.006 and (std.max(axis=(1, 2, 3)) > 0.249).all()
  elif kind == "colorize":
    np.testing.assert_allclose(np.ptp(np.asarray(posterior.mean), axis=-1), 0, atol=1e-3)
  elif kind == "demosaic":  # One of the three channels is known, green at half of the pixels.
    known = std < 0.01
    assert (known.sum(-1) == 1).all()
    np.testing.assert_allclose(known.mean((0, 1, 2)), [0.25, 0.5, 0.25], atol=1e-6)
  elif kind == "jpeg":  # Noise of one deviation a channel; the chroma is coarser than the luma.
    flat = std.reshape(8, -1, 3)
    assert np.median(np.ptp(flat, axis=1)) < 0.15 and std.min() < 0.1
  elif kind == "kernel":  # The posterior mean is sharper than y, but still blurred.
    error = np.mean((np.asarray(posterior.mean) - x) ** 2, (1, 2, 3))
    assert (error > 1e-5).all() and np.median(error) < np.var(x)
  else:
    assert std.mean() > 0.1 and (np.ptp(np.asarray(posterior.mean), axis=-1) > 0.01).any()
