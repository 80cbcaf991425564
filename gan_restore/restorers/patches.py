"""Priors of patches: stacks of similar patches have low rank, and a patch is sparse in a
dictionary.

Both remove white noise; `plug_and_play` turns them into restorers for any damage. Images are
float32 [N, H, W, C] in [0, 1], at least 8 pixels on a side.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_restore import shipped
from gan_restore.degradations import operators
from gan_restore.restorers import plug_and_play
from gan_restore.restorers.result import Result

# --- Denoisers: (images [N, H, W, C], standard deviation of their noise) -> images ---------------


def _each(denoiser: Callable) -> Callable:
  """Turns a denoiser of one image into a denoiser of a batch, which processes one image after the
  other. The noise may differ between the images."""

  @functools.wraps(denoiser)
  def denoise(x, sigma, *args, **options):
    sigmas = jnp.broadcast_to(jnp.asarray(sigma, jnp.float32).reshape(-1), len(x))
    own = lambda image_and_sigma: denoiser(*image_and_sigma, *args, **options)
    return lax.map(own, (jnp.asarray(x), sigmas))

  return denoise


def _extract(x, size):
  """All patches of an image: [H, W, C] -> [H', W', C, size, size]."""
  patches = lax.conv_general_dilated_patches(
    x[None], (size, size), (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
  )[0]
  return patches.reshape(*patches.shape[:2], x.shape[-1], size, size)


def _average(extract: Callable, patches, like):
  """The image whose patches, where they overlap, are the mean of the given ones."""
  _, back = jax.vjp(extract, like)
  count = back(jnp.ones_like(patches))[0]
  return jnp.where(count > 0, back(patches)[0] / jnp.maximum(count, 1), like)


@_each
def low_rank_denoiser(
  x: jax.Array,
  sigma: float | jax.Array,
  *,
  size: int = 6,
  stride: int = 3,
  radius: int = 10,
  similar: int = 32,
) -> jax.Array:
  """Removes noise by the low rank of stacks of similar patches (Dong et al. 2013, Gu et al. 2014).

  The singular values of each stack are shrunk by the optimal rule for white noise (Gavish and
  Donoho, "Optimal shrinkage of singular values", 2017, the Frobenius norm). On 32 validation faces
  with noise of 0.1 it reaches 28.1 dB. With another size (5 to 8), number of similar patches (16 to
  64), radius (6 to 15) or stride (2 to 4) it reaches 27.9 to 28.2 dB. As a restorer with patches of
  size 5 it gains 0.1 dB on denoise and loses up to 0.03 dB on the other tasks. With 64 similar
  patches as well, it gains 0.2 dB on denoise but takes 2.2 times as long.

  Args:
    x: [N, H, W, C].
    sigma: Standard deviation of the noise: a number, or an array [N, 1, 1, 1].
    size: Side of a patch in pixels.
    stride: Distance in pixels between the reference patches.
    radius: Search radius in pixels around a reference patch.
    similar: Number of similar patches in a stack.

  Returns:
    [N, H, W, C].
  """
  patches = _extract(x, size).reshape(x.shape[0] - size + 1, x.shape[1] - size + 1, -1)
  rows, columns = patches.shape[:2]
  grid = lambda n: np.unique(np.r_[np.arange(0, n, stride), n - 1])

  def window(n):
    reach = min(radius, (n - 1) // 2)  # Of a small image; no patch is there twice.
    return np.clip(grid(n), reach, n - 1 - reach)[:, None] + np.arange(-reach, reach + 1)

  near = window(rows)[:, None, :, None] * columns + window(columns)[None, :, None, :]
  near = near.reshape(len(grid(rows)) * len(grid(columns)), -1)  # [references, nearby patches]
  center = (grid(rows)[:, None] * columns + grid(columns)).reshape(-1)
  flat = patches.reshape(rows * columns, -1)
  squared = jnp.sum(flat**2, -1)

  def distance(row):
    c, nearby = row
    return squared[nearby] - 2 * flat[nearby] @ flat[c]

  distances = lax.map(distance, (jnp.asarray(center), jnp.asarray(near)), batch_size=64)
  _, best = lax.top_k(-distances, min(similar, near.shape[1]))
  chosen = jnp.take_along_axis(jnp.asarray(near), best, 1)  # [references, similar]

  def stacks(x):
    return _extract(x, size).reshape(rows * columns, -1)[chosen]

  stack = stacks(x)
  mean = stack.mean(1, keepdims=True)
  return _average(stacks, mean + shrink_singular_values(stack - mean, sigma), x)


def shrink_singular_values(stack: jax.Array, sigma: float | jax.Array) -> jax.Array:
  """Removes white noise from matrices by the optimal shrinkage of their singular values.

  M. Gavish, D. L. Donoho, "Optimal shrinkage of singular values", 2017, eq. 7 (Frobenius norm).

  Args:
    stack: Matrices [..., M, N], M <= N.
    sigma: Standard deviation of the noise in each entry.

  Returns:
    [..., M, N].
  """
  m, n = stack.shape[-2:]
  beta = m / n
  squares, u = jnp.linalg.eigh(stack @ stack.swapaxes(-1, -2))
  squares = jnp.maximum(squares, 1e-12) / (n * sigma**2)
  inside = jnp.maximum((squares - beta - 1) ** 2 - 4 * beta, 0)
  gain = jnp.where(squares > (1 + beta**0.5) ** 2, jnp.sqrt(inside) / squares, 0)
  return (u * gain[..., None, :]) @ (u.swapaxes(-1, -2) @ stack)


def _largest(x):
  """argmax over the last axis, by two passes that XLA vectorises on a CPU."""
  where = x == x.max(-1, keepdims=True)
  return jnp.min(jnp.where(where, jnp.arange(x.shape[-1]), x.shape[-1] - 1), -1)


@_each
def sparse_denoiser(
  x: jax.Array,
  sigma: float | jax.Array,
  dictionary: jax.Array,
  *,
  atoms: int = 12,
  tolerance: float = 1.0,
) -> jax.Array:
  """Approximates each patch by a combination of few atoms of a dictionary (Elad and Aharon 2006).

  The atoms are found by orthogonal matching pursuit. In each step the atom with the largest product
  with the residual is added, until the residual is as large as the noise. Each patch is multiplied
  with the dictionary once; after that only products between atoms are needed (R. Rubinstein, M.
  Zibulevsky, M. Elad, "Efficient implementation of the K-SVD algorithm using batch orthogonal
  matching pursuit", 2008). On 32 validation faces with noise of 0.1 it reaches 29.0 dB. With
  tolerances of 0.9 and 1.1 it reaches 28.2 to 28.9 dB, and with at most 6 and 20 atoms 28.9 and
  29.0 dB.

  Args:
    x: [N, H, W, C].
    sigma: Standard deviation of the noise: a number, or an array [N, 1, 1, 1].
    dictionary: Atoms of norm 1 [K, C size^2], for patches without each channel's mean.
    atoms: Maximum number of atoms for a patch.
    tolerance: The size of the residual at which the pursuit stops, in standard deviations of the
      noise.

  Returns:
    [N, H, W, C].
  """
  channels = x.shape[-1]
  size = round((dictionary.shape[1] / channels) ** 0.5)
  extract = lambda x: _extract(x, size).reshape(-1, channels, size**2)
  patches = extract(x)
  mean = patches.mean(-1, keepdims=True)
  signal = (patches - mean).reshape(len(patches), -1)
  enough = tolerance**2 * sigma**2 * signal.shape[1]

  gram = dictionary @ dictionary.T
  score = signal @ dictionary.T  # Products of the residual with all atoms [P, K].
  left = jnp.sum(signal**2, -1, keepdims=True)  # Energy of the residual.
  basis: list = []  # Orthonormal basis of the chosen atoms: its products with all atoms [P, K].
  mixes: list = []  # The same basis as combinations of the chosen atoms [P, atoms].
  joined: list = []  # Indices of the chosen atoms [P].
  code = jnp.zeros((len(signal), atoms))
  for own in jnp.eye(atoms):
    atom = _largest(jnp.abs(score))
    shares = [jnp.take_along_axis(products, atom[:, None], 1) for products in basis]
    norm = jnp.sqrt(jnp.maximum(1 - sum(share**2 for share in shares), 1e-6))
    scale = jnp.where((left > enough) & (norm > 0.01), 1 / norm, 0)
    products = scale * (gram[atom] - sum(a * b for a, b in zip(shares, basis)))
    mix = scale * (own - sum(a * b for a, b in zip(shares, mixes)))
    weight = scale * jnp.take_along_axis(score, atom[:, None], 1)
    score, left, code = score - weight * products, left - weight**2, code + weight * mix
    basis, mixes, joined = [*basis, products], [*mixes, mix], [*joined, atom]
  rows = jnp.arange(len(signal))[:, None]
  code = jnp.zeros_like(score).at[rows, jnp.stack(joined, 1)].add(code)
  return _average(extract, (code @ dictionary).reshape(patches.shape) + mean, x)


# --- Restorers ----------------------------------------------------------------------------------


def low_rank(
  y: jax.Array | np.ndarray,
  A: Callable,
  *,
  num_steps: int = 8,
  shape: tuple[int, int] | None = None,
) -> Result:
  """Restores any damage by the low rank of stacks of similar patches.

  Args:
    y: The damaged images [N, ...].
    A: The damage: an operator or any differentiable function from images to y.
    num_steps: Number of times that the image is denoised, at decreasing noise levels; at least 1.
    shape: (H, W) of the images, if A is a plain function whose y has another size.

  Returns:
    A `Result`.

  Raises:
    TypeError: If y is not floating or A is not a function.
    ValueError: If y holds NaN or leaves the operator's range, or A does not match it.
  """
  whole = operators.image_shape(A, np.shape(y), shape)
  return _restore(y, A, jax.tree_util.Partial(low_rank_denoiser), num_steps, whole)


def sparse(
  y: jax.Array | np.ndarray,
  A: Callable,
  *,
  dictionary: np.ndarray | None = None,
  num_steps: int = 8,
  shape: tuple[int, int] | None = None,
) -> Result:
  """Restores any damage by patches that are sparse in a dictionary.

  Args:
    y: The damaged images [N, ...].
    A: The damage: an operator or any differentiable function from images to y.
    dictionary: A dictionary from `learn`; the default is the shipped one of faces.
    num_steps: Number of times that the image is denoised, at decreasing noise levels; at least 1.
    shape: (H, W) of the images, if A is a plain function whose y has another size.

  Returns:
    A `Result`.

  Raises:
    TypeError: If y is not floating or A is not a function.
    ValueError: If y holds NaN or leaves the operator's range, A does not match it, or the
      dictionary has another number of channels than the images.
  """
  found = np.load(shipped.DICTIONARY) if dictionary is None else dictionary
  found = jnp.asarray(found, jnp.float32)
  whole = operators.image_shape(A, np.shape(y), shape)
  values, channels = found.shape[1], whole[-1]
  if values != channels * round((values / channels) ** 0.5) ** 2:
    raise ValueError(
      f"dictionary has patches of {values} values; they must be squares of {channels} channels"
    )
  denoiser = jax.tree_util.Partial(sparse_denoiser, dictionary=found)
  return _restore(y, A, denoiser, num_steps, whole)


def _restore(y, A, denoiser, num_steps, whole) -> Result:
  """The weight of the prior is tuned. A smaller weight amplifies the noise when a blur is inverted.
  A larger weight lets the denoiser smooth the image too often."""
  prior_weight = 0.1
  y, A = operators.prepare(y, A, whole[1:])
  last = plug_and_play.last_level(A, whole, prior_weight)
  return plug_and_play.restore(
    y, A, denoiser, num_steps=num_steps, sigma_max=jnp.maximum(0.2, last), sigma_min=last,
    prior_weight=prior_weight, shape=whole[1:3],
  )  # fmt: skip


# --- The dictionary -----------------------------------------------------------------------------


def learn(
  images: jax.Array | np.ndarray,
  *,
  size: int = 8,
  atoms: int = 256,
  count: int = 100_000,
  seed: int = 0,
) -> np.ndarray:
  """Learns a dictionary of patches (scikit-learn's online learning, Mairal et al. 2009).

  Args:
    images: [N, H, W, C] in [0, 1].
    size: Side of a patch in pixels.
    atoms: Number of atoms.
    count: Number of patches to draw.
    seed: Random seed of the draw and of the learning.

  Returns:
    float32 [atoms, C size^2]. Each row has norm 1, and each of its channels has mean 0.
  """
  from sklearn.decomposition import MiniBatchDictionaryLearning  # Slow to import.

  images = np.asarray(images, np.float32)
  n, h, w, c = images.shape
  rng = np.random.default_rng(seed)
  where = zip(
    rng.integers(n, size=count), rng.integers(h - size + 1, size=count),
    rng.integers(w - size + 1, size=count),
  )  # fmt: skip
  drawn = np.stack([images[i, a : a + size, b : b + size] for i, a, b in where])
  drawn = drawn.transpose(0, 3, 1, 2).reshape(count, c, -1).astype(np.float64)
  drawn = (drawn - drawn.mean(-1, keepdims=True)).reshape(count, -1)
  learner = MiniBatchDictionaryLearning(
    atoms, alpha=0.1, max_iter=5, batch_size=512, random_state=seed, fit_algorithm="cd"
  )
  found = learner.fit(drawn).components_.reshape(atoms, c, -1)
  found = (found - found.mean(-1, keepdims=True)).reshape(atoms, -1)
  return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
