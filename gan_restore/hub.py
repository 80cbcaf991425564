"""Restorers, priors and judges by name.

restore(y, A)       restores any damage with the shipped prior
load(name)          returns any restorer (y, A) -> Result
load_prior(name)    returns a prior for `restore`
load_judge(name)    returns a scorer of `evaluation`, made of a trained network

A judge is a network that measures restorations.
"""

import dataclasses
import functools
import importlib.util
import inspect
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_restore import models
from gan_restore import shipped as shipped_files
from gan_restore.degradations import checks, operators
from gan_restore.evaluation import perceptual
from gan_restore.models import Trained, classifier, embedding
from gan_restore.restorers import classical
from gan_restore.restorers.result import Result
from gan_restore.training import weights

FACES, PICTURES = "denoiser", "denoiser:pictures"  # The default priors.
COMPLETION = {
  64: "unet_gan",
  128: "unet_gan:128",
}  # They fill holes in aligned faces of these sides.
INDEPENDENT_JUDGES = {"dlib": perceptual.dlib, "imagenet": perceptual.imagenet}
NAMES = ("map", *shipped_files.weights(), *classical.RESTORERS)


@dataclasses.dataclass(frozen=True)
class Restorer:
  """A function `(y, A, **options) -> Result`, with the images and damage that it supports.

  Attributes:
    function: The function.
    size: (H, W) of the images that it restores; None if it restores images of any size.
    channels: The number of their channels; None if it restores images of any.
    task: The only kind of damage that it restores, out of `tasks.ALL`; None if there are several.
    factor: The only factor that it supports, if `task` has a factor; else None.
  """

  function: Callable[..., Result]
  size: tuple[int, int] | None = None
  channels: int | None = None
  task: str | None = None
  factor: int | None = None

  def __call__(
    self,
    y: jax.Array | np.ndarray,
    A: Callable,
    *,
    frame: str | jax.Array | np.ndarray | None = None,
    **options: Any,
  ) -> Result:
    """Restores images.

    Args:
      y: The damaged images [N, ...].
      A: The damage.
      frame: Where the faces are, as in `models.denoiser.restore`; only restorers with this option
        use it.
      **options: The restorer's own.

    Returns:
      A `Result`.
    """
    if frame is not None and self.takes_frame:
      options["frame"] = frame
    return _in_float32(self.function, y, A, **options)

  @property
  def takes_frame(self) -> bool:
    """Whether it can be told where the faces are."""
    return "frame" in inspect.signature(self.function).parameters

  @property
  def sampling(self) -> dict[str, Any]:
    """Its options that choose between the mean and samples; empty if it draws no samples."""
    parameters = inspect.signature(self.function).parameters
    names = ("num_samples", "choice", "fidelity", "seed") if "fidelity" in parameters else ()
    return {name: parameters[name].default for name in names}

  def sample(self, number: int) -> "Restorer":
    """This restorer, but it returns a sample instead of the mean.

    Args:
      number: Different numbers give different samples.

    Returns:
      The restorer.

    Raises:
      ValueError: If it draws no samples.
    """
    if not self.sampling:
      raise ValueError(f"the method draws no samples; {FACES}, for example, does")
    options = {"num_samples": 1, "fidelity": 0.0, "seed": self.sampling["seed"] + number}
    return dataclasses.replace(self, function=functools.partial(self.function, **options))


