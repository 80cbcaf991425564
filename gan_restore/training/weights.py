"""Weights files: one safetensors file that can rebuild its network, and nothing that can run code.

It holds the players that restoration needs. The metadata holds the training config as JSON, from
which the networks are rebuilt. Kernels are stored as float16 if their values fit, vectors (biases,
batch statistics) as float32.
"""

import dataclasses
import json
import os
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import safetensors
import safetensors.numpy
from flax import traverse_util

from gan_restore import models
from gan_restore.data import atomic
from gan_restore.models import Trained, Variables
from gan_restore.training import config as training_config
from gan_restore.training.state import TrainState, state_shapes

_FORMAT = "gan_restore/2"


class WeightsError(ValueError):
  """A weights file that cannot be used; the message is one sentence that names it."""


def save(path: str | os.PathLike, trained: Trained, note: str = "") -> None:
  """Writes a weights file, atomically.

  Args:
    path: The file.
    trained: The trained family.
    note: A line of free text that is stored in the metadata.

  Raises:
    WeightsError: If a value is NaN or infinite. Then nothing is written.
  """
  players = models.exported_players(trained.family)
  held = {player: trained.variables[player] for player in players}
  flat = traverse_util.flatten_dict(jax.device_get(held), sep="/")
  tensors = {name: _compact(path, name, x) for name, x in flat.items()}
  metadata = {"format": _FORMAT, "config": _to_json(trained.config), "note": note}
  with atomic.replacing(path) as partial:
    safetensors.numpy.save_file(tensors, partial, metadata)
    partial.chmod(0o644)  # safetensors makes files that only their owner can read.


def _compact(path, name: str, x) -> np.ndarray:
  x = np.asarray(x, np.float32, order="C")
  if not np.isfinite(x).all():
    raise WeightsError(f"{path}: not written, as {name} holds NaN or infinite values")
  fits = np.abs(x).max(initial=0) <= np.finfo(np.float16).max
  return x.astype(np.float16) if x.ndim > 1 and fits else x


def _to_json(config) -> str:
  """The config without the paths of the machine it ran on."""
  kind = lambda name: name.partition(":")[0]  # folder:PATH -> folder.
  changed: dict = {name: "" for name in ("data_dir", "init_from") if name in config}
  if "pictures" in config:
    changed["pictures"] = [kind(name) for name in config.pictures]
  return json.dumps(config.to_dict() | changed | {"dataset": kind(config.dataset)})


def load(path: str | os.PathLike, family: str | None = None) -> Trained:
  """Reads a weights file, or the newest checkpoint's averaged weights of a training workdir.

  Args:
    path: A file, or a folder that holds `config.json` and `checkpoints`.
    family: If given, the family that the weights must belong to.

  Returns:
    The trained networks, float32.

  Raises:
    WeightsError: If the file is missing, is truncated, is not a weights file, or belongs to another
      family.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    trained = _load_workdir(path)
  elif path.is_file():
    trained = _load_file(path)
  else:
    raise WeightsError(f"{path}: no such weights file or training workdir")
  if family and trained.config.family != family:
    raise WeightsError(f"{path}: holds a {trained.config.family}; it must hold a {family}")
  return trained


def read_config(path: str | os.PathLike) -> ml_collections.FrozenConfigDict:
  """The training config in a weights file; the weights are not read.

  Raises:
    WeightsError: If the file cannot be used.
  """
  return _read(path, names=())[0]


def _load_file(path) -> Trained:
  config, flat = _read(path)
  variables = _rebuild(path, config, flat)
  return Trained(_arrays(variables), config)


def _arrays(variables) -> Variables:
  """The variables as JAX arrays, also if they are first loaded while JAX traces a function."""
  with jax.ensure_compile_time_eval():
    return jax.tree.map(jnp.asarray, variables)


def _read(path, names=None) -> tuple[ml_collections.FrozenConfigDict, dict[str, np.ndarray]]:
  """The config and the tensors {name: float32}: all of them, or those of some names."""
  try:
    with safetensors.safe_open(path, framework="numpy") as file:
      metadata = file.metadata() or {}
      names = file.keys() if names is None else names
      flat = {name: file.get_tensor(name).astype(np.float32) for name in names}
  except Exception as error:  # safetensors raises its own exceptions for damaged files.
    raise WeightsError(f"{path}: not a readable weights file ({error})") from error
  if metadata.get("format") != _FORMAT:
    raise WeightsError(
      f"{path}: a safetensors file of the format {metadata.get('format')!r}; it must be {_FORMAT!r}"
    )
  return ml_collections.FrozenConfigDict(json.loads(metadata["config"])), flat


def _rebuild(path, config, flat) -> dict[str, Any]:
  """The variables of the config's networks, out of tensors by name."""
  try:
    family = models.get(config.family)
    wanted = jax.eval_shape(lambda key: family.init(config, key), jax.random.key(0))
    wanted = {player: wanted[player] for player in models.exported_players(family)}
  except Exception as error:
    raise WeightsError(f"{path}: the networks cannot be built from its config ({error})") from error
  # Tensors are matched by the networks' own keys, because a key may contain a slash (those of
  # Flax's SpectralNorm do).
  keys = traverse_util.flatten_dict(wanted)
  shapes = {"/".join(key): leaf.shape for key, leaf in keys.items()}
  for name in sorted({*shapes, *flat}):
    theirs = flat[name].shape if name in flat else "absent"
    ours = shapes.get(name, "absent")
    if theirs != ours:
      raise WeightsError(f"{path}: has another architecture: {name} is {theirs}; it must be {ours}")
  return traverse_util.unflatten_dict({key: flat["/".join(key)] for key in keys})


def _load_workdir(path) -> Trained:
  if not (path / "config.json").is_file():
    raise WeightsError(f"{path}: no config.json there, so it is not a training workdir")
  from gan_restore.training.checkpoints import Checkpoints  # It imports Orbax, which is slow.

  config = training_config.read(path)
  try:
    checkpoints = Checkpoints(path, read_only=True)
  except ValueError as error:
    raise WeightsError(str(error)) from error
  restored = checkpoints.restore_newest(state_shapes(config))
  checkpoints.close()
  if restored is None:
    raise WeightsError(f"{path}: a training workdir without a checkpoint yet")
  return Trained(_arrays(restored[0].ema), ml_collections.FrozenConfigDict(config))


def init_from(state: TrainState, path: str | os.PathLike) -> TrainState:
  """Replaces the networks of a fresh state by those of a weights file or a training workdir.

  Args:
    state: The state of step 0.
    path: The path, as for `weights.load`. Players and layers that it does not hold stay unchanged.
      Players that the state does not have are not used.

  Returns:
    The state.

  Raises:
    WeightsError: If there are no weights.
    ValueError: If they have another architecture, or are of other players.
  """
  own = traverse_util.flatten_dict(state.variables)
  there = load(path).variables
  held = {player: x for player, x in there.items() if player in state.variables}
  if not held:
    raise ValueError(
      f"config.init_from is {path!r}, which holds {', '.join(there)}; it must hold one of"
      f" {', '.join(state.variables)}"
    )
  theirs = traverse_util.flatten_dict(held)
  for name, value in theirs.items():
    if name not in own or np.shape(own[name]) != np.shape(value):
      raise ValueError(f"config.init_from is {path!r}, whose {name[0]} has another architecture")
  variables = traverse_util.unflatten_dict(own | theirs)
  return dataclasses.replace(
    state, variables=variables, ema=jax.tree.map(jax.numpy.copy, variables)
  )
