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


@functools.cache
def _shipped_prior() -> weights.Trained:
  return weights.load_prior()


def restore(y, A: Callable, prior: weights.Trained | None = None, **options) -> Result:
  """Restores images, whatever happened to them.

  Args:
    y: The damaged images, in [0, 1]; whatever shape A gives, images first.
    A: The damage: an operator of `gan_restore.operators`, or any JAX function from images
      [N, S, S, C] to y. The same function object is compiled once.
    prior: From `load_prior`; the shipped denoiser, of faces of 64x64 in colour, by default.
    **options: Of the prior's family: of a denoiser those of `models.denoiser.restore`, of a dcgan
      or autoencoder_gan those of `latent.restore`.

  Returns:
    A `Result`.

  Raises:
    TypeError: If y is not floating, A is not a function or `prior` is no prior.
    ValueError: If y holds NaN or leaves [0, 1], A's output does not match y, or an option is
      impossible.

  Examples:
    >>> import gan_restore as gr, jax.numpy as jnp
    >>> y = jnp.full((1, 16, 16, 3), 0.5)
    >>> gr.restore(y, gr.operators.super_resolve(4)).image.shape
    (1, 64, 64, 3)
  """
  prior = prior if prior is not None else _shipped_prior()
  if not isinstance(prior, weights.Trained):
    raise TypeError(f"prior is a {type(prior).__name__}; wanted what load_prior returns")
  return prior.family.restore(prior, y, A, **options)


def load(name: str, **options) -> Restorer:
  """A restorer.

  Args:
    name: For any damage `denoiser`, or the latent search: `map` (with the shipped DCGAN) or
      `autoencoder_gan`; a family whose weights are shipped and that is for one kind (`cdcgan`,
      `unet_gan`, `encoder_dcgan`, `resgan:celeba`, `resgan:mnist`), one without a network (`tv`,
      `low_rank`, `sparse` for any damage; `damaged`, `bicubic`, `lanczos`, `biharmonic`, `mirror`,
      `non_local_means`, `wavelet`), or the path of a weights file or training workdir.
    **options: Keyword arguments fixed for every call, as `candidates` for `denoiser`.

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
