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
ALL = (*NAMES, "coarsen", "blur")
SCALED = ("super_resolve", "coarsen")  # Those with a factor.
_NUMBERS = {  # What follows the colon.
  "super_resolve": ("factor", int),
  "coarsen": ("factor", int),
  "denoise": ("sigma", float),
  "quantize": ("levels", int),
  "blur": ("sigma", float),
}
HELP = (
  f"{', '.join(ALL)}; super_resolve:FACTOR, coarsen:FACTOR, denoise:SIGMA, quantize:LEVELS,"
  " blur:SIGMA, inpaint:MASK; one after the other as blur:1.5+denoise:0.05"
)


def get(name: str, *, mask: str | jax.Array = "center", factor: int | None = None) -> Task:
  """The task of a name.

  Args:
    name: `inpaint` (a missing patch), `colorize` (only V of HSV is left), `super_resolve`
      (factor 4), `denoise` (Gaussian noise of 0.1), `quantize` (5 levels a channel), `coarsen`
      (blocks of 8x8), `blur` (Gaussian of 1.5 pixels). A number after a colon is another strength:
      `denoise:0.2`, `quantize:3`, `super_resolve:8`; `inpaint:MASK` is another mask. Damages that
      happen one after the other are joined by `+`: `blur:1.5+denoise:0.05`.
    mask: For `inpaint`: a kind of `masks.KINDS`, or a mask.
    factor: For `super_resolve` and `coarsen`, instead of 4 and 8.

  Returns:
    The task.

  Raises:
    ValueError: If there is none of that name, a number is none, or the mask is none.

  Examples:
    >>> import jax, numpy as np
    >>> y, A = get("super_resolve").corrupt(np.zeros((2, 64, 64, 3)), jax.random.key(0))
    >>> y.shape
    (2, 16, 16, 3)
    >>> get("blur:1+super_resolve:2").corrupt(np.zeros((2, 64, 64, 3)), jax.random.key(0))[0].shape
    (2, 32, 32, 3)
  """
  parts = []  # Masks have unions too: inpaint:eyes+lips is one.
  for part in name.split("+"):
    if parts and part.partition(":")[0] not in ALL:
      parts[-1] += f"+{part}"
    else:
      parts.append(part)
  draws = [_one(part, mask, factor) for part in parts]
  if len(draws) == 1:
    return Task(name, draws[0])

  def operator(key, shape):
    keys = jax.random.split(key, len(draws))
    A = draws[0](keys[0], shape)
    for own, draw in zip(keys[1:], draws[1:]):
      left = jax.eval_shape(A, jax.ShapeDtypeStruct(shape, "float32")).shape
      A = operators.compose(draw(own, left), A)
    return A

  return Task(name, operator)


def _one(name, mask, factor) -> Callable:
  """The `operator` of a `Task` of one damage."""
  kind, colon, value = name.partition(":")
  if kind not in ALL or (colon and kind != "inpaint" and kind not in _NUMBERS):
    raise ValueError(f"unknown task {name!r}; there are: {HELP}")
  if kind == "inpaint":
    mask = value or mask
    if isinstance(mask, str):
      draw = masks.get(mask)
      return lambda key, shape: operators.Inpaint(draw(key, shape[:3]))
    A = operators.inpaint(mask)
    return lambda key, shape: A
  options = {"factor": factor} if factor and kind in SCALED else {}
  if colon:
    option, number = _NUMBERS[kind]
    try:
      options = {option: number(value)}
    except ValueError:
      raise ValueError(f"the {option} of {name!r} is no number") from None
  A = getattr(operators, kind)(**options)
  return lambda key, shape: A
