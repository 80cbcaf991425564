"""The families: one module a paper.

A family is a module of pure functions, which is all that `train.py` knows of it:

  PLAYERS                                    names of its networks
  CURVES                                     {metric: title}: what variants are compared by
  REQUIREMENTS                               {field of its configs: (holds, what it must be)}
  init(config, key)                          {player: variables}
  learning(config, step)                     the players that learn at a step
  play(config, variables, batch, key, learning)
                                             ({player: loss}, (batch statistics, metrics))
  samples(config, variables, batch, key)     images in [0, 1] for the grids of a run
  evaluate(config, variables, source)        yields (name, value); the first decides which is best
  restore(trained, y, A, **options)          a `Result`: the family as a restorer

and, where it is not Adam,

  optimizer(config, player)                  an optax transformation

and, where it restores one kind of damage alone,

  TASK                                       its name in `tasks`

and, where the latent search begins with an encoder's answer,

  encode(config, variables, x)               latents of images in [0, 1]

and, where others helped in training alone,

  EXPORTED                                   the players that restore: a weights file holds these
"""

import importlib
import pkgutil
import types


def names() -> list[str]:
  """All families."""
  return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get(name: str) -> types.ModuleType:
  """The family of this name.

  Raises:
    ValueError: If there is none.
  """
  if name not in names():
    raise ValueError(f"unknown family {name!r}; there are: {', '.join(names())}")
  return importlib.import_module(f"{__name__}.{name}")
