"""Compares Poisson blending with a sparse direct solve of the same equations."""

import jax
import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve

from gan_restore.degradations import masks, operators
from gan_restore.restorers import blending


def direct(known, generated, mask):
  """Solves for one image: the 4-neighbour Laplacian in the hole (Pérez et al., eq. 7)."""
  height, width, channels = known.shape
  hole = np.argwhere(mask[..., 0] == 1)
  number = {tuple(p): k for k, p in enumerate(hole)}
  matrix = sparse.lil_matrix((len(hole), len(hole)))
  right = np.zeros((len(hole), channels))
  for k, (i, j) in enumerate(hole):
    for q in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
      if not (0 <= q[0] < height and 0 <= q[1] < width):
        continue
      matrix[k, k] += 1
      right[k] += generated[i, j] - generated[q]
      if q in number:
        matrix[k, number[q]] -= 1
      else:
        right[k] += known[q]
  solution = spsolve(matrix.tocsc(), right)
  out = known * (1 - mask)
  out[tuple(hole.T)] = solution.reshape(len(hole), channels)
  return np.clip(out, 0, 1)


@pytest.mark.parametrize("kind", ["center", "random", "half", "pixels", "strokes"])
def test_agrees_with_a_direct_solve(kind, faces):
  x, g = faces[:3, ::2, ::2], faces[3:6, ::2, ::2] * 0.7 + 0.1
  mask = np.asarray(masks.get(kind)(jax.random.key(3), (3, 32, 32)))
  got = blending.poisson(x * (1 - mask), g, mask)
  wanted = np.stack([direct(*row) for row in zip(x.astype(np.float64), g, mask)])
  np.testing.assert_allclose(got, wanted, atol=1e-4)


def test_a_hole_in_a_corner_of_the_border(faces):
  mask = np.zeros((1, 64, 64, 1), np.float32)
  mask[:, :20, 50:] = 1
  got = blending.poisson(faces[:1], faces[1:2], mask)
  np.testing.assert_allclose(got[0], direct(faces[0], faces[1], mask[0]), atol=1e-4)


def test_known_pixels_stay_and_a_constant_offset_vanishes(faces):
  mask = np.asarray(masks.center(None, (8, 64, 64)))
  x = faces * 0.5 + 0.2
  got = np.asarray(blending.poisson(x, x + 0.1, mask))
  np.testing.assert_array_equal(got * (1 - mask), x * (1 - mask))
  np.testing.assert_allclose(got, x, atol=1e-4)


def test_a_blended_image_does_not_depend_on_its_batch(faces):
  mask = np.asarray(masks.rectangle(jax.random.key(0), (8, 64, 64)))
  g = faces[::-1]
  batch = blending.poisson(faces, g, mask)
  alone = blending.poisson(faces[2:3], g[2:3], mask[2:3])
  np.testing.assert_allclose(batch[2], alone[0], atol=1e-5)


def test_all_missing_gives_the_generated_image(faces):
  got = blending.poisson(faces[:1] * 0, faces[1:2], np.ones((1, 64, 64, 1), np.float32))
  np.testing.assert_allclose(got, faces[1:2], atol=1e-6)


@pytest.mark.parametrize("kernel", ["box", "bicubic"])
def test_a_low_resolution_is_put_back_smoothly(kernel, faces):
  """Against the same formula with dense matrices of a whole image. The result agrees with y, and
  at the borders of blocks its steps are not larger than elsewhere."""
  A = operators.super_resolve(4, kernel)
  x, g = (faces[i : i + 2, ::4, ::4] * 0.5 + 0.25 for i in (0, 2))
  y = A(x)
  got = np.asarray(blending.agree(g, y, A, "poisson"), np.float64)
  np.testing.assert_allclose(A(got.astype(np.float32)), y, atol=1e-5)
  eye = np.eye(256, dtype=np.float32).reshape(256, 16, 16, 1)
  matrix = np.asarray(A(eye), np.float64).reshape(256, 16).T
  place = np.stack(np.meshgrid(np.arange(16), np.arange(16), indexing="ij"), -1).reshape(256, 2)
  S = np.exp(-np.sum((place[:, None] - place) ** 2, -1) / (2 * 2**2))
  missing = (np.asarray(y, np.float64) - np.asarray(A(g), np.float64)).reshape(2, 16, 3)
  change = S @ matrix.T @ np.linalg.solve(matrix @ S @ matrix.T, missing)
  np.testing.assert_allclose(got - g, change.reshape(2, 16, 16, 3), atol=1e-4)
  steps = abs(np.diff(got - g, axis=1)).mean((0, 2, 3))
  assert steps[3::4].mean() < 1.5 * steps.mean()
  rough = abs(np.diff(blending.agree(g, y, A, "paste") - g, axis=1)).mean((0, 2, 3))
  if kernel == "box":
    assert rough[3::4].mean() > 3 * rough.mean()


def test_agreeing_with_y_or_not(faces):
  A = operators.quantize(5)
  with pytest.raises(ValueError, match="blend is 'smooth'"):
    blending.agree(faces, faces, A, "smooth")
  assert blending.agree(faces, 1 - faces, A, "none") is faces
