"""What several commands share: options, and what they stand for."""

import argparse
import ast
import dataclasses
import functools
import inspect
import pathlib
import re
import runpy
import sys

import ml_collections

from gan_restore import restorers

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


def add_method(parser: argparse.ArgumentParser) -> None:
  """Adds --method, its options and --seed, for `method`."""
  parser.add_argument(
    "--method",
    default="denoiser",
    help=f"{', '.join(restorers.NAMES)}, or a weights file or training workdir (default denoiser)",
  )
  add_seed(parser)
  group = parser.add_argument_group("options of the methods that have them")
  group.add_argument("--steps", type=int)
  group.add_argument("--candidates", type=int, help="answers for each image")
  group.add_argument("--choice", help="among them: best or mean")
  group.add_argument("--lam", type=float, help="weight of the regulariser")
  group.add_argument("--p", type=float, help="exponent of the data term's norm")
  group.add_argument("--blend", help="poisson, paste or none")
  group.add_argument("--weighted", action="store_true", default=None, help="pixels near the hole")


def add_methods(parser: argparse.ArgumentParser, default: str, further: tuple = ()) -> None:
  """Adds --methods and --seed, for `methods`."""
  learned = f", or what is learned from the training images first: {', '.join(further)}"
  parser.add_argument(
    "--methods",
    default=default,
    help=f"by commas: {', '.join(restorers.NAMES)}, weights files or training workdirs"
    f"{learned if further else ''}; NAME:OPTION=VALUE, as map:candidates=8, sets an option",
  )
  add_seed(parser)


def add_seed(parser: argparse.ArgumentParser) -> None:
  """Adds --seed."""
  parser.add_argument("--seed", type=int, default=0, help="of masks, noise and draws")


def method(arguments: argparse.Namespace) -> restorers.Restorer:
  """The restorer that was asked for, with its options."""
  names = ("steps", "candidates", "choice", "lam", "p", "blend", "weighted")
  options = {name: getattr(arguments, name) for name in names}
  return _load(arguments.method, options, arguments.seed)


def methods(arguments: argparse.Namespace, further: tuple = ()) -> dict:
  """The restorers that were asked for, by what they were asked by; None for a `further` one."""
  found = {}
  for text in arguments.methods.split(","):
    name, *settings = re.split(r":(?=\w+=)", text)
    options = dict(map(_setting, settings))
    found[text] = None if text in further else _load(name, options, arguments.seed)
  return found


def _load(name: str, options: dict, seed: int) -> restorers.Restorer:
  """A restorer with options (None for its default) and, if it has one, a seed."""
  restorer = restorers.load(name)
  parameters = inspect.signature(restorer.function).parameters.values()
  known = {parameter.name for parameter in parameters if parameter.kind == parameter.KEYWORD_ONLY}
  options = {option: value for option, value in options.items() if value is not None}
  for option in options:
    if option not in known:
      raise ValueError(f"{option} is no option of the method {name}")
  if "seed" in known:
    options = {"seed": seed} | options
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
