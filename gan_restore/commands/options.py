"""What several commands share: options, and what they stand for."""

import argparse
import ast
import dataclasses
import functools
import inspect
import pathlib
import runpy
import sys

import ml_collections

from gan_restore import restorers

NAMES = ("steps", "candidates", "choice", "lam", "p", "blend", "weighted", "seed")  # Of methods.
SHAPE = (64, 64, 3)  # Of what is restored by a method that is for any shape.


def add_set(parser: argparse.ArgumentParser) -> None:
  """Adds --set, for `configure`."""
  parser.add_argument(
    "--set",
    action="append",
    default=[],
    metavar="FIELD=VALUE",
    help="another value of a config's field, the same for all runs; may be repeated",
  )


def add_method(parser: argparse.ArgumentParser, default: str) -> None:
  """Adds --method and the options of methods, for `load`."""
  parser.add_argument(
    "--method",
    default=default,
    help=f"{', '.join(restorers.NAMES)}, or a weights file or training workdir (default map)",
  )
  add_search(parser)


def add_search(parser: argparse.ArgumentParser) -> None:
  """Adds the options of methods."""
  group = parser.add_argument_group("options of the methods that have them, all of them map")
  group.add_argument("--steps", type=int)
  group.add_argument("--candidates", type=int, help="answers for each image")
  group.add_argument("--choice", help="among them: best or mean")
  group.add_argument("--lam", type=float, help="weight of the regulariser")
  group.add_argument("--p", type=float, help="exponent of the data term's norm")
  group.add_argument("--blend", help="poisson, paste or none")
  group.add_argument("--weighted", action="store_true", default=None, help="pixels near the hole")
  group.add_argument("--seed", type=int, default=0, help="of latents, masks and noise")


def load(method: str, arguments: argparse.Namespace, refuse: bool = True) -> restorers.Restorer:
  """The restorer with the options that were given; one it does not take is refused, or left out."""
  restorer = restorers.load(method)
  parameters = inspect.signature(restorer.function).parameters.values()
  anything = any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters)
  options = {}
  for name in NAMES:
    value = getattr(arguments, name)
    if value is None:
      continue
    if anything or name in {parameter.name for parameter in parameters}:
      options[name] = value
    elif refuse and name != "seed":  # The seed is also that of masks and noise.
      raise ValueError(f"--{name} is not for method {method}")
  function = functools.partial(restorer.function, **options)
  return dataclasses.replace(restorer, function=function)


def agreed(methods: dict, field: str, default):
  """The one value of a field that the methods have, or the default if none of them has one."""
  values = {name: getattr(method, field, None) for name, method in methods.items()}
  values = {name: value for name, value in values.items() if value is not None}
  if len(set(values.values())) > 1:
    listed = ", ".join(f"{name} {value}" for name, value in values.items())
    raise ValueError(f"the methods cannot be compared, their {field}s differ: {listed}")
  return next(iter(values.values()), default)


def script(path: str) -> dict:
  """What a config file defines. Config files import each other as `configs.NAME`."""
  root = str(pathlib.Path(path).resolve().parent.parent)
  if root not in sys.path:
    sys.path.append(root)
  return runpy.run_path(path)


def configure(config: ml_collections.ConfigDict, settings: list[str], **fields) -> None:
  """Sets fields of a config: those of --set, and those that are not None."""
  values = {name: value for name, value in fields.items() if value is not None}
  for name, value in {**dict(map(_setting, settings)), **values}.items():
    if name not in config:
      raise ValueError(f"--set {name}: the config has no such field")
    config[name] = value


def _setting(text: str) -> tuple[str, object]:
  """FIELD=VALUE, the value a number or a truth value if it reads as one, else a string."""
  name, equals, value = text.partition("=")
  if not equals:
    raise ValueError(f"--set {text}: wanted FIELD=VALUE")
  try:
    return name, ast.literal_eval(value)
  except (ValueError, SyntaxError):
    return name, value
