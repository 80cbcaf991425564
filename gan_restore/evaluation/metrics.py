"""Metrics: PSNR, SSIM and sharpness of images [N, H, W, C] in [0, 1], with one value per image,
over the whole image or only in the hole; accuracy of classifiers and of embeddings; Fréchet
distance; bootstrap intervals.

`dm_pix` computes PSNR and SSIM; its SSIM window is the 11x11 Gaussian of Wang et al. 2004, so it
agrees with scikit-image's `gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
data_range=1`.
"""

import dm_pix
import jax
import jax.numpy as jnp
import numpy as np

_PSNR_MAX = 100.0  # dB


def psnr(x: jax.Array, reference: jax.Array, mask: jax.Array | None = None) -> jax.Array:
  """Peak signal-to-noise ratio in dB.

  It is limited to 100 dB, a root mean square error of 0.00001. So the mean over images is finite,
  even if the damage does not change one of them, as the loss of colour does not change a grey
  image.

  Args:
    x: Images [N, H, W, C] in [0, 1].
    reference: Likewise.
    mask: [N or 1, H, W, 1]; if given, only the pixels where it is 1 are used.

  Returns:
    [N], at most 100; NaN for a mask without a 1.
  """
  if mask is None:
    return jnp.minimum(dm_pix.psnr(x, reference), _PSNR_MAX)
  mask = jnp.broadcast_to(mask, x.shape)
  error = jnp.sum(mask * (x - reference) ** 2, axis=(1, 2, 3)) / jnp.sum(mask, axis=(1, 2, 3))
  return jnp.minimum(-10 * jnp.log10(error), _PSNR_MAX)


def ssim(x: jax.Array, reference: jax.Array, mask: jax.Array | None = None) -> jax.Array:
  """Structural similarity (Wang et al. 2004).

  Args:
    x: Images [N, H, W, C] in [0, 1], at least 11 pixels on a side.
    reference: Likewise.
    mask: [N or 1, H, W, 1]; if given, the mean is over the windows centred where it is 1.

  Returns:
    [N]; NaN where no window is centred in the mask (closer than 5 pixels to the border).
  """
  if mask is None:
    return dm_pix.ssim(x, reference)
  values = dm_pix.ssim(x, reference, return_map=True)
  mask = jnp.broadcast_to(mask[:, 5:-5, 5:-5], values.shape)
  return jnp.sum(mask * values, axis=(1, 2, 3)) / jnp.sum(mask, axis=(1, 2, 3))


def gradient_magnitude(x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
  r"""Mean gradient magnitude, \sqrt{(\partial_x I)^2 + (\partial_y I)^2} by forward differences.

  Divided by the original's value, it measures how much detail a restored image has. PSNR does not:
  a blurred image may have the higher PSNR.

  Args:
    x: Images [N, H, W, C] in [0, 1].
    mask: [N or 1, H, W, 1]; if given, only the pixels where it is 1 are used.

  Returns:
    [N], in units of intensity per pixel; the last row and column are left out.
  """
  down, right = x[:, 1:, :-1] - x[:, :-1, :-1], x[:, :-1, 1:] - x[:, :-1, :-1]
  values = jnp.sqrt(down**2 + right**2)
  mask = jnp.broadcast_to(1.0 if mask is None else mask[:, :-1, :-1], values.shape)
  return jnp.sum(mask * values, axis=(1, 2, 3)) / jnp.sum(mask, axis=(1, 2, 3))


def decide(logits: jax.Array | np.ndarray, exclusive: bool) -> jax.Array:
  """A classifier's decision.

  Args:
    logits: [N, classes].
    exclusive: Whether the classes exclude each other.

  Returns:
    The class of the largest logit, integer [N], if they exclude each other; else attributes of 0
    and 1 [N, classes], by the logits' signs.
  """
  logits = jnp.asarray(logits)
  if exclusive:
    return jnp.argmax(logits, -1)
  return (logits > 0).astype(jnp.float32)


def accuracy(logits: jax.Array | np.ndarray, label: jax.Array | np.ndarray) -> jax.Array:
  """The share of each label that a classifier predicts correctly.

  Args:
    logits: [N, classes].
    label: Integer classes [N], which are compared with the largest logit; or attributes of 0 and 1
      [N, classes], which are compared with the logits' signs.

  Returns:
    [N]: 0 or 1 for a class, and the share of correct attributes for attributes.
  """
  decided = decide(logits, exclusive=label.ndim == 1)
  if label.ndim == 1:
    return (decided == label).astype(jnp.float32)
  return jnp.mean((decided > 0.5) == (label > 0.5), -1)


def balanced_accuracy(logits: np.ndarray, label: np.ndarray) -> float:
  """Balanced accuracy: the mean over the classes of the share that is recognised (scikit-learn's).

  For rare attributes plain accuracy is high even if the classifier always decides "no".

  Args:
    logits: [N, classes].
    label: As in `accuracy`.

  Returns:
    One number. For attributes it is the mean over those that have both values in the labels.
  """
  from sklearn.metrics import balanced_accuracy_score  # Slow to import, and rarely needed.

  logits, label = np.asarray(logits), np.asarray(label)
  if label.ndim == 1:
    return float(balanced_accuracy_score(label, logits.argmax(-1)))
  varies = [k for k in range(label.shape[1]) if 0 < label[:, k].sum() < len(label)]
  return float(np.mean([balanced_accuracy_score(label[:, k], logits[:, k] > 0) for k in varies]))


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
  r"""The Fréchet distance of two sets of features, which are assumed to be normally distributed
  (Dowson and Landau 1982):

  .. math::
    \|\mu_a - \mu_b\|^2 + \mathrm{tr}(C_a + C_b - 2 (C_a C_b)^{1/2})

  Args:
    a: [N, D].
    b: [M, D].

  Returns:
    A number of at least 0. It falls with the number of images, so compare only values of equally
    many images.

  Raises:
    ValueError: If one of the sets has fewer than two rows.
  """
  if min(len(a), len(b)) < 2:
    raise ValueError(
      f"there are {len(a)} and {len(b)} features; there must be at least two of each"
    )
  a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
  covariances = [np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b)]
  values, vectors = np.linalg.eigh(covariances[0])
  root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
  cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariances[1] @ root), 0)).sum()
  apart = np.sum((a.mean(0) - b.mean(0)) ** 2)
  return float(max(apart + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * cross, 0))


