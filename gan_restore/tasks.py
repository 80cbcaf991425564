"""Tasks: a corruption of clean images and the operator that models it, by name.

`NAMES` are the five of the MAP paper (its section 4.1); `coarsen` is the ResGAN paper's. Images are
float32 [N, H, W, C] in [0, 1].
"""

import dataclasses
from collections.abc import Callable

import jax

from gan_restore import checks, masks, operators


@dataclasses.dataclass(frozen=True)
class Task:
  """A named corruption.

  Attributes:
    name: As `get` takes it.
    operator: (random key, shape [N, H, W, C]) -> the operator, e.g. with masks drawn.
  """

  name: str
  operator: Callable

  def corrupt(self, x: jax.Array, key: jax.Array) -> tuple[jax.Array, operators.Operator]:
    """Damages clean images.

    Args:
      x: Images [N, H, W, C] in [0, 1].
      key: A random key: of masks and noise.

    Returns:
      (y, A): the damaged images and the operator that models the damage.
    """
    x = checks.image_batch(x, "x")
    for_operator, for_noise = jax.random.split(key)
    A = self.operator(for_operator, x.shape)
    return A.corrupt(x, for_noise), A


NAMES = ("inpaint", "colorize", "super_resolve", "denoise", "quantize")
ALL = (*NAMES, "coarsen")
SCALED = ("super_resolve", "coarsen")  # Those with a factor.


def get(name: str, *, mask: str | jax.Array = "center", factor: int | None = None) -> Task:
  """The task of a name.

  Args:
    name: `inpaint` (a missing patch), `colorize` (only V of HSV is left), `super_resolve`
      (factor 4), `denoise` (Gaussian noise of 0.1), `quantize` (5 levels a channel), `coarsen`
      (blocks of 8x8).
    mask: For `inpaint`: a kind of `masks.KINDS`, or a mask.
    factor: For `super_resolve` and `coarsen`, instead of 4 and 8.

  Returns:
    The task.

  Raises:
    ValueError: If there is none of that name, or the mask is none.

  Examples:
    >>> import jax, numpy as np
    >>> y, A = get("super_resolve").corrupt(np.zeros((2, 64, 64, 3)), jax.random.key(0))
    >>> y.shape
    (2, 16, 16, 3)
  """
  if name == "inpaint":
    if isinstance(mask, str):
      draw = masks.get(mask)
      return Task(name, lambda key, shape: operators.Inpaint(draw(key, shape[:3])))
    A = operators.inpaint(mask)
    return Task(name, lambda key, shape: A)
  if name not in ALL:
    raise ValueError(f"unknown task {name!r}; there are: {', '.join(ALL)}")
  options = {"factor": factor} if factor and name in SCALED else {}
  A = getattr(operators, name)(**options)
  return Task(name, lambda key, shape: A)
