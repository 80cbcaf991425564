"""The families, one module for each paper, and the class of a trained family.

A family is a module of pure functions that satisfies the protocol `Family`. Training, the hub and
the commands use only this protocol. To add a family, add one file here and one config.
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
Requirement = tuple[Callable[[Any], bool], str]  # (test, what the value must be)

POSITIVE: Requirement = (lambda v: v > 0, "> 0")
COUNT: Requirement = (lambda v: v >= 1, "a whole number >= 1")
COUNT_OR_0: Requirement = (lambda v: v >= 0, "a whole number >= 0")
SHARE: Requirement = (lambda v: 0 <= v <= 1, "between 0 and 1")
RANGE: Requirement = (
  lambda v: len(v) == 2 and 0 < v[0] <= v[1],
  "two numbers above 0, the smaller first",
)


@flax.struct.dataclass
class Trained:
  """A trained family: what a weights file or a training workdir holds. A pytree.

  Attributes:
    variables: {player: {"params": ..., "batch_stats": ...}}; a weights file holds only the players
      that restoration needs.
    config: The training config, frozen (and so hashable: it is static under jit).
  """

  variables: Variables
  config: ml_collections.FrozenConfigDict = flax.struct.field(pytree_node=False)

  @property
  def family(self) -> "Family":
    """The family's module."""
    return get(self.config.family)

  @property
  def any_size(self) -> bool:
    """Whether it restores images of any height and width."""
    return getattr(self.family, "any_size", lambda config: False)(self.config)

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """(S, S, C) of its training images."""
    return self.config.image_size, self.config.image_size, self.config.channels


class Family(Protocol):
  """The attributes and functions of every family.

  A family may also have `TASK`, the name in `tasks` of the only kind of damage that it restores
  (without it, it restores any damage; see `task`), `RESTORES`, which is False if it restores
  nothing (see `restores`), `any_size`, a function of the config that says whether it restores
  images of any size (without it, only those of the config), and `EXPORTED`, the players that
  restoration needs (without it, all of them; see `exported_players`), and `needs_weights`, a
  function of the config that says whether a training must begin with trained weights,
  `config.init_from`, because a part of the networks does not learn (without it, none must). It may
  also have the functions of `WithOptimizer` and `WithClassifier`.

  Attributes:
    PLAYERS: Names of its networks, each of which has its own loss.
    CURVES: {metric: title} of the curves by which its variants are compared.
    REQUIREMENTS: {field of its configs: (test, what the value must be)}.
  """

  PLAYERS: tuple[str, ...]
  CURVES: dict[str, str]
  REQUIREMENTS: dict[str, Requirement]

  def init(self, config: Any, key: jax.Array) -> Variables:
    """Makes the initial variables of each player.

    Args:
      config: The run's config.
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
      config: The run's config.
      variables: The variables of each player.
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
      n: Maximum number of images.

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
      **options: The family's own. Those that are numbers, booleans or strings can also be given on
        the command line.

    Returns:
      A `Result`.

    Raises:
      UnsupportedOperatorError: If the family does not restore this kind of damage.
      ValueError: If y does not match A, or an option is out of range.
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
    ValueError: If the name is unknown.
  """
  if name not in names():
    raise ValueError(f"unknown family {name!r}; there are: {', '.join(names())}")
  return cast(Family, importlib.import_module(f"{__name__}.{name}"))


def task(family: Family) -> str | None:
  """The only kind of damage that a family restores.

  Args:
    family: The family.

  Returns:
    The kind's name in `tasks.ALL`, or None if the family restores any damage.
  """
  return getattr(family, "TASK", None)


def restores(family: Family) -> bool:
  """Whether a family restores images. The others classify images, embed faces or find
  damage."""
  return getattr(family, "RESTORES", True)


def needs_weights(config: Any) -> bool:
  """Whether a training must begin with trained weights, `config.init_from`."""
  return getattr(get(config.family), "needs_weights", lambda config: False)(config)


def exported_players(family: Family) -> tuple[str, ...]:
  """The players of a family that a weights file holds: those that restoration needs. The others are
  used only in training."""
  return getattr(family, "EXPORTED", family.PLAYERS)
