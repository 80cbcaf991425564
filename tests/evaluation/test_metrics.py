"""Compares PSNR and SSIM with scikit-image, and gradients with NumPy."""

import numpy as np
import pytest
from scipy import linalg, stats
from skimage import metrics as reference

from gan_restore.evaluation import metrics


@pytest.fixture
def pair(faces):
  noise = np.random.default_rng(0).normal(0, 0.1, faces.shape)
  return np.clip(faces + noise, 0, 1).astype(np.float32), faces


def test_psnr(pair):
  wanted = [reference.peak_signal_noise_ratio(b, a, data_range=1) for a, b in zip(*pair)]
  np.testing.assert_allclose(metrics.psnr(*pair), wanted, rtol=1e-4)


def test_the_psnr_of_equal_images_is_finite(faces):
  mask = np.zeros((1, 64, 64, 1), np.float32)
  assert np.all(np.isnan(metrics.psnr(faces, faces, mask)))
  mask[:, 16:48] = 1
  for own in (None, mask):
    np.testing.assert_array_equal(metrics.psnr(faces, faces, own), 100)


OPTIONS = {
  "gaussian_weights": True,
  "sigma": 1.5,
  "use_sample_covariance": False,
  "data_range": 1,
  "channel_axis": -1,
}


def test_ssim(pair):
  wanted = [reference.structural_similarity(a, b, **OPTIONS) for a, b in zip(*pair)]
  np.testing.assert_allclose(metrics.ssim(*pair), wanted, atol=1e-4)


def test_in_the_hole(pair):
  x, y = pair
  mask = np.zeros((64, 64, 1), np.float32)
  mask[16:48, 20:40] = 1
  inside = (slice(None), slice(16, 48), slice(20, 40))
  wanted = -10 * np.log10(((x - y)[inside] ** 2).mean((1, 2, 3)))
  np.testing.assert_allclose(metrics.psnr(x, y, mask[None]), wanted, rtol=1e-4)
  wanted = [
    reference.structural_similarity(a, b, full=True, **OPTIONS)[1][inside[1:]].mean()
    for a, b in zip(x, y)
  ]
  np.testing.assert_allclose(metrics.ssim(x, y, mask[None]), wanted, atol=1e-4)


def test_pasting_the_known_pixels_back_is_6_db_for_a_quarter(pair):
  x, y = pair
  mask = np.zeros((1, 64, 64, 1), np.float32)
  mask[:, 16:48, 16:48] = 1
  whole = metrics.psnr(x * mask + y * (1 - mask), y)
  np.testing.assert_allclose(whole - metrics.psnr(x, y, mask), 10 * np.log10(4), atol=1e-3)


def test_gradient_magnitude(pair):
  x = pair[0].astype(np.float64)
  mask = np.zeros((8, 64, 64, 1), np.float32)
  mask[:, 10:40, 20:64] = 1
  for got, where in (
    (metrics.gradient_magnitude(pair[0]), np.ones_like(mask)),
    (metrics.gradient_magnitude(pair[0], mask), mask),
  ):
    magnitude = np.hypot(np.diff(x, axis=1)[:, :, :-1], np.diff(x, axis=2)[:, :-1])
    inside = np.broadcast_to(where[:, :-1, :-1] == 1, magnitude.shape)
    wanted = [m[i].mean() for m, i in zip(magnitude, inside)]
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
  ramp = np.broadcast_to(np.arange(16)[:, None, None] * 0.05, (1, 16, 16, 1))
  np.testing.assert_allclose(metrics.gradient_magnitude(ramp), 0.05, rtol=1e-5)


def test_accuracy_of_classes_and_of_attributes():
  logits = np.array([[0.1, 2.0, -1.0], [3.0, 1.0, 0.5]])
  np.testing.assert_array_equal(metrics.accuracy(logits, np.array([1, 2])), [1, 0])
  bits = np.array([[1, 1, 1], [0, 1, 1]], np.uint8)
  np.testing.assert_allclose(metrics.accuracy(logits, bits), [2 / 3, 2 / 3], rtol=1e-6)


def test_balanced_accuracy_does_not_flatter_the_rare():
  """A classifier that always decides "no" has an accuracy of 0.9 but a balanced accuracy of 0.5."""
  label = np.zeros((40, 3), np.uint8)
  label[:4, :2] = 1  # The third attribute never occurs and is left out.
  never = -np.ones((40, 3))
  assert metrics.balanced_accuracy(never, label) == 0.5
  assert metrics.balanced_accuracy(2.0 * label - 1, label) == 1
  classes = np.array([0] * 8 + [1] * 2)
  logits = np.eye(2)[np.zeros(10, int)]
  assert metrics.balanced_accuracy(logits, classes) == 0.5


def test_verification_is_that_of_all_pairs_and_thresholds():
  """Of the scores of a pair of each kind, how often the first is larger; ties count half. And the
  best of all thresholds."""
  rng = np.random.default_rng(0)
  same = rng.random(60) < 0.3
  scores = np.round(rng.normal(size=60) + same, 1)  # With ties.
  ours, others = scores[same][:, None], scores[~same]
  auc = np.mean((ours > others) + 0.5 * (ours == others))
  best = max(
    (np.mean(scores[same] >= t) + np.mean(scores[~same] < t)) / 2 for t in [*scores, np.inf]
  )
  np.testing.assert_allclose(metrics.verification(scores, same), (auc, best))
  assert np.isnan(metrics.verification(scores, np.ones(60, bool))).all()


def test_the_frechet_distance_is_scipys():
  rng = np.random.default_rng(0)
  a = rng.normal(size=(200, 5)) @ rng.normal(size=(5, 5))
  b = 1 + rng.normal(size=(300, 5)) @ rng.normal(size=(5, 5))
  covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
  cross = np.trace(linalg.sqrtm(covariances[0] @ covariances[1])).real
  wanted = np.sum((a.mean(0) - b.mean(0)) ** 2) + sum(map(np.trace, covariances)) - 2 * cross
  np.testing.assert_allclose(metrics.frechet_distance(a, b), wanted, rtol=1e-8)
  assert metrics.frechet_distance(a, a) < 1e-8
  with pytest.raises(ValueError, match="there are 1 and 300 features"):
    metrics.frechet_distance(a[:1], b)


def test_the_bootstrap_is_scipys():
  values = np.random.default_rng(0).gamma(2.0, size=60)
  theirs = stats.bootstrap((values,), np.mean, method="percentile").confidence_interval
  np.testing.assert_allclose(metrics.bootstrap(values), (theirs.low, theirs.high), atol=0.05)
