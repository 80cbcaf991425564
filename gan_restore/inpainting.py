"""What all networks that fill holes in one forward pass share: cDCGAN's, the encoder-decoder's, the
U-Net's.

Their generators are functions

  complete(config, variables, image, mask) -> images [N, S, S, C] in [-1, 1]

with images [N, S, S, C] in [-1, 1], whose missing pixels they do not look at, and masks
[N, S, S, 1], 1 where the pixel is missing.
"""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_restore import blending, checks, evaluation, masks, operators, tasks, weights
from gan_restore.restorers import classical
from gan_restore.restorers.result import Result

REQUIREMENTS = {
  "image_size": (lambda v: v >= 16 and v & (v - 1) == 0, "a power of two of at least 16"),
  "masks": (masks.is_kind, f"kinds by commas, out of {masks.HELP}"),
}


def reconstruction_loss(generated, image, mask, known_weight) -> jax.Array:
  """The L1 distance to the original: its mean over the hole, plus a share of that over the rest.

  In the rest of the image it makes G meet the known pixels at the hole's border.

  Args:
    generated: [N, S, S, C].
    image: [N, S, S, C].
    mask: [N, S, S, 1].
    known_weight: Of the rest.

  Returns:
    A scalar.
  """
  error = jnp.abs(generated - image).mean(-1, keepdims=True)
  hole = (mask * error).sum() / jnp.maximum(mask.sum(), 1)
  rest = ((1 - mask) * error).sum() / jnp.maximum((1 - mask).sum(), 1)
  return hole + known_weight * rest


def samples(complete: Callable, config, variables, batch, key: jax.Array) -> jax.Array:
  """Rows of four: original, masked, raw output and completed image, in [0, 1]."""
  real = batch["image"][:16]
  mask = masks.get(config.masks)(key, real.shape[:3])
  generated = complete(config, variables, real, mask)
  completed = blending.paste(real, generated, mask)
  columns = jnp.stack([real, real * (1 - mask), generated, completed], 1)
  return (columns.reshape(-1, *real.shape[1:]) + 1) / 2


@functools.partial(jax.jit, static_argnums=0)
def _generate(complete, trained, y, mask):
  return (complete(trained.config, trained.variables, 2 * y - 1, mask) + 1) / 2


def restore(complete: Callable, trained, y: jax.Array, A, *, blend: str = "paste") -> Result:
  """Completes images in one forward pass.

  Args:
    complete: The family's.
    trained: The family's trained networks.
    y: Images [N, S, S, C] in [0, 1]; their missing pixels are not looked at.
    A: An `operators.inpaint`: any mask, with one hole or several.
    blend: How the completion enters the image: `paste`, `poisson`, or `none` for G's raw output.

  Returns:
    The result.

  Raises:
    UnsupportedOperatorError: For any other operator.
    ValueError: For images of another size, or an unknown `blend`.
  """
  classical.expect(trained.config.family, A, operators.Inpaint)
  y = checks.observation(y, A, trained.image_shape)
  generated = _generate(complete, trained, y, jnp.broadcast_to(A.mask, (*y.shape[:3], 1)))
  return Result(image=blending.blend(y, generated, A.mask, blend), generated=generated)


def evaluate(restore: Callable, config, variables, source, n: int = 64):
  """Completion of the first images of `source`, pasted in.

  Args:
    restore: The family's.
    config: The run's.
    variables: Of each player.
    source: From `data.load`.
    n: Images at most.

  Yields:
    (name, value): `score`, with the centre missing: the whole image's PSNR in dB, less what its
    hole lacks of the originals' gradient magnitude, in dB too, as PSNR alone prefers a blur; then,
    for the centre and for rectangles, every score of `evaluation.evaluate`.
  """
  restorer = functools.partial(restore, weights.Trained(variables, config))
  scores = {}
  for kind in ("center", "random"):
    task = tasks.get("inpaint", mask=kind)
    for name, value in evaluation.evaluate(restorer, task, source, limit=n):
      output, _, score = name.partition("/")
      if output == "composited":
        scores[f"{kind}/{score}"] = value
  lacking = min(0.0, 20 * math.log10(max(scores["center/sharpness"], 1e-6)))
  yield "score", scores["center/psnr"] + lacking
  yield from scores.items()
