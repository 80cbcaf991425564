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
import optax

from gan_restore.restorers.result import Result

Variables = dict[str, Any]  # {player: {"params": ..., "batch_stats": ...}}
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

  Attributes:
    PLAYERS: Names of its networks, each of which has a loss of its own.
    CURVES: {metric: title}: the curves by which variants of it are compared.
    REQUIREMENTS: {field of its configs: (holds, what it must be)}.
  """

  PLAYERS: tuple[str, ...]
  CURVES: dict[str, str]
  REQUIREMENTS: dict[str, Requirement]

  def init(self, config: Any, key: jax.Array) -> Variables:
    """Fresh variables of each player."""

  def active_players(self, config: Any, step: int) -> tuple[str, ...]:
    """The players that learn at a step."""

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
    """Images [M, S, S, C] in [0, 1] for the grids that training writes."""

  def evaluate(self, trained: Trained, source: Any, n: int = ...) -> Iterator[tuple[str, float]]:
    """Yields (name, value), of the first n images of `source`; the best checkpoint is the one with
    the largest first value."""

  def restore(self, trained: Trained, y: jax.Array, A: Callable, **options: Any) -> Result:
    """The family as a restorer; its keyword arguments are its options."""


@runtime_checkable
class WithOptimizer(Protocol):
  """A family whose optimiser is not Adam."""

  def optimizer(self, config: Any, player: str) -> optax.GradientTransformation:
    """A player's optimiser."""


@runtime_checkable
class WithClassifier(Protocol):
  """A family with a network that classifies images."""

  def classify(self, trained: Trained, x: jax.Array) -> jax.Array:
    """Logits [N, classes] of images [N, S, S, C] in [0, 1]."""


def names() -> list[str]:
  """All families."""
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
  """The one kind of damage that a family restores, by its name in `tasks`, or None for any."""
  return getattr(family, "TASK", None)


def exported_players(family: Family) -> tuple[str, ...]:
  """The players that restore, which a weights file holds; others helped in training alone."""
  return getattr(family, "EXPORTED", family.PLAYERS)
