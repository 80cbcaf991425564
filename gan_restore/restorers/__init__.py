"""Everything that maps (y, A) to an image, by name."""

import dataclasses
import functools
from collections.abc import Callable

from gan_restore import weights
from gan_restore.restorers import classical
from gan_restore.restorers.result import Result

NAMES = ("map", *weights.shipped(), *classical.RESTORERS)


@dataclasses.dataclass(frozen=True)
class Restorer:
  """(y, A, **options) -> `Result`, and what it is for.

  Attributes:
    function: Does it.
    shape: (S, S, C) of the images it restores; None for any.
    task: The one kind of damage it is for, out of `tasks.ALL`; None for several.
    factor: The one factor it is for, of a `task` that has one.
  """

  function: Callable
  shape: tuple[int, int, int] | None = None
  task: str | None = None
  factor: int | None = None

  def __call__(self, y, A, **options) -> Result:
    return self.function(y, A, **options)


def load(name: str, **options) -> Restorer:
  """A restorer.

  Args:
    name: `map` (the latent search with the shipped prior), a family whose weights are shipped
      (`cdcgan`, `unet_gan`, `encoder_dcgan`, `resgan:celeba`, `resgan:mnist`), one without a
      network (`tv`, `low_rank`, `sparse` for any damage; `damaged`, `bicubic`, `lanczos`,
      `biharmonic`, `mirror`, `non_local_means`, `wavelet`), or the path of a weights file or
      training workdir.
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
    >>> load("cdcgan").shape, load("cdcgan").task
    ((64, 64, 3), 'inpaint')
    >>> load("resgan:mnist").shape, load("resgan:mnist").task, load("resgan:mnist").factor
    ((28, 28, 1), 'coarsen', 4)
  """
  if name in classical.RESTORERS:
    return Restorer(functools.partial(classical.RESTORERS[name], **options))
  stem = "dcgan" if name == "map" else name
  try:
    trained = weights.load(weights.shipped().get(stem, name))
  except weights.WeightsError as error:
    raise ValueError(f"{error} (restorers by name: {', '.join(NAMES)})") from error
  return Restorer(
    functools.partial(trained.family.restore, trained, **options),
    shape=trained.image_shape,
    task=getattr(trained.family, "TASK", None),
    factor=trained.config.get("factor"),
  )