def restore(
  y: jax.Array | np.ndarray, A: Callable, prior: Trained | None = None, **options: Any
) -> Result:
  """Restores images from any damage.

  Args:
    y: The damaged images [N, ...], float32, of the shape that A gives.
    A: The damage: an operator of `gan_restore.operators`, or any JAX function from images
      [N, H, W, C] in [0, 1] to y. The same function object is compiled once.
    prior: From `load_prior`. The default is a shipped denoiser: `denoiser`, for aligned colour
      faces, if the images are 64x64; otherwise `denoiser:pictures`, for colour images of any size.
    **options: Those of the prior's family: the keyword arguments of `prior.family.restore`. For the
      prior of faces see `models.sampler.restore`, for that of pictures `models.denoiser.restore`,
      and for a latent search `latent_search.restore`.

  Returns:
    A `Result`.

  Raises:
    TypeError: If y is not floating, A is not a function, or `prior` is not a value of
      `load_prior`.
    ValueError: If y holds NaN or leaves the operator's range, A's output does not match y, or an
      option is out of range.

  Examples:
    >>> import gan_restore as gr, jax.numpy as jnp
    >>> y = jnp.full((1, 16, 16, 3), 0.5)
    >>> gr.restore(y, gr.operators.super_resolve(4)).image.shape
    (1, 64, 64, 3)
  """
  prior = prior if prior is not None else _shipped_prior(y, A, options.get("shape"))
  if not isinstance(prior, Trained):
    raise TypeError(f"prior is a {type(prior).__name__}; it must be what load_prior returns")
  return _in_float32(functools.partial(prior.family.restore, prior), y, A, **options)


def _in_float32(function, y, A, **options) -> Result:
  """`function(y, A, **options)`, computed in float32, also if `jax_enable_x64` is set."""
  y = y.astype(np.float32) if getattr(y, "dtype", None) == np.float64 else y
  with jax.enable_x64(False):
    return function(y, A, **options)


def _shipped_prior(y, A, size) -> Trained:
  """The default prior for images of a size (H, W); if it is None, A and y tell it."""
  size = size or operators.image_shape(A, np.shape(y))[1:3]
  return _cached_prior(FACES if tuple(size) == (64, 64) else PICTURES)


_cached_prior = functools.cache(lambda name: load_prior(name))


def load(name: str | os.PathLike, **options: Any) -> Restorer:
  """A restorer.

  Args:
    name: One of `NAMES`: a shipped weights file (see `shipped`), `map` (the latent search with the
      shipped DCGAN) or a baseline (see `restorers.classical`); or the path of a weights file or of
      a training workdir. A `pathlib.Path` is always a path.
    **options: Keyword arguments for every call, for example `num_samples` of `denoiser`.

  Returns:
    A function (y, A) -> `Result`.

  Raises:
    TypeError: If the restorer has no such option.
    ValueError: If `name` is neither a known name nor the path of weights, or needs a package that
      is not installed.

  Examples:
    >>> import numpy as np
    >>> from gan_restore import operators
    >>> y = np.zeros((1, 16, 16, 3), np.float32)
    >>> load("bicubic")(y, operators.super_resolve(4)).image.shape
    (1, 64, 64, 3)
    >>> load("cdcgan").size, load("cdcgan").task
    ((64, 64), 'inpaint')
    >>> load("resgan:mnist").size, load("resgan:mnist").task, load("resgan:mnist").factor
    ((28, 28), 'coarsen', 4)
  """
  if name in classical.RESTORERS:
    package = classical.PACKAGES.get(str(name))
    if package and importlib.util.find_spec(package) is None:
      raise ValueError(
        f"{name} needs the package {package}; pip install 'gan_restore[baselines]' installs it"
      )
    return Restorer(_with_options(name, classical.RESTORERS[name], options))
  try:
    trained = _load("dcgan" if name == "map" else name)
  except weights.WeightsError as error:
    known = ", ".join(NAMES)
    raise ValueError(f"{error}{checks.meant(name, NAMES)}; restorers by name: {known}") from error
  return Restorer(
    _with_options(name, functools.partial(trained.family.restore, trained), options),
    size=None if trained.any_size else trained.image_shape[:2],
    channels=trained.config.channels,
    task=models.task(trained.family),
    factor=trained.config.get("factor"),
  )


