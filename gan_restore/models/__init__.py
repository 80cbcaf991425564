"""The families: one module a paper, and what a trained family is.

A family is a module of pure functions that satisfies the protocol `Family`; that is all that
training, the hub and the commands know of it. A new one is a file here and a config.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast, runtime_checkable

import flax
import jax
import ml_collections
import numpy as np
import optax

from gan_restore.restorers.result import Result

Variables = dict[str, Any]  # {player: {"params": ..., "batch_stats": ...}}
Config = ml_collections.ConfigDict  # Frozen or not.
Losses = tuple[dict[str, jax.Array], tuple[Variables, dict[str, jax.Array]]]
Requirement = tuple[Callable[[Any], bool], str]  # (holds, what the value must be)


@flax.struct.dataclass
class Trained:
  """A trained family: what a weights file or a training workdir holds. A pytree.

  Attributes:
    variables: {player: {"params": ..., "batch_stats": ...}}, of a weights file of the players that
      restore.
    config: The training config, frozen (and so hashable: it is static under jit).
  """

  variables: Variables
  config: ml_collections.FrozenConfigDict = flax.struct.field(pytree_node=False)

  @property
  def family(self) -> "Family":
    """The family's module."""
    return get(self.config.family)

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """(S, S, C) of its images."""
    return self.config.image_size, self.config.image_size, self.config.channels


class Family(Protocol):
  """What every family has.

  A family may also have `TASK`, the one kind of damage that it restores, by its name in `tasks`
  (without it, it restores any; see `task`), and `EXPORTED`, the players that restore (without it,
  all of them; see `exported_players`). Its functions may be those of `WithOptimizer` and
  `WithClassifier` too.

  Attributes:
    PLAYERS: Names of its networks, each of which has a loss of its own.
    CURVES: {metric: title}: the curves by which variants of it are compared.
    REQUIREMENTS: {field of its configs: (holds, what it must be)}.
  """

  PLAYERS: tuple[str, ...]
  CURVES: dict[str, str]
  REQUIREMENTS: dict[str, Requirement]

  def init(self, config: Any, key: jax.Array) -> Variables:
    """Makes the initial variables of each player.

    Args:
      config: The run's.
      key: A random key.

    Returns:
      {player: {"params": ..., "batch_stats": ...}}.
    """

  def active_players(self, config: Any, step: int) -> tuple[str, ...]:
    """The players that learn at a step of the run of `config`."""

  def compute_losses(
    self, config: Any, variables: Variables, batch: dict, key: jax.Array, active: tuple[str, ...]
  ) -> tuple[dict[str, jax.Array], tuple[Variables, dict[str, jax.Array]]]:
    """The losses of the active players on one batch.

    Args:
      config: The run's.
      variables: Of each player.
      batch: `image` [N, S, S, C] in [-1, 1]; `label` [N] or [N, classes], where the set has labels.
      key: A random key of this step and device.
      active: From `active_players`.

    Returns:
      ({player: loss}, (new batch statistics {player: ...}, further metrics {name: value})).
    """

  def samples(self, trained: Trained, batch: dict, key: jax.Array) -> jax.Array:
    """Makes the images of the grid that training writes.

    Args:
      trained: The networks so far, with averaged weights.
      batch: As in `compute_losses`, at most 64 images.
      key: A random key, the same for every grid.

    Returns:
      Images [M, S, S, C] in [0, 1].
    """

  def evaluate(self, trained: Trained, source: Any, n: int = ...) -> Iterator[tuple[str, float]]:
    """Scores the networks.

    Args:
      trained: The networks.
      source: From `data.load`.
      n: At most this many images.

    Yields:
      (name, value). The checkpoint whose first value is the largest is the best one.
    """

  def restore(
    self, trained: Trained, y: jax.Array | np.ndarray, A: Callable, **options: Any
  ) -> Result:
    """Restores images.

    Args:
      trained: The networks.
      y: The damaged images [N, ...].
      A: The damage.
      **options: The family's own. Those that are numbers, truth values or names can be given on the
        command line too.

    Returns:
      A `Result`.

    Raises:
      UnsupportedOperatorError: If the family does not restore this kind of damage.
      ValueError: If y, A or an option is impossible.
    """


@runtime_checkable
class WithOptimizer(Protocol):
  """A family whose optimiser is not Adam."""

  def optimizer(self, config: Any, player: str) -> optax.GradientTransformation:
    """The optimiser of a player in the run of `config`."""


@runtime_checkable
class WithClassifier(Protocol):
  """A family with a network that classifies images."""

  def classify(self, trained: Trained, x: jax.Array) -> jax.Array:
    """Logits [N, classes] of images x [N, S, S, C] in [0, 1], by the networks of `trained`."""


def names() -> list[str]:
  """The names of all families."""
  return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg)


def get(name: str) -> Family:
  """The family of this name.

  Raises:
    ValueError: If there is none.
  """
  if name not in names():
    raise ValueError(f"unknown family {name!r}; there are: {', '.join(names())}")
  return cast(Family, importlib.import_module(f"{__name__}.{name}"))


def task(family: Family) -> str | None:
  """The one kind of damage that a family restores.

  Args:
    family: The family.

  Returns:
    The kind's name in `tasks.ALL`, or None if the family restores any damage.
  """
  return getattr(family, "TASK", None)


def exported_players(family: Family) -> tuple[str, ...]:
  """The players of a family that a weights file holds: those that restore. The others are needed in
  training only."""
  return getattr(family, "EXPORTED", family.PLAYERS)
