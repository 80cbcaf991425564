"""Completion in one forward pass: code that cDCGAN, encoder_dcgan and the U-Net GAN share.

Each of these families has a function

  complete(trained, image, mask) -> images [N, S, S, C] in [0, 1]

of images [N, S, S, C] in [0, 1] and masks [N, S, S, 1], 1 where the pixel is missing. The values of
missing pixels are ignored.
"""

import functools
import math
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gan_restore import data
from gan_restore.degradations import checks, masks, operators, tasks
from gan_restore.evaluation import scoring
from gan_restore.models import Trained
from gan_restore.restorers import blending
from gan_restore.restorers.result import Result

REQUIREMENTS = {
  "masks": (masks.is_kind, f"kinds of masks, separated by commas, out of {masks.HELP}")
}


def reconstruction_loss(
  generated: jax.Array, image: jax.Array, mask: jax.Array, known_weight: float
) -> jax.Array:
  """The L1 distance to the original: its mean over the hole plus `known_weight` times its mean over
  the known pixels.

  The second term makes G match the known pixels at the border of the hole.

  Args:
    generated: [N, S, S, C].
    image: [N, S, S, C].
    mask: [N, S, S, 1].
    known_weight: Weight of the second term.

  Returns:
    A scalar.
  """
  error = jnp.abs(generated - image).mean(-1, keepdims=True)
  hole = (mask * error).sum() / jnp.maximum(mask.sum(), 1)
  rest = ((1 - mask) * error).sum() / jnp.maximum((1 - mask).sum(), 1)
  return hole + known_weight * rest


def samples(complete: Callable, trained: Trained, batch: dict, key: jax.Array) -> jax.Array:
  """One row per image: original, masked, raw output and completed image, in [0, 1]."""
  real = (batch["image"][:16] + 1) / 2
  mask = masks.get(trained.config.masks)(key, real.shape[:3])
  generated = complete(trained, real, mask)
  completed = blending.paste(real, generated, mask)
  masked = real * (1 - mask) + 0.5 * mask
  columns = jnp.stack([real, masked, generated, completed], 1)
  return columns.reshape(-1, *real.shape[1:])


@functools.partial(jax.jit, static_argnums=0)
def _complete(complete, trained, y, mask):
  return complete(trained, y, mask)


def restore(
  complete: Callable,
  trained: Trained,
  y: jax.Array | np.ndarray,
  A: Callable,
  *,
  blend: str = "paste",
) -> Result:
  """Completes images in one forward pass.

  Args:
    complete: The family's `complete`.
    trained: The family's trained networks.
    y: Images [N, S, S, C] in [0, 1]; the values of missing pixels are ignored.
    A: An `operators.inpaint` with any mask.
    blend: How the completion is put into the image: `paste`, `poisson`, or `none` for G's raw
      output.

  Returns:
    The result.

  Raises:
    UnsupportedOperatorError: For any other operator.
    ValueError: For images of another size, or an unknown `blend`.
  """
  hole = operators.expect(trained.config.family, A, "inpaint").mask
  checks.one_of(blend, blending.BLENDS, "blend")
  y, A = operators.prepare(y, A, trained.image_shape)
  generated = _complete(complete, trained, y, jnp.broadcast_to(hole, (*y.shape[:3], 1)))
  return Result(image=blending.blend(y, generated, hole, blend), generated=generated)


def evaluate(
  restore: Callable, trained: Trained, source: data.Source, n: int = 64
) -> Iterator[tuple[str, float]]:
  """Scores completions of the first images of `source`, with the known pixels pasted back.

  Args:
    restore: The family's `restore`.
    trained: The family's trained networks.
    source: From `data.load`.
    n: Maximum number of images.

  Yields:
    (name, value): `score`, for the centre hole: the PSNR of the whole image in dB, minus a penalty
    if the hole is less sharp than the original (20 log10 of the sharpness), because PSNR alone
    prefers blurred images. Then, for the centre and for rectangles, every score of
    `scoring.evaluate`.
  """
  restorer = functools.partial(restore, trained)
  scores: dict[str, float] = {}
  for kind in ("center", "random"):
    found = scoring.evaluate(restorer, tasks.get("inpaint", mask=kind), source, limit=n)
    for name, value in found.items():
      output, _, score = name.partition("/")
      if output == "composited":
        scores[f"{kind}/{score}"] = value
  lacking = min(0.0, 20 * math.log10(max(scores["center/sharpness"], 1e-6)))
  yield "score", scores["center/psnr"] + lacking
  yield from scores.items()
