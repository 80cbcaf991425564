"""What there is by name: restorers, priors, and classifiers that measure.

restore(y, A)       the shipped prior, on any damage
load(name)          any restorer (y, A) -> Result
load_prior(name)    a prior for `restore`
load_judge(name)    a classifier as a scorer of `evaluation`
"""

import dataclasses
import functools
import os
from collections.abc import Callable
from typing import Any

import jax

from gan_restore import models
from gan_restore import shipped as shipped_files
from gan_restore.evaluation import perceptual
from gan_restore.models import Trained, classifier
from gan_restore.restorers import classical
from gan_restore.restorers.result import Result
from gan_restore.training import weights

NAMES = ("map", *shipped_files.weights(), *classical.RESTORERS)


@dataclasses.dataclass(frozen=True)
class Restorer:
  """(y, A, **options) -> `Result`, and what it is for.

  Attributes:
    function: Restores.
    shape: (S, S, C) of the images it restores; None for any.
    task: The one kind of damage it is for, out of `tasks.ALL`; None for several.
    factor: The one factor it is for, of a `task` that has one.
  """

  function: Callable[..., Result]
  shape: tuple[int, int, int] | None = None
  task: str | None = None
  factor: int | None = None

  def __call__(self, y, A: Callable, **options: Any) -> Result:
    return self.function(y, A, **options)


def restore(y, A: Callable, prior: Trained | None = None, **options: Any) -> Result:
  """Restores images, whatever happened to them.

  Args:
    y: The damaged images [N, ...], of whatever shape A gives, float32.
    A: The damage: an operator of `gan_restore.operators`, or any JAX function from images
      [N, S, S, C] in [0, 1] to y. The same function object is compiled once.
    prior: From `load_prior`; the shipped denoiser, of colour faces of 64x64, by default.
    **options: Of the prior's family: of a denoiser those of `models.denoiser.restore`, of a dcgan
      or autoencoder_gan those of `latent_search.restore`.

  Returns:
    A `Result`.

  Raises:
    TypeError: If y is not floating, A is not a function or `prior` is no prior.
    ValueError: If y holds NaN or leaves the operator's range, A's output does not match y, or an
      option is impossible.

  Examples:
    >>> import gan_restore as gr, jax.numpy as jnp
    >>> y = jnp.full((1, 16, 16, 3), 0.5)
    >>> gr.restore(y, gr.operators.super_resolve(4)).image.shape
    (1, 64, 64, 3)
  """
  prior = prior if prior is not None else _shipped_prior()
  if not isinstance(prior, Trained):
    raise TypeError(f"prior is a {type(prior).__name__}; it must be what load_prior returns")
  return prior.family.restore(prior, y, A, **options)


@functools.cache
def _shipped_prior() -> Trained:
  return load_prior()


def load(name: str | os.PathLike, **options: Any) -> Restorer:
  """A restorer.

  Args:
    name: For any damage `denoiser`, or the latent search: `map` (with the shipped DCGAN) or
      `autoencoder_gan`; a family whose weights are shipped and that is for one kind (`cdcgan`,
      `unet_gan`, `encoder_dcgan`, `resgan:celeba`, `resgan:mnist`), one without a network (`tv`,
      `low_rank`, `sparse` for any damage; `damaged`, `bicubic`, `lanczos`, `biharmonic`, `mirror`,
      `non_local_means`, `wavelet`), or the path of a weights file or training workdir.
    **options: Keyword arguments fixed for every call, as `num_samples` for `denoiser`.

  Returns:
    A function (y, A) -> `Result`.

  Raises:
    ValueError: If there is none of that name and no file of that path.

  Examples:
    >>> import numpy as np
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
  stem = "dcgan" if name == "map" else str(name)
  try:
    trained = weights.load(shipped_files.weights().get(stem, stem))
  except weights.WeightsError as error:
    raise ValueError(f"{error} (restorers by name: {', '.join(NAMES)})") from error
  return Restorer(
    functools.partial(trained.family.restore, trained, **options),
    shape=trained.image_shape,
    task=models.task(trained.family),
    factor=trained.config.get("factor"),
  )


def shipped() -> dict[str, str | None]:
  """The restorers with shipped weights: {name: the one kind of damage it is for, or None}."""
  families = {
    name: weights.read_config(path).family for name, path in shipped_files.weights().items()
  }
  return {name: models.task(models.get(family)) for name, family in families.items()}


def load_prior(name: str | os.PathLike = "denoiser") -> Trained:
  """A prior: a trained family that restores images from any damage.

  Args:
    name: `denoiser`, `dcgan` or `autoencoder_gan`, the shipped ones, of faces, or the path of a
      weights file or training workdir.

  Returns:
    The trained prior, for `restore`.

  Raises:
    WeightsError: If there is none, or it is for one kind of damage alone.
  """
  prior = weights.load(shipped_files.weights().get(str(name), name))
  if task := models.task(prior.family):
    raise weights.WeightsError(f"{name}: holds a {prior.config.family}, which is for {task} alone")
  return prior


def load_judge(name: str | os.PathLike) -> perceptual.Scorer:
  """A classifier that measures how much of an image's classes or attributes a restoration keeps.

  Args:
    name: `celeba`, the shipped one of faces, or the path of a weights file or training workdir.

  Returns:
    `perceptual.agreement` of it.

  Raises:
    WeightsError: If there is none at that path.
  """
  trained = weights.load(shipped_files.judges().get(str(name), name), family="classifier")
  classify = jax.jit(functools.partial(classifier.features_and_logits, trained))
  return perceptual.agreement(classify, trained.config.exclusive)
