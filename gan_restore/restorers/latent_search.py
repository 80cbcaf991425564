"""The latent search: maximum a posteriori restoration in the latent space of a generator.

R. A. Yeh, T. Y. Lim et al., "Image Restoration with Deep Generative Models", 2018, eq. 3. Images
are float32 [N, H, W, C] in [0, 1].
"""

import functools
from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from gan_restore.degradations import checks, operators
from gan_restore.restorers import blending
from gan_restore.restorers.result import CHOICES, Result, choose
from gan_restore.restorers.total_variation import tv

# Further restarts start within this distance, per coordinate, of the encoder's latent.
_NEAR = 0.5
# An encoder's latents are rounded to multiples of 1 / _GRID. Otherwise the search would amplify the
# rounding differences of 1e-7 that `tv` has between batches.
_GRID = 16

OPTIMIZERS = {
  "adam": optax.scale_by_adam(b1=0.9, b2=0.999),
  "momentum": optax.trace(0.9),
  "sgd": optax.identity(),
}


@flax.struct.dataclass
class LatentPrior:
  """The functions of a trained GAN that the search needs. A pytree of `jax.tree_util.Partial`.

  Attributes:
    generate: Latents [N, d] in [-1, 1] -> images [N, H, W, C] in [0, 1].
    discriminate: Images [N, H, W, C] in [0, 1] -> logits [N].
    encode: Images [N, H, W, C] in [0, 1] -> latents [N, d], or None.
    latent_dim: d.
    image_shape: (H, W, C).
  """

  generate: Callable
  discriminate: Callable
  encode: Callable | None = None
  latent_dim: int = flax.struct.field(pytree_node=False, default=100)
  image_shape: tuple[int, int, int] = flax.struct.field(pytree_node=False, default=(64, 64, 3))


def restore(
  make_prior: Callable[[Any], LatentPrior],
  trained: Any,
  y: jax.Array | np.ndarray,
  A: Callable,
  *,
  p: float = 1.0,
  prior_weight: float = 1.0,
  num_steps: int = 200,
  learning_rate: float = 0.1,
  optimizer: str = "adam",
  num_restarts: int = 4,
  choice: str = "best",
  weighted: bool = False,
  patience: int = 0,
  blend: str = "poisson",
  seed: int = 0,
  shape: tuple[int, int] | None = None,
) -> Result:
  r"""Restores damaged images by the most probable images of the prior given y.

  Searches, by gradient descent from `num_restarts` latents for each image,

  .. math::
    \hat z = \arg\min_z \|y - A(G(z))\|_p^p
      + \lambda\,(\log(1 - D(G(z))) - \log D(G(z)))

  This is eq. 3, except that eq. 3 uses the norm and this its p-th power. They agree for the paper's
  p = 1. p_Z is uniform on [-1, 1]^d, so its term is a constant there, and z is projected onto the
  box after each step. With logits l of D the regulariser is -l, and it is computed in this form.
  The data term is a sum over all values of y.

  The search starts from random latents. If the prior has an encoder, it starts from the encoder's
  latent of the total variation restoration, and from latents near it.

  Everything is jitted and batched, with one compilation for each shape and operator. The result for
  an image does not depend on its batch.

  Args:
    make_prior: `trained` -> the functions that the search needs.
    trained: A trained `dcgan` or `autoencoder_gan`.
    y: The damaged images [N, ...], of the shape that A gives.
    A: The damage: an operator of `gan_restore.operators`, or any JAX function from images
      [N, S, S, C] to y. The same function object is compiled once.
    p: The exponent of the norm, at least 1; the paper found that 1 works well.
    prior_weight: lambda, at least 0.
    num_steps: Number of gradient steps, at least 1. The learning rate falls to 0 along a cosine.
    learning_rate: Learning rate of the first step.
    optimizer: 'adam', 'momentum' or 'sgd'.
    num_restarts: Number of searches for each image, at least 1.
    choice: 'best', the restart with the lowest objective, or 'mean', the mean of their images.
    weighted: For `inpaint`: whether to weight each known pixel by the share of missing pixels in
      the 7x7 window around it (Yeh et al. 2017, eq. 3). Pixels far from every hole then have weight
      0.
    patience: Number of steps after which a restart stops if its best objective has not decreased by
      0.1%. 0 means that it never stops early.
    blend: How `image` is made consistent with y. For `inpaint`: 'poisson' keeps the known pixels
      and fits the hole to them without a seam, and 'paste' keeps them. For any other damage, both
      change G(z) so that A of it is y: V, luma, low resolutions, and rounded values (see
      `blending.agree`). For a low resolution, 'poisson' changes it smoothly. 'none' is raw G(z).
    seed: Random seed of the first latents. The same seed gives the same result.
    shape: (H, W) of the images, as other restorers take it; it must be that of the prior's images.

  Returns:
    A `Result`: `image`, `generated` (raw G(z), or the mean), `latent`, `loss` and `history` (of the
    best restart, constant after it stopped), and the `spread` if there are several restarts.

  Raises:
    TypeError: If y is not floating or A is not a function.
    ValueError: If y holds NaN or leaves the operator's range, A's output does not match y, or an
      option is out of range.

  Examples:
    >>> import gan_restore as gr, jax.numpy as jnp
    >>> y, prior = jnp.full((1, 16, 16, 3), 0.5), gr.load_prior("dcgan")
    >>> A = gr.operators.super_resolve(4)
    >>> gr.restore(y, A, prior, num_steps=2, num_restarts=1).image.shape
    (1, 64, 64, 3)
  """
  checks.at_least(p, 1.0, "p")
  checks.at_least(prior_weight, 0.0, "prior_weight")
  checks.at_least(num_steps, 1, "num_steps")
  checks.at_least(num_restarts, 1, "num_restarts")
  checks.at_least(patience, 0, "patience")
  if not learning_rate > 0:
    raise ValueError(f"learning_rate is {learning_rate!r}; it must be > 0")
  checks.one_of(optimizer, OPTIMIZERS, "optimizer")
  checks.one_of(choice, CHOICES, "choice")
  checks.one_of(blend, blending.BLENDS, "blend")
  prior = make_prior(trained)
  own = prior.image_shape[:2]
  if shape is not None and tuple(shape) != own:
    raise ValueError(f"shape is {shape}; it must be {own}, the size of the prior's images")
  y, A = operators.prepare(y, A, prior.image_shape)
  weights = jnp.ones(())
  if weighted:
    weights = importance(operators.expect("weighted", A, "inpaint").mask)

  first = _first_latents(prior, y, A, int(num_restarts), jax.random.key(seed))
  if num_restarts * y.shape[0] == 1:  # A single row would be computed in another order than many.
    first = jnp.repeat(first, 2, axis=0)
  found = _search(
    prior, A, y, weights, first, float(prior_weight), float(learning_rate),
    p=float(p), num_steps=int(num_steps), patience=int(patience), optimizer=optimizer,
    choice=choice,
  )  # fmt: skip
  if num_restarts == 1:
    found = found.replace(spread=None)
  hole = operators.hole(A)
  if hole is not None:
    found = found.replace(image=blending.blend(y, found.generated, hole, blend))
  else:
    found = found.replace(image=blending.agree(found.generated, y, A, blend))
  return found


