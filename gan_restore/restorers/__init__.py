"""Everything that maps (y, A) to an image, by name."""

import functools
from collections.abc import Callable

from gan_restore import latent, weights
from gan_restore.restorers import classical

NAMES = ("map", *weights.shipped(), *classical.RESTORERS)


def load(name: str, **options) -> Callable:
  """A restorer.

  Args:
    name: `map` (the latent search with the shipped prior), a family whose weights are shipped
      (`cdcgan`), a classical one (`damaged`, `bicubic`, `biharmonic`, `tv`), or the path of a
      weights file or training workdir.
    **options: Keyword arguments fixed for every call, as those of `restore` for `map`.

  Returns:
    A function (y, A) -> `Result`.

  Raises:
    ValueError: If there is none of that name and no file of that path.

  Examples:
    >>> import jax, numpy as np
    >>> from gan_restore import operators
    >>> y = np.zeros((1, 16, 16, 3), np.float32)
    >>> load("bicubic")(y, operators.super_resolve(4)).image.shape
    (1, 64, 64, 3)
  """
  if name in classical.RESTORERS:
    return functools.partial(classical.RESTORERS[name], **options)
  if name == "map":
    return functools.partial(latent.restore, **options)
  try:
    trained = weights.load(weights.shipped().get(name, name))
  except weights.WeightsError as error:
    raise ValueError(f"{error} (restorers by name: {', '.join(NAMES)})") from error
  return functools.partial(trained.family.restore, trained, **options)
