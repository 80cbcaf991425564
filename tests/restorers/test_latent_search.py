"""Tests that the latent search finds the minimum, and which arguments it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_restore import load_prior, restore
from gan_restore.degradations import operators, tasks
from gan_restore.restorers import blending, latent_search


@pytest.fixture(scope="module")
def known(tiny_prior):
  """Images that the prior can generate, [4, 32, 32, 3]."""
  z = jax.random.uniform(jax.random.key(7), (4, 16), minval=-1, maxval=1)
  return tiny_prior.family.generate(tiny_prior, z)


def mask():
  m = np.zeros((32, 32), np.float32)
  m[8:24, 8:24] = 1
  return m


@pytest.mark.parametrize("name", tasks.NAMES)
def test_the_search_fits_the_observation(name, known, tiny_prior):
  y, A = tasks.get(name).corrupt(known, jax.random.key(0))
  result = restore(y, A, tiny_prior, prior_weight=0, num_steps=80, num_restarts=3)
  assert result.image.shape == result.generated.shape == known.shape
  assert result.latent.shape == (4, 16) and result.history.shape == (4, 80)
  truth = jnp.abs(y - A(known)).sum((1, 2, 3))  # The error that noise and rounding leave.
  assert (result.loss - truth < 0.5 * (result.history[:, 0] - truth)).all()
  assert result.image.min() >= 0 and result.image.max() <= 1


def test_the_objective_is_eq_3(known, tiny_prior):
  """Compared with NumPy, at the returned latent."""
  y, A = tasks.get("super_resolve").corrupt(known, jax.random.key(0))
  for p in (1.0, 2.0):
    result = restore(y, A, tiny_prior, p=p, prior_weight=0.7, num_steps=5, num_restarts=2)
    x = result.generated
    logits = tiny_prior.family.discriminate(tiny_prior, x)
    d = 1 / (1 + np.exp(-np.asarray(logits, np.float64)))
    data = (np.abs(np.asarray(y - A(x), np.float64)) ** p).sum((1, 2, 3))
    wanted = data + 0.7 * (np.log(1 - d) - np.log(d))
    np.testing.assert_allclose(result.loss, wanted, rtol=1e-4)


def test_the_regulariser_is_the_discriminators(known, tiny_prior):
  y, A = tasks.get("inpaint").corrupt(known, jax.random.key(0))
  logits = lambda r: tiny_prior.family.discriminate(tiny_prior, r.generated)
  free = restore(y, A, tiny_prior, prior_weight=0, num_steps=60, num_restarts=1)
  bound = restore(y, A, tiny_prior, prior_weight=1e5, num_steps=60, num_restarts=1)
  assert (logits(bound) > logits(free)).all()


def test_latents_stay_in_the_priors_support(known, tiny_prior):
  z = 3 * jax.random.uniform(jax.random.key(7), (4, 16), minval=-1, maxval=1)
  y = tiny_prior.family.generate(tiny_prior, z)
  z = restore(
    y, operators.denoise(), tiny_prior, prior_weight=0, num_steps=60, num_restarts=1
  ).latent
  assert jnp.abs(z).max() == 1


def test_a_plain_function(known, tiny_prior):
  def left_half_in_grey(x):
    return x[:, :, :16].mean(-1)

  result = restore(
    left_half_in_grey(known), left_half_in_grey, tiny_prior, prior_weight=0, num_steps=80
  )
  assert (result.loss < 0.5 * result.history[:, 0]).all()


def test_a_restoration_does_not_depend_on_its_batch(tiny_prior):
  rng = np.random.default_rng(0)
  y = rng.random((64, 32, 32, 3)).astype(np.float32)
  masks = (rng.random((64, 32, 32, 1)) < 0.5).astype(np.float32)
  options = dict(num_steps=50, num_restarts=3, patience=5)
  batch = restore(y, operators.inpaint(masks), tiny_prior, **options)
  for i in (0, 37):
    alone = restore(y[i : i + 1], operators.inpaint(masks[i]), tiny_prior, **options)
    np.testing.assert_allclose(batch.image[i], alone.image[0], atol=1e-4)
    np.testing.assert_allclose(batch.latent[i], alone.latent[0], atol=1e-4)


@pytest.mark.slow
def test_a_restoration_by_the_shipped_prior_does_not_depend_on_its_batch(faces):
  """The search in a trained prior amplifies rounding differences to 1e-3, so none are allowed."""
  y, A = tasks.get("super_resolve").corrupt(faces, jax.random.key(0))
  prior = load_prior("dcgan")
  batch = restore(y, A, prior, num_restarts=1, num_steps=30)
  alone = restore(y[5:6], A, prior, num_restarts=1, num_steps=30)
  np.testing.assert_allclose(batch.image[5], alone.image[0], atol=1e-4)


def test_a_mask_for_each_image(known, tiny_prior):
  masks = np.zeros((4, 32, 32, 1), np.float32)
  for i in range(4):
    masks[i, 4 * i : 4 * i + 8] = 1
  A = operators.inpaint(masks)
  result = restore(A(known), A, tiny_prior, num_steps=20, num_restarts=1)
  np.testing.assert_allclose(result.image * (1 - masks), known * (1 - masks), atol=1e-6)


def test_the_seed_decides(known, tiny_prior):
  y, A = tasks.get("colorize").corrupt(known, jax.random.key(0))
  one, same, other = (restore(y, A, tiny_prior, num_steps=3, seed=s) for s in (1, 1, 2))
  np.testing.assert_array_equal(one.image, same.image)
  assert (one.latent != other.latent).any()


def test_more_restarts_never_do_worse(known, tiny_prior):
  y, A = tasks.get("denoise").corrupt(known, jax.random.key(0))
  losses = [restore(y, A, tiny_prior, num_steps=20, num_restarts=k).loss for k in (1, 2, 4)]
  best = [restore(y, A, tiny_prior, num_steps=20, num_restarts=4).history.min(1)]
  np.testing.assert_allclose(losses[2], best[0], rtol=1e-6)
  # The first k latents of a seed do not depend on the number of restarts.
  assert (losses[1] <= losses[0] + 1e-3).all() and (losses[2] <= losses[1] + 1e-3).all()


def test_the_mean_of_restarts_and_their_spread(known, tiny_prior):
  """From the mean and the best of two restarts the other can be computed.

  With one restart there is no spread.
  """
  y, A = tasks.get("denoise").corrupt(known, jax.random.key(0))
  options = dict(num_steps=20, prior_weight=0.0)
  one = restore(y, A, tiny_prior, num_restarts=1, **options)
  best = restore(y, A, tiny_prior, num_restarts=2, **options)
  mean = restore(y, A, tiny_prior, num_restarts=2, choice="mean", **options)
  assert one.spread is None
  other = 2 * mean.generated - best.generated
  wanted = jnp.sqrt(jnp.mean(((best.generated - other) / 2) ** 2, -1, keepdims=True))
  np.testing.assert_allclose(mean.spread, wanted, atol=1e-5)
  np.testing.assert_array_equal(mean.spread, best.spread)
  np.testing.assert_allclose(mean.loss, best.loss)
  first_is_one = jnp.minimum(
    abs(best.generated - one.generated).max((1, 2, 3)), abs(other - one.generated).max((1, 2, 3))
  )
  assert (first_is_one < 1e-3).all()


def test_one_compilation_for_a_shape(known, tiny_prior):
  """A new mask or another weight does not trace the operator again."""
  traced = 0

  def count(x):
    nonlocal traced
    traced += 1
    return x

  counted = jax.tree_util.Partial(count)

  def run(i):
    A = operators.compose(operators.inpaint(np.roll(mask(), i, 0)), counted)
    restore(A(known), A, tiny_prior, num_steps=2, num_restarts=1, prior_weight=float(i))

  run(0)
  after_one, traced = traced, 0
  run(1)
  assert 0 < traced < after_one  # Only when y is made and its shape is checked.


def test_a_plateau_ends_the_search(known, tiny_prior):
  y, A = tasks.get("inpaint").corrupt(known, jax.random.key(0))
  options = dict(prior_weight=0, num_steps=400, num_restarts=1, learning_rate=0.2)
  whole = restore(y, A, tiny_prior, **options)
  early = restore(y, A, tiny_prior, patience=20, **options)
  stopped = (early.history == early.loss[:, None]).argmax(1)
  assert (stopped < 380).any()
  assert early.loss.mean() < 1.5 * whole.loss.mean() + 5


def test_pixels_near_the_hole_count_more():
  hole = jnp.zeros((1, 32, 32, 1)).at[:, 8:24, 8:24].set(1.0)
  weight = np.asarray(latent_search.importance(hole))[0, ..., 0]
  wanted = np.zeros((32, 32))  # Yeh et al. 2017: the share of missing pixels around.
  for i in range(32):
    for j in range(32):
      window = np.asarray(hole)[0, max(i - 3, 0) : i + 4, max(j - 3, 0) : j + 4, 0]
      wanted[i, j] = window.mean() * (1 - hole[0, i, j, 0])
  np.testing.assert_allclose(weight, wanted, atol=1e-6)


def test_weighting_changes_the_objective(known, tiny_prior):
  A = operators.inpaint(mask())
  plain, weighted = (
    restore(A(known), A, tiny_prior, prior_weight=0, num_steps=3, num_restarts=1, weighted=w)
    for w in (False, True)
  )
  assert (weighted.loss < plain.loss).all()


def test_blends(known, tiny_prior):
  A = operators.inpaint(mask())
  y = A(1 - known)
  found = lambda blend: restore(y, A, tiny_prior, num_steps=3, num_restarts=1, blend=blend)
  results = {blend: found(blend) for blend in blending.BLENDS}
  raw = results["none"]
  np.testing.assert_array_equal(raw.image, raw.generated)
  np.testing.assert_allclose(
    results["paste"].image, blending.paste(y, raw.generated, A.mask), atol=1e-6
  )
  np.testing.assert_allclose(
    results["poisson"].image, blending.poisson(y, raw.generated, A.mask), atol=1e-5
  )


@pytest.mark.parametrize(
  "task", ["colorize", "colorize:luma", "super_resolve", "quantize", "denoise"]
)
def test_the_result_is_consistent_with_y(task, known, tiny_prior):
  """V or luma, the means of blocks, and the bins of rounded values; noisy values are not kept."""
  y, A = tasks.get(task).corrupt(known, jax.random.key(0))
  run = lambda blend: restore(y, A, tiny_prior, num_steps=2, num_restarts=1, blend=blend)
  found, raw = run("paste"), run("none")
  np.testing.assert_array_equal(raw.image, raw.generated)
  np.testing.assert_array_equal(found.generated, raw.generated)
  g, y = np.asarray(raw.generated, np.float64), np.asarray(y, np.float64)
  enlarged = lambda x: np.repeat(np.repeat(x, 4, 1), 4, 2)
  blocks = g.reshape(len(g), 8, 4, 8, 4, 3).mean((2, 4))
  wanted = {
    "colorize": lambda: g * y / g.max(-1, keepdims=True),
    "colorize:luma": lambda: g + y - g @ np.array([[0.299], [0.587], [0.114]]),
    "super_resolve": lambda: g + enlarged(y - blocks),
    "quantize": lambda: np.clip(g, y - 1 / 8, y + 1 / 8),
    "denoise": lambda: g,
  }
  np.testing.assert_allclose(found.image, np.clip(wanted[task](), 0, 1), atol=1e-5)
  if task != "denoise":
    assert abs(found.image - raw.image).mean() > 0.01
  if task != "super_resolve":
    np.testing.assert_array_equal(run("poisson").image, found.image)


Y = np.full((2, 32, 32, 3), 0.5, np.float32)


@pytest.mark.parametrize("option", ["adam", "momentum", "sgd"])
def test_optimizers(option, known, tiny_prior):
  y, A = tasks.get("denoise").corrupt(known, jax.random.key(0))
  rate = {"adam": 0.05, "momentum": 1e-4, "sgd": 1e-3}[option]
  result = restore(
    y,
    A,
    tiny_prior,
    p=2,
    prior_weight=0,
    num_steps=40,
    num_restarts=1,
    optimizer=option,
    learning_rate=rate,
  )
  assert (result.loss < result.history[:, 0]).all()


@pytest.mark.parametrize(
  "change,message",
  [
    (dict(y=Y[0]), r"y has shape \[32, 32, 3\]; it must be"),
    (dict(y=Y[..., :1]), r"y has shape \[2, 32, 32, 1\]; it must be \[2, 32, 32, 3\]"),
    (dict(y=Y * np.nan), "y holds NaN"),
    (dict(y=Y * 255, A=operators.blur()), r"values in \[127.5, 127.5\]; it must be in \[0, 1\]"),
    (dict(y=Y - 1, A=operators.blur()), r"it must be in \[0, 1\]"),
    (dict(y=Y[:0]), "shape"),
    (dict(A=operators.inpaint(np.eye(16))), "A cannot be applied to images"),
    (dict(A=lambda x: x[:, ::2]), "A gives"),
    (dict(A=lambda x: x > 0.5), "A gives bool"),
    (dict(A=lambda x: x.reshape(7)), "A cannot be applied"),
    (dict(A=lambda x: None), "A gives"),
    (dict(p=0.5), "p is 0.5"),
    (dict(prior_weight=-1), "prior_weight is -1"),
    (dict(prior_weight=float("inf")), "prior_weight is inf"),
    (dict(num_steps=0), "num_steps is 0"),
    (dict(num_steps=2.5), "whole number"),
    (dict(num_restarts=0), "num_restarts is 0"),
    (dict(choice="worst"), "choice is 'worst'"),
    (dict(patience=-1), "patience is -1"),
    (dict(learning_rate=0), "learning_rate is 0"),
    (dict(optimizer="adamw"), "optimizer is 'adamw'"),
    (dict(blend="feather"), "blend is 'feather'"),
    (dict(weighted=True), "weighted restores only inpaint"),
    (dict(shape=(64, 64)), r"shape is \(64, 64\); it must be \(32, 32\)"),
  ],
)
def test_refusals(change, message, tiny_prior):
  arguments = {"y": Y, "A": operators.denoise(), "prior": tiny_prior} | change
  with pytest.raises(ValueError, match=message):
    restore(**arguments)


def test_types(tiny_prior):
  with pytest.raises(TypeError, match="uint8"):
    restore((Y * 255).astype(np.uint8), operators.denoise(), tiny_prior)
  with pytest.raises(TypeError, match="it must be a function"):
    restore(Y, "blur", tiny_prior)
  with pytest.raises(TypeError, match="prior is a str; it must be what load_prior returns"):
    restore(Y, operators.denoise(), "prior.safetensors")
