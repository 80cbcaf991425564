"""gan_restore: restoring damaged images with generative adversarial networks, in JAX and Flax."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from gan_restore import photos
  from gan_restore.degradations import masks, operators, tasks
  from gan_restore.evaluation import metrics
  from gan_restore.hub import load, load_prior, restore
  from gan_restore.restorers.result import Result

__version__ = "0.2.0"
__all__ = [
  "Result", "load", "load_prior", "masks", "metrics", "operators", "photos", "restore", "tasks"
]  # fmt: skip

# The module of each public name. It is imported when the name is first used, so that a command
# imports only what it needs.
_MODULES = {
  "Result": "gan_restore.restorers.result",
  "load": "gan_restore.hub",
  "load_prior": "gan_restore.hub",
  "masks": "gan_restore.degradations",
  "metrics": "gan_restore.evaluation",
  "operators": "gan_restore.degradations",
  "photos": "gan_restore",
  "restore": "gan_restore.hub",
  "tasks": "gan_restore.degradations",
}


def __getattr__(name: str) -> Any:
  if name not in _MODULES:
    raise AttributeError(f"module 'gan_restore' has no attribute {name!r}")
  module = importlib.import_module(_MODULES[name])
  if name in vars(module):
    return vars(module)[name]
  return importlib.import_module(f"{_MODULES[name]}.{name}")


def __dir__() -> list[str]:
  return sorted({*globals(), *__all__})
