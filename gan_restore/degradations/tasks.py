"""Tasks: a corruption of clean images and the operator that models it, by name.

`NAMES` are the five tasks of the MAP paper (its section 4.1); `coarsen` is that of the ResGAN
paper; `NOISES` are those that add random noise. Images are float32 [N, H, W, C] in [0, 1].
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from gan_restore.data import images
from gan_restore.degradations import checks, masks, operators


@dataclasses.dataclass(frozen=True)
class Task:
  """A named corruption.

  Attributes:
    name: As `get` takes it.
    operator: (random key, shape [N, H, W, C]) -> the operator, e.g. with masks drawn.
  """

  name: str
  operator: Callable[[jax.Array, tuple[int, ...]], Any]

  def corrupt(self, x: jax.Array | np.ndarray, key: jax.Array) -> tuple[jax.Array, Any]:
    """Damages clean images.

    Args:
      x: Images [N, H, W, C] in [0, 1].
      key: A random key, for masks and noise.

    Returns:
      (y, A): the damaged images and the operator that models the damage.
    """
    x = checks.image_batch(x, "x")
    for_operator, for_noise = jax.random.split(key)
    A = self.operator(for_operator, x.shape)
    return A.corrupt(x, for_noise), A


NAMES = ("inpaint", "colorize", "super_resolve", "denoise", "quantize")
NOISES = ("denoise", "poisson", "poisson_gaussian", "salt_and_pepper", "speckle")
UNKNOWN = "auto"  # Stands for a strength that is not known.


def _sigma(text: str) -> float | None:
  return None if text == UNKNOWN else float(text)


def _kernel(path: str) -> np.ndarray:
  return images.to_float(images.read_image(path).convert("L"))[..., 0]


_PARAMETERS: dict[str, dict[str, Callable]] = {  # {kind: {parameter: how to read it}}, in order.
  "inpaint": {"mask": str},
  "colorize": {"kind": str},
  "super_resolve": {"factor": int, "kernel": str},
  "denoise": {"sigma": _sigma, "damage": float},
  "quantize": {"levels": int},
  "coarsen": {"factor": int},
  "blur": {"sigma": float},
  "motion_blur": {"length": float, "angle": float, "border": str},
  "defocus": {"radius": float, "border": str},
  "jpeg": {"quality": int, "subsampling": str},
  "poisson": {"peak": float},
  "poisson_gaussian": {"peak": float, "sigma": float},
  "salt_and_pepper": {"rate": float},
  "speckle": {"sigma": float},
  "demosaic": {"pattern": str},
  "blur_kernel": {"kernel": _kernel, "border": str},
}
ALL = tuple(kind for kind in _PARAMETERS if kind != "blur_kernel")  # It needs a file.


def _syntax(kind) -> str:
  return f"{kind}:{'@'.join(map(str.upper, _PARAMETERS[kind]))}"


HELP = (
  ", ".join(map(_syntax, _PARAMETERS))
  + "; denoise:auto if the strength of the noise is not known; several in turn, such as"
  " motion_blur:9@30+denoise:0.02+jpeg:40"
)


def of_the_map_paper(channels: int) -> tuple[str, ...]:
  """`NAMES`, the MAP paper's five tasks, for images of a number of channels: grey images have no
  colour to lose.

  Examples:
    >>> of_the_map_paper(1)
    ('inpaint', 'super_resolve', 'denoise', 'quantize')
  """
  return tuple(name for name in NAMES if name != "colorize" or channels == 3)


def get(
  name: str,
  *,
  mask: str | np.ndarray | jax.Array | None = None,
  jpeg: operators.Jpeg | None = None,
) -> Task:
  """The task of a name.

  Args:
    name: `inpaint` (a hole), `colorize` (only V of HSV is left), `super_resolve` (factor 4),
      `denoise` (Gaussian noise of 0.1), `quantize` (5 levels per channel), `coarsen` (blocks of
      8x8 pixels), `blur` (Gaussian of 1.5 pixels), `motion_blur`, `defocus`, `jpeg`, `poisson`,
      `poisson_gaussian`, `salt_and_pepper`, `speckle` or `demosaic`. Each is described at the
      function of its name in `operators`. The arguments of this function follow a colon, separated
      by `@`: `denoise:0.2`, `super_resolve:2@bicubic`, `motion_blur:9@30`. `inpaint:MASK` is a hole
      of a kind of `masks`. `denoise:auto` is noise whose strength is estimated; `denoise:auto@0.2`
      is the same, with damage of 0.2. `blur_kernel:FILE` takes the kernel from a picture. Damages
      that are applied one after the other are joined by `+`: `blur:1.5+denoise:0.05`.
    mask: The mask of each `inpaint` that does not name one: a kind of `masks`, or a mask of the
      image's size, which is resized to the image's size at that point of the composition. The
      default is 'center'.
    jpeg: The operator of `jpeg:auto`, made of the quantisation tables of a file.

  Returns:
    The task.

  Raises:
    ValueError: If the name is unknown, a number cannot be read or is out of range, or the mask is
      invalid.

  Examples:
    >>> import jax, numpy as np
    >>> y, A = get("super_resolve").corrupt(np.zeros((2, 64, 64, 3)), jax.random.key(0))
    >>> y.shape
    (2, 16, 16, 3)
    >>> get("blur:1+super_resolve:2").corrupt(np.zeros((2, 64, 64, 3)), jax.random.key(0))[0].shape
    (2, 32, 32, 3)
  """
  draws = [_one(part, mask, jpeg) for part in parts(name)]
  if len(draws) == 1:
    return Task(name, draws[0])

  def operator(key, shape):
    keys = jax.random.split(key, len(draws))
    A = draws[0](keys[0], shape)
    for own, draw in zip(keys[1:], draws[1:]):
      A = operators.compose(draw(own, operators.output_shape(A, shape)), A)
    return A

  return Task(name, operator)


def parts(name: str) -> list[str]:
  """The damages that a task's name joins, in the order in which they are applied.

  Examples:
    >>> parts("blur:1.5+inpaint:eyes+lips+denoise")  # A union of masks is one damage.
    ['blur:1.5', 'inpaint:eyes+lips', 'denoise']
  """
  found: list[str] = []
  for part in name.split("+"):
    if found and found[-1].startswith("inpaint:") and part.partition(":")[0] not in _PARAMETERS:
      found[-1] += f"+{part}"
    else:
      found.append(part)
  return found


def with_factor(name: str, factor: int | None) -> str:
  """Adds `factor` to each damage in a task's name that takes a factor but does not give one.

  Examples:
    >>> with_factor("coarsen+denoise:0.1", 4)
    'coarsen:4+denoise:0.1'
  """
  scaled = lambda part: factor and "factor" in _PARAMETERS.get(part, {})
  return "+".join(f"{part}:{factor}" if scaled(part) else part for part in parts(name))


def _one(name, mask, jpeg) -> Callable:
  """The `operator` of a `Task` of one damage."""
  kind, colon, value = name.partition(":")
  if kind not in _PARAMETERS:
    known = ", ".join(_PARAMETERS)
    raise ValueError(f"unknown task {name!r}{checks.meant(kind, _PARAMETERS)}; there are: {known}")
  if kind == "inpaint":
    return _inpaint(value or ("center" if mask is None else mask))
  if (kind, value) == ("jpeg", UNKNOWN):
    if jpeg is None:
      raise ValueError("jpeg:auto takes its tables from a JPEG file; without one, name the quality")
    return lambda key, shape: jpeg
  options, values = {}, value.split("@") if colon else []
  if len(values) > len(_PARAMETERS[kind]):
    raise ValueError(f"{name!r} has too many arguments; it must be {_syntax(kind)}")
  for (option, convert), value in zip(_PARAMETERS[kind].items(), values):
    try:
      options[option] = convert(value)
    except images.ImageError:
      raise
    except ValueError:
      wanted = "a whole number" if convert is int else "a number"
      raise ValueError(f"the {option} of {name!r} must be {wanted}") from None
  if kind not in ALL and not options:
    raise ValueError(f"{name!r} lacks its argument; it must be {_syntax(kind)}")
  A = getattr(operators, kind)(**options)
  return lambda key, shape: A


def _inpaint(mask) -> Callable:
  if isinstance(mask, str):
    draw = masks.get(mask)
    return lambda key, shape: operators.Inpaint(draw(key, shape[:3]))
  mask = checks.mask(mask)
  return lambda key, shape: operators.inpaint(masks.fit(mask, shape[1:3]))
