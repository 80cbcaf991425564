"""The latent search: maximum a posteriori restoration in the latent space of a trained DCGAN.

R. A. Yeh, T. Y. Lim et al., "Image Restoration with Deep Generative Models", 2018, eq. 3. Images
are float32 [N, H, W, C] in [0, 1].
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gan_restore import blending, checks, operators, weights
from gan_restore.restorers.result import CHOICES, Result, choose
from gan_restore.restorers.total_variation import tv

_NEAR = 0.5  # How far from a code, in each coordinate, the other candidates begin.
_GRID = 16  # Codes are rounded to so many values a unit: `tv` differs by 1e-7 with the batch.

OPTIMIZERS = {
  "adam": optax.scale_by_adam(b1=0.9, b2=0.999),
  "momentum": optax.trace(0.9),
  "sgd": optax.identity(),
}


def restore(
  prior: weights.Trained,
  y: jax.Array,
  A: Callable,
  *,
  p: float = 1.0,
  lam: float = 1.0,
  steps: int = 200,
  learning_rate: float = 0.1,
  optimizer: str = "adam",
  candidates: int = 4,
  choice: str = "best",
  weighted: bool = False,
  patience: int = 0,
  blend: str = "poisson",
  seed: int = 0,
) -> Result:
  r"""Restores damaged images: the most probable image of the prior that explains them.

  Searches, by gradient descent from `candidates` latents for each image,

  .. math::
    \hat z = \arg\min_z \|y - A(G(z))\|_p^p
      + \lambda\,(\log(1 - D(G(z))) - \log D(G(z)))

  (eq. 3; p_Z is uniform on [-1, 1]^d, so its term is a constant there, and z is projected to the
  box after each step). With logits l of D the regulariser is -l, which is how it is computed. The
  data term is a sum over all values of y.

  The latents it begins with are random; those of a prior with an encoder are the code of what total
  variation makes of y, and latents near it.

  Everything is jitted and batched; one compilation serves a shape and an operator. An image's
  answer does not depend on the batch it is in.

  Args:
    prior: A trained `dcgan` or `autoencoder_gan`.
    y: The damaged images, in [0, 1]; whatever shape A gives, images first.
    A: The damage: an operator of `gan_restore.operators`, or any JAX function from images
      [N, S, S, C] to y. The same function object is compiled once.
    p: The norm's exponent, at least 1; the paper found 1 to perform well.
    lam: Weight of the regulariser, at least 0.
    steps: Gradient steps, at least 1; the learning rate falls to 0 over them along a cosine.
    learning_rate: The first step's.
    optimizer: 'adam', 'momentum' or 'sgd'.
    candidates: Searches for each image, at least 1.
    choice: 'best', the candidate of the lowest objective, or 'mean', the mean of their images.
    weighted: For inpainting: known pixels count by the share of missing pixels in the 7x7 window
      around them (Yeh et al. 2017, eq. 3), those near no hole not at all.
    patience: Stop a candidate whose best objective has not fallen by a thousandth in so many
      steps; 0 for never.
    blend: For inpainting: what becomes of the known pixels in `image`: 'poisson' (kept, and the
      hole is fitted to them without a seam), 'paste' (kept) or 'none' (raw G(z)).
    seed: Of the first latents. The same seed gives the same answer.

  Returns:
    A `Result`: `image`, `generated` (raw G(z), or the mean), `latent`, `loss` and `history` (of the
    best candidate, constant after it stopped), and `spread` of several candidates.

  Raises:
    TypeError: If y is not floating or A is not a function.
    ValueError: If y holds NaN or leaves [0, 1], A's output does not match y, or an option is
      impossible.

  Examples:
    >>> import gan_restore as gr, jax.numpy as jnp
    >>> y, prior = jnp.full((1, 16, 16, 3), 0.5), gr.load_prior("dcgan")
    >>> restore(prior, y, gr.operators.super_resolve(4), steps=2, candidates=1).image.shape
    (1, 64, 64, 3)
  """
  checks.at_least(p, 1.0, "p")
  checks.at_least(lam, 0.0, "lam")
  checks.at_least(steps, 1, "steps")
  checks.at_least(candidates, 1, "candidates")
  checks.at_least(patience, 0, "patience")
  if not learning_rate > 0:
    raise ValueError(f"learning_rate is {learning_rate!r}; wanted above 0")
  if optimizer not in OPTIMIZERS:
    raise ValueError(f"optimizer is {optimizer!r}; wanted one of {', '.join(OPTIMIZERS)}")
  if choice not in CHOICES:
    raise ValueError(f"choice is {choice!r}; wanted one of {', '.join(CHOICES)}")
  if blend not in blending.BLENDS:  # Before the search, not after it.
    raise ValueError(f"blend is {blend!r}; wanted one of {', '.join(blending.BLENDS)}")
  A = operators.as_operator(A)
  y = checks.observation(y, A, prior.image_shape)
  inpainting = isinstance(A, operators.Inpaint)
  if weighted and not inpainting:
    raise ValueError("weighted is for inpainting alone; A is no operators.inpaint")
  importance = _importance(A.mask) if weighted else jnp.ones(())

  first = _first_guess(prior, y, A, int(candidates), jax.random.key(seed))
  if candidates * y.shape[0] == 1:  # Two, as a single row is computed in another order than many.
    first = jnp.repeat(first, 2, axis=0)
  found = _search(
      prior, A, y, importance, first, float(lam), float(learning_rate),
      p=float(p), steps=int(steps), patience=int(patience), optimizer=optimizer, choice=choice,
  )  # fmt: skip
  if candidates == 1:
    found = found.replace(spread=None)
  if inpainting:
    found = found.replace(image=blending.blend(y, found.generated, A.mask, blend))
  return found


def _first_guess(prior, y, A, candidates, key) -> jax.Array:
  """Latents [candidates, N, d] to begin with: the same for every image, but for its code."""
  family, config = prior.family, prior.config
  first = family.sample_latent(config, key, candidates)[:, None]
  if not hasattr(family, "encode"):
    return jnp.broadcast_to(first, (candidates, len(y), first.shape[-1]))
  code = family.encode(config, prior.variables, tv(y, A, shape=prior.image_shape).image)
  return jnp.clip(jnp.round(_GRID * code) / _GRID + _NEAR * first.at[0].set(0), -1, 1)


def _importance(mask: jax.Array, window: int = 7) -> jax.Array:
  """Share of missing pixels in the window around each known pixel [N, H, W, 1]; 0 in the hole."""
  summed = lambda x: lax.reduce_window(
    x, 0.0, lax.add, (1, window, window, 1), (1, 1, 1, 1), "SAME"
  )
  return (1 - mask) * summed(mask) / summed(jnp.ones_like(mask))


@functools.partial(jax.jit, static_argnames=("p", "steps", "patience", "optimizer", "choice"))
def _search(
  prior, A, y, importance, first, lam, learning_rate, *, p, steps, patience, optimizer, choice
):
  """The search itself. Latents are [K, N, d]: K candidates for each of N images."""
  family, config = prior.family, prior.config
  tx = OPTIMIZERS[optimizer]
  k, n = first.shape[0], y.shape[0]

  def objective(z):  # [K, N, d] -> [K, N]
    x = family.generate(config, prior.variables, z.reshape(k * n, -1))
    logits = family.discriminate(config, prior.variables, x).reshape(k, n)
    x = x.reshape(k, n, *x.shape[1:])
    error = jnp.abs(importance * (y - jax.vmap(A)(x)))
    error = error if p == 1 else error**p
    data = jnp.sum(error, axis=tuple(range(2, error.ndim)))
    return data - lam * logits

  def value_and_grad(z):
    value, pullback = jax.vjp(objective, z)
    return value, pullback(jnp.ones_like(value))[0]

  def body(carry):
    i, z, opt_state, best, history = carry
    value, gradient = value_and_grad(z)
    # Stopped candidates stay where they are, so that nobody's answer depends on its neighbours.
    active = best["stalled"] < patience if patience else jnp.ones((k, n), bool)
    better = active & (value < best["value"])
    much_better = active & (value < best["mark"] - 1e-3 * jnp.abs(best["mark"]))
    best = {
      "z": jnp.where(better[..., None], z, best["z"]),
      "value": jnp.where(better, value, best["value"]),
      "mark": jnp.where(much_better, value, best["mark"]),
      "stalled": jnp.where(much_better, 0, best["stalled"] + 1),
    }
    history = history.at[i].set(jnp.where(active, value, best["value"]))
    updates, opt_state = tx.update(gradient, opt_state)
    rate = learning_rate * 0.5 * (1 + jnp.cos(jnp.pi * i / steps))
    moved = jnp.clip(z - rate * updates, -1, 1)
    return i + 1, jnp.where(active[..., None], moved, z), opt_state, best, history

  def unfinished(carry):
    i, _, _, best, _ = carry
    return (i < steps) & (jnp.any(best["stalled"] < patience) if patience else True)

  best = {
    "z": first,
    "value": jnp.full((k, n), jnp.inf),
    "mark": jnp.full((k, n), jnp.finfo(jnp.float32).max),
    "stalled": jnp.zeros((k, n), jnp.int32),
  }
  history = jnp.zeros((steps, k, n))
  carry = (0, first, tx.init(first), best, history)
  done, _, _, best, history = lax.while_loop(unfinished, body, carry)
  history = jnp.where(jnp.arange(steps)[:, None, None] < done, history, best["value"])
  winner = jnp.argmin(best["value"], axis=0)  # [N]
  images = family.generate(config, prior.variables, best["z"].reshape(k * n, -1))
  generated, spread = choose(images.reshape(k, n, *images.shape[1:]), best["value"], choice)
  return Result(
    image=generated,
    generated=generated,
    latent=jnp.take_along_axis(best["z"], winner[None, :, None], 0)[0],
    loss=jnp.take_along_axis(best["value"], winner[None], 0)[0],
    history=jnp.take_along_axis(history, winner[None, None], 1)[:, 0].T,
    spread=spread,
  )