def _with_options(name, function, options):
  """A restorer with options for every call.

  Raises:
    TypeError: If it has no such option.
  """
  parameters = inspect.signature(function).parameters.values()
  known = [one.name for one in parameters if one.kind == one.KEYWORD_ONLY]
  for option in options:
    if option not in known:
      raise TypeError(f"{name} has no option {option}{checks.meant(option, known)}")
  return functools.partial(function, **options)


def _file(name, files):
  """The file of shipped weights for a name out of `files`; else `name`, which is then a path."""
  return files.get(name, name) if isinstance(name, str) else name


def _load(name) -> Trained:
  trained = weights.load(_file(name, shipped_files.weights()))
  if not models.restores(trained.family):
    raise weights.WeightsError(
      f"{name}: holds a {trained.config.family}, which does not restore images"
    )
  return trained


def shipped() -> dict[str, str | None]:
  """The restorers with shipped weights: {name: the only kind of damage that it restores, or
  None}."""
  families = {
    name: weights.read_config(path).family for name, path in shipped_files.weights().items()
  }
  return {name: models.task(models.get(family)) for name, family in families.items()}


def load_prior(name: str | os.PathLike = FACES) -> Trained:
  """A prior: a trained family that restores images from any damage.

  Args:
    name: The name of shipped weights for any damage (those for which `shipped` has None), or the
      path of a weights file or of a training workdir.

  Returns:
    The trained prior, for `restore`.

  Raises:
    WeightsError: If there is no such file, or it restores only one kind of damage, or none.
  """
  prior = _load(name)
  if task := models.task(prior.family):
    raise weights.WeightsError(f"{name}: holds a {prior.config.family}, which restores only {task}")
  return prior


def _trained_judge(name) -> Trained:
  trained = weights.load(_file(name, shipped_files.judges()))
  if trained.config.family not in ("classifier", "embedding"):
    raise weights.WeightsError(
      f"{name}: holds weights of {trained.config.family}; a judge is a classifier or an embedding"
    )
  return trained


def judge_kind(name: str | os.PathLike) -> str:
  """What a judge is: 'classifier' or 'embedding', or the name of a network of another package.

  Raises:
    WeightsError: As `load_judge`.
  """
  return str(name) if name in INDEPENDENT_JUDGES else _trained_judge(name).config.family


def load_judge(name: str | os.PathLike) -> perceptual.Scorer:
  """Makes a scorer of a network that measures restorations.

  Args:
    name: `celeba`, the shipped classifier of faces, measures how many attributes a restoration
      preserves (`perceptual.agreement`), and `identity`, the shipped embedding, whether a restored
      face still shows the same person (`perceptual.identity`). Or the path of a weights file or of
      a training workdir of a classifier or of an embedding. Images of a multiple of its size are
      reduced first, by the means of blocks. Or a network that was not trained here: `dlib`
      (`perceptual.dlib`) or `imagenet` (`perceptual.imagenet`).

  Returns:
    The scorer.

  Raises:
    WeightsError: If there is neither a classifier nor an embedding at that path.
    ValueError: If the network needs the extra `perceptual`, which is not installed.
  """
  if name in INDEPENDENT_JUDGES:
    return INDEPENDENT_JUDGES[str(name)]()
  trained = _trained_judge(name)
  family = trained.config.family
  network = classifier.features_and_logits if family == "classifier" else embedding.embed
  apply = jax.jit(functools.partial(network, trained))
  side, _, channels = trained.image_shape

  def measure(x):
    n, *own = x.shape
    factor = own[0] // side
    if not factor or own != [factor * side, factor * side, channels]:
      raise ValueError(
        f"the judge {name} measures images of {list(trained.image_shape)}, or of a multiple of this"
        f" size; these are {own}"
      )
    blocks = jnp.reshape(x, (n, side, factor, side, factor, channels))
    return apply(jnp.mean(blocks, (2, 4)))

  if family == "embedding":
    return perceptual.identity(measure)
  return perceptual.agreement(measure, trained.config.exclusive)