def found(a: np.ndarray, b: np.ndarray) -> float:
  """How often an image finds its original among all originals, by features.

  Args:
    a: The features of the images [N, D].
    b: The features of their originals [N, D].

  Returns:
    The share of the rows of `a` whose nearest row of `b` is their own. It falls with the number of
    images, so compare only values of equally many images.

  Examples:
    >>> found(np.array([[0.1], [0.9], [1.8]]), np.array([[0.0], [2.0], [1.0]]))
    0.3333333333333333
  """
  a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
  nearest = [np.argmin(np.sum((b - row) ** 2, 1)) for row in a]
  return float(np.mean(nearest == np.arange(len(a))))


def verification(scores: np.ndarray, same: np.ndarray) -> tuple[float, float]:
  """How well scores tell pairs of one person from pairs of two people.

  Args:
    scores: The score of each pair [N], larger for more similar images.
    same: Whether it is a pair of one person [N].

  Returns:
    (The area under the ROC curve, the largest balanced accuracy of any threshold.) Both are NaN if
    there are no pairs of one of the kinds.

  Examples:
    >>> verification(np.array([0.9, 0.4, 0.5, 0.1]), np.array([True, True, False, False]))
    (0.75, 0.75)
  """
  same = np.asarray(same, bool)
  if same.all() or not same.any():
    return float("nan"), float("nan")
  order = np.argsort(-np.asarray(scores), kind="stable")
  ends = np.append(np.flatnonzero(np.diff(np.asarray(scores)[order])), len(order) - 1)
  hits = np.append(0, np.cumsum(same[order])[ends] / same.sum())
  false = np.append(0, np.cumsum(~same[order])[ends] / (~same).sum())
  return float(np.trapezoid(hits, false)), float(np.max(1 + hits - false) / 2)


def bootstrap(values: np.ndarray, resamples: int = 2000, seed: int = 0) -> tuple[float, float]:
  """The 95% confidence interval of a mean, by the bootstrap (B. Efron's percentile method).

  Args:
    values: [N], one for each image. NaN values are left out.
    resamples: The number of resamples.
    seed: Random seed of the resamples.

  Returns:
    (low, high); both are NaN if no value remains.
  """
  rng = np.random.default_rng(seed)
  values = np.asarray(values)
  values = values[~np.isnan(values)]
  if not values.size:
    return float("nan"), float("nan")
  counts = rng.multinomial(len(values), np.full(len(values), 1 / len(values)), resamples)
  low, high = np.percentile(counts @ values / len(values), [2.5, 97.5])
  return float(low), float(high)
