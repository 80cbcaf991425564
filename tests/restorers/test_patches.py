import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn_faces
from sklearn.linear_model import orthogonal_mp

from gan_restore import hub
from gan_restore.degradations import operators, tasks
from gan_restore.evaluation import metrics
from gan_restore.restorers import patches


def noisy(x, sigma):
  return x + sigma * np.random.default_rng(0).normal(size=x.shape).astype(np.float32)


def test_shrinkage_finds_a_low_rank_matrix():
  """Compared with the best possible scaling of each singular value, which needs the true matrix."""
  rng = np.random.default_rng(0)
  clean = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 100))
  given = noisy(clean, 0.5)
  found = np.asarray(patches.shrink_singular_values(jnp.asarray(given, jnp.float32), 0.5))
  u, _, v = np.linalg.svd(given, full_matrices=False)
  oracle = (u * np.einsum("ik,ij,kj->k", u, clean, v)) @ v
  error = lambda x: np.mean((x - clean) ** 2)
  assert error(found) < 1.1 * error(oracle) < 0.25 * error(given)
  assert np.linalg.matrix_rank(found, tol=1e-3) == 3


@pytest.mark.slow
def test_pursuit_is_scikit_learns():
  """Tested on one patch, so that nothing is averaged."""
  rng = np.random.default_rng(1)
  dictionary = rng.normal(size=(128, 1, 64))
  dictionary -= dictionary.mean(-1, keepdims=True)
  dictionary = dictionary.reshape(128, 64) / np.linalg.norm(dictionary, axis=-1)
  image = rng.uniform(size=(8, 8, 1)).astype(np.float32)
  signal = (image - image.mean()).reshape(-1)
  for sigma in (0.15, 0.22):
    ours = patches.sparse_denoiser(
      image[None], sigma, jnp.asarray(dictionary, jnp.float32), atoms=20
    )[0]
    chosen = orthogonal_mp(dictionary.T, signal, tol=64 * sigma**2)
    assert 0 < np.count_nonzero(chosen) < 20
    theirs = (chosen @ dictionary).reshape(8, 8, 1) + image.mean()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_similar_patches_far_apart_help(faces):
  """In a periodic texture, stacks of similar patches contain more of it than one patch."""
  stripes = np.tile((np.arange(64) // 4 % 2)[:, None, None], (1, 64, 3)).astype(np.float32)
  x = 0.3 + 0.4 * stripes
  y = noisy(x, 0.1)
  assert metrics.psnr(patches.low_rank_denoiser(y[None], 0.1), x[None])[0] > 20 + 12


@pytest.mark.slow
@pytest.mark.parametrize("side", [8, 12, 21])
def test_the_corners_of_a_small_image_are_restored(side):
  """No patch is compared with itself several times, which would keep its noise."""
  x, A = np.full((1, side, side, 3), 0.5, np.float32), operators.denoise(0.1)
  y = operators.corrupt(A, x, jax.random.key(0))
  in_corner = lambda image: abs(np.asarray(image) - x)[:, -5:, -5:].mean()
  assert in_corner(hub.load("low_rank")(y, A).image) < 0.5 * in_corner(y)


def test_learned_atoms_fit_better_than_drawn_ones(faces):
  learned = patches.learn(faces, size=6, atoms=32, count=4_000)
  assert learned.shape == (32, 108)
  np.testing.assert_allclose(np.linalg.norm(learned, axis=1), 1, rtol=1e-5)
  np.testing.assert_allclose(learned.reshape(32, 3, 36).mean(-1), 0, atol=1e-5)
  drawn = np.random.default_rng(0).normal(size=(32, 3, 36))
  drawn -= drawn.mean(-1, keepdims=True)
  drawn = drawn.reshape(32, 108) / np.linalg.norm(drawn.reshape(32, 108), axis=1, keepdims=True)
  y = noisy(faces[0], 0.1)
  score = lambda d: metrics.psnr(
    patches.sparse_denoiser(y[None], 0.1, jnp.asarray(d, jnp.float32)), faces[:1]
  )[0]
  assert score(learned) > score(drawn) + 1


MARGINS = {
  "denoise": 4,
  "quantize": 0.5,
  "super_resolve": 0.5,
  "inpaint": 8,
  "blur:1.5+denoise:0.05": 0.5,  # Undoing the blur amplifies the noise.
}


@pytest.mark.parametrize("name", ["low_rank", pytest.param("sparse", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
  "task",
  [t if t in ("denoise", "inpaint") else pytest.param(t, marks=pytest.mark.slow) for t in MARGINS],
)
def test_every_damage_is_reduced_by_margin_db(name, task):
  x = drawn_faces(2, 32)
  y, A = tasks.get(task, mask="pixels:0.7").corrupt(x, jax.random.key(0))
  score = lambda r, **options: metrics.psnr(r(y, A, **options).image, x).mean()
  restored = score(hub.load(name))
  assert restored > score(hub.load("damaged")) + MARGINS[task]
  if task == "inpaint":
    np.testing.assert_allclose(hub.load(name)(y, A, num_steps=1).image * (1 - A.mask), y, atol=2e-3)


def test_refusals(faces):
  for name in ("low_rank", "sparse"):
    with pytest.raises(ValueError, match="num_steps is 0"):
      hub.load(name)(faces, operators.denoise(), num_steps=0)
    with pytest.raises(ValueError, match=r"y has shape .* A gives"):
      hub.load(name)(faces, lambda x: x[:, ::2])
  with pytest.raises(ValueError, match="dictionary has patches of 192 values"):
    hub.load("sparse")(faces[..., :1], operators.denoise())


@pytest.mark.parametrize("name", ["low_rank", "sparse"])
def test_a_plain_function_that_changes_the_size(name):
  x, rows = drawn_faces(1, 16), lambda x: x[:, ::2]
  assert hub.load(name)(rows(x), rows, shape=(16, 16), num_steps=1).image.shape == x.shape


@pytest.mark.parametrize(
  "restorer", [patches.low_rank, pytest.param(patches.sparse, marks=pytest.mark.slow)]
)
def test_they_can_be_jitted(restorer):
  y, A = drawn_faces(1, 32), operators.denoise(0.1)
  found = jax.jit(lambda y: restorer(y, A, num_steps=1).image)(y)
  np.testing.assert_allclose(found, restorer(y, A, num_steps=1).image, atol=0.01)


@pytest.mark.parametrize("restorer", [patches.low_rank, patches.sparse])
def test_an_image_does_not_depend_on_the_noise_of_the_others(restorer):
  images = drawn_faces(2, 16)
  levels = jnp.array([0.02, 0.2]).reshape(2, 1, 1, 1)
  A, alone = operators.Denoise(levels, levels), operators.Denoise(levels[:1], levels[:1])
  y = A.corrupt(images, jax.random.key(0))
  wanted = restorer(y[:1], alone, num_steps=2).image
  np.testing.assert_allclose(restorer(y, A, num_steps=2).image[:1], wanted, atol=1e-3)