def _first_latents(prior, y, A, num_restarts, key) -> jax.Array:
  """Initial latents [num_restarts, N, d]. The random part is the same for every image; the
  encoder's latent is its own."""
  shape = (num_restarts, prior.latent_dim)
  first = jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)[:, None]
  if prior.encode is None:
    return jnp.broadcast_to(first, (num_restarts, len(y), prior.latent_dim))
  code = prior.encode(tv(y, A, shape=prior.image_shape[:2]).image)
  return jnp.clip(jnp.round(_GRID * code) / _GRID + _NEAR * first.at[0].set(0), -1, 1)


def importance(mask: jax.Array, window: int = 7) -> jax.Array:
  """The weights of `weighted`: the share of missing pixels around each known pixel.

  Args:
    mask: [N, H, W, 1], 1 where the pixel is missing.
    window: Pixels on a side of the window.

  Returns:
    [N, H, W, 1]; 0 in the hole.
  """
  summed = lambda x: lax.reduce_window(
    x, 0.0, lax.add, (1, window, window, 1), (1, 1, 1, 1), "SAME"
  )
  return (1 - mask) * summed(mask) / summed(jnp.ones_like(mask))


@functools.partial(jax.jit, static_argnames=("p", "num_steps", "patience", "optimizer", "choice"))
def _search(
  prior, A, y, weights, first, prior_weight, learning_rate, *, p, num_steps, patience,
  optimizer, choice,
):  # fmt: skip
  """The search itself. Latents are [K, N, d]: K restarts for each of N images."""
  tx = OPTIMIZERS[optimizer]
  k, n = first.shape[0], y.shape[0]

  def objective(z):  # [K, N, d] -> [K, N]
    x = prior.generate(z.reshape(k * n, -1))
    logits = prior.discriminate(x).reshape(k, n)
    x = x.reshape(k, n, *x.shape[1:])
    error = jnp.abs(weights * (y - jax.vmap(A)(x)))
    error = error if p == 1 else error**p
    data = jnp.sum(error, axis=tuple(range(2, error.ndim)))
    return data - prior_weight * logits

  def value_and_grad(z):
    value, pullback = jax.vjp(objective, z)
    return value, pullback(jnp.ones_like(value))[0]

  def body(carry):
    i, z, opt_state, best, history = carry
    value, gradient = value_and_grad(z)
    # A restart that has stopped is not changed any more, so that the result for an image does not
    # depend on the other images in the batch.
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
    rate = learning_rate * 0.5 * (1 + jnp.cos(jnp.pi * i / num_steps))
    moved = jnp.clip(z - rate * updates, -1, 1)
    return i + 1, jnp.where(active[..., None], moved, z), opt_state, best, history

  def unfinished(carry):
    i, _, _, best, _ = carry
    return (i < num_steps) & (jnp.any(best["stalled"] < patience) if patience else True)

  best = {
    "z": first,
    "value": jnp.full((k, n), jnp.inf),
    "mark": jnp.full((k, n), jnp.finfo(jnp.float32).max),
    "stalled": jnp.zeros((k, n), jnp.int32),
  }
  history = jnp.zeros((num_steps, k, n))
  carry = (0, first, tx.init(first), best, history)
  done, _, _, best, history = lax.while_loop(unfinished, body, carry)
  history = jnp.where(jnp.arange(num_steps)[:, None, None] < done, history, best["value"])
  winner = jnp.argmin(best["value"], axis=0)  # [N]
  images = prior.generate(best["z"].reshape(k * n, -1))
  generated, spread = choose(images.reshape(k, n, *images.shape[1:]), best["value"], choice)
  return Result(
    image=generated,
    generated=generated,
    latent=jnp.take_along_axis(best["z"], winner[None, :, None], 0)[0],
    loss=jnp.take_along_axis(best["value"], winner[None], 0)[0],
    history=jnp.take_along_axis(history, winner[None, None], 1)[:, 0].T,
    spread=spread,
  )
