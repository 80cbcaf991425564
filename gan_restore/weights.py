"""Weights files: one safetensors file that can rebuild its network, and nothing that can run code.

It holds the players that restore; the metadata holds the family, and the training config as JSON.
Kernels are stored as float16, vectors (biases, batch statistics) as float32.
"""

import json
import os
import pathlib
from typing import Any

import flax
import jax
import ml_collections
import numpy as np
import safetensors
import safetensors.numpy
from flax import traverse_util

from gan_restore import models

SHIPPED = pathlib.Path(__file__).parent / "shipped"
_FORMAT = "gan_restore/1"


class WeightsError(ValueError):
  """A weights file that cannot be used; the message is one sentence that names it."""


@flax.struct.dataclass
class Trained:
  """A trained family: what a weights file or a training workdir holds. A pytree.

  Attributes:
    variables: {player: {"params": ..., "batch_stats": ...}}, of a weights file of the players that
      restore.
    config: The training config, frozen (and so hashable: it is static under jit).
  """

  variables: dict[str, Any]
  config: ml_collections.FrozenConfigDict = flax.struct.field(pytree_node=False)

  @property
  def family(self):
    """The family's module."""
    return models.get(self.config.family)

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """(S, S, C) of its images."""
    return self.config.image_size, self.config.image_size, self.config.channels


def save(path: str | os.PathLike, trained: Trained, note: str = "") -> None:
  """Writes a weights file, whole or not at all.

  Args:
    path: The file.
    trained: What to write.
    note: A line for people, kept in the metadata.
  """
  held = {player: trained.variables[player] for player in _exported(trained.family)}
  flat = traverse_util.flatten_dict(jax.device_get(held), sep="/")
  tensors = {
    name: np.asarray(x, np.float16 if np.ndim(x) > 1 else np.float32, order="C")
    for name, x in flat.items()
  }
  metadata = {"format": _FORMAT, "config": _to_json(trained.config), "note": note}
  path = pathlib.Path(path)
  partial = path.with_name(f".{path.name}.partial")
  safetensors.numpy.save_file(tensors, partial, metadata)
  partial.chmod(0o644)  # safetensors makes files that only their owner reads.
  os.replace(partial, path)


def _to_json(config) -> str:
  """The config without the paths of the machine it ran on."""
  paths = {name: "" for name in ("data_dir", "start") if name in config}
  return json.dumps(config.to_dict() | paths | {"dataset": config.dataset.partition(":")[0]})


def load(path: str | os.PathLike, family: str | None = None) -> Trained:
  """Reads a weights file, or the newest checkpoint's averaged weights of a training workdir.

  Args:
    path: A file, or a folder that holds `config.json` and `checkpoints`.
    family: If given, the family it has to be.

  Returns:
    The trained networks, float32.

  Raises:
    WeightsError: If it is missing, truncated, no weights file, or of another family.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    trained = _load_workdir(path)
  elif path.is_file():
    trained = _load_file(path)
  else:
    raise WeightsError(f"{path}: no such weights file or training workdir")
  if family and trained.config.family != family:
    raise WeightsError(f"{path}: holds a {trained.config.family}; wanted a {family}")
  return trained


def _load_file(path) -> Trained:
  try:
    with safetensors.safe_open(path, framework="numpy") as file:
      metadata = file.metadata() or {}
      flat = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}
  except Exception as error:  # safetensors raises its own error for whatever is broken.
    raise WeightsError(f"{path}: not a readable weights file ({error})") from error
  if metadata.get("format") != _FORMAT:
    raise WeightsError(f"{path}: a safetensors file, but not one of gan_restore's")
  config = ml_collections.FrozenConfigDict(json.loads(metadata["config"]))
  variables = _rebuild(path, config, flat)
  return Trained(jax.tree.map(jax.numpy.asarray, variables), config)


def _rebuild(path, config, flat) -> dict[str, Any]:
  """The variables of the config's networks, out of tensors by name."""
  try:
    family = models.get(config.family)
    wanted = jax.eval_shape(lambda key: family.init(config, key), jax.random.key(0))
    wanted = {player: wanted[player] for player in _exported(family)}
  except Exception as error:
    raise WeightsError(f"{path}: its config builds no network ({error})") from error
  # By the networks' own keys: a layer's may hold a slash, as flax's SpectralNorm's do.
  keys = traverse_util.flatten_dict(wanted)
  shapes = {"/".join(key): leaf.shape for key, leaf in keys.items()}
  for name in sorted({*shapes, *flat}):
    theirs = flat[name].shape if name in flat else "absent"
    ours = shapes.get(name, "absent")
    if theirs != ours:
      raise WeightsError(f"{path}: of another architecture: {name} is {theirs}; wanted {ours}")
  return traverse_util.unflatten_dict({key: flat["/".join(key)] for key in keys})


def _exported(family) -> tuple[str, ...]:
  return getattr(family, "EXPORTED", family.PLAYERS)


def _load_workdir(path) -> Trained:
  from gan_restore import train  # Training is not needed to restore.
  from gan_restore.checkpoints import Checkpoints

  if not (path / "config.json").is_file():
    raise WeightsError(f"{path}: no config.json there, so not a training workdir")
  config = ml_collections.ConfigDict(json.loads((path / "config.json").read_text()))
  checkpoints = Checkpoints(path)
  restored = checkpoints.restore_newest(jax.eval_shape(lambda: train.init_state(config)))
  checkpoints.close()
  if restored is None:
    raise WeightsError(f"{path}: a training workdir without a checkpoint yet")
  ema = jax.tree.map(jax.numpy.asarray, restored[0].ema)
  return Trained(ema, ml_collections.FrozenConfigDict(config))


def shipped() -> dict[str, pathlib.Path]:
  """The weights files that come with the package: {name: file}; FAMILY-SET.safetensors is named
  FAMILY:SET."""
  return {path.stem.replace("-", ":"): path for path in sorted(SHIPPED.glob("*.safetensors"))}


def load_judge(name: str) -> Trained:
  """A classifier that judges restorations.

  Args:
    name: `celeba`, the shipped one of faces, or the path of a weights file or training workdir.

  Returns:
    The trained classifier.

  Raises:
    WeightsError: If there is none at that path.
  """
  shipped = SHIPPED / "judges" / f"{name}.safetensors"
  return load(shipped if shipped.is_file() else name, family="classifier")


def load_prior(name: str | os.PathLike = "denoiser") -> Trained:
  """A prior: what restores images from any damage.

  Args:
    name: `denoiser`, `dcgan` or `autoencoder_gan`, the shipped ones, of faces, or the path of a
      weights file or training workdir.

  Returns:
    The trained prior, for `restore`.

  Raises:
    WeightsError: If there is none, or it is for one kind of damage alone.
  """
  prior = load(shipped().get(str(name), name))
  if task := getattr(prior.family, "TASK", None):
    raise WeightsError(f"{name}: holds a {prior.config.family}, which is for {task} alone")
  return prior
