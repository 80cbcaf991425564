"""Options that several commands share."""

import argparse
import ast
import dataclasses
import functools
import inspect
import logging
import pathlib
import re
import runpy
from typing import Any

import ml_collections

import gan_restore.configs as configs
from gan_restore import hub

_SYNTAX = (
  "NAME:OPTION=VALUE:... sets options, such as denoiser:num_samples=8:choice=mean; the message"
  " about an unknown option lists those of the method"
)


def add_set(parser: argparse.ArgumentParser) -> None:
  """Adds --set, for `configure`."""
  parser.add_argument(
    "--set",
    action="append",
    default=[],
    metavar="FIELD=VALUE",
    help="sets a field of the config in all runs; may be repeated",
  )


def add_method(parser: argparse.ArgumentParser, default: str | None = hub.FACES) -> None:
  """Adds --method and --seed, for `method`."""
  which = default or f"{hub.PICTURES} for whole pictures, {hub.FACES} for squares"
  parser.add_argument(
    "--method",
    default=default,
    help=f"{', '.join(hub.NAMES)}, or a weights file or training workdir (default {which});"
    f" {_SYNTAX}",
  )
  add_seed(parser)


def add_methods(parser: argparse.ArgumentParser, default: str, further: tuple = ()) -> None:
  """Adds --methods and --seed, for `methods`."""
  fitted = f", or baselines that are first fitted to the training images: {', '.join(further)}"
  parser.add_argument(
    "--methods",
    default=default,
    help=f"methods, separated by commas: {', '.join(hub.NAMES)}, weights files or training workdirs"
    f"{fitted if further else ''} (default {default}); {_SYNTAX}",
  )
  add_seed(parser)


def add_seed(parser: argparse.ArgumentParser) -> None:
  """Adds --seed."""
  parser.add_argument("--seed", type=int, default=0, help="random seed of masks, noise and samples")


def add_limit(parser: argparse.ArgumentParser, default: int) -> None:
  """Adds --limit, a whole number above 0."""
  parser.add_argument(
    "--limit", type=_count, default=default, help=f"maximum number of images (default {default})"
  )


def _count(text: str) -> int:
  if not text.isdecimal() or int(text) < 1:
    raise argparse.ArgumentTypeError(f"it is {text}; it must be a whole number above 0")
  return int(text)


def method(text: str, seed: int = 0) -> hub.Restorer:
  """The restorer for `NAME:OPTION=VALUE:...`. If it has an option `seed`, `seed` is its default.

  Raises:
    ValueError: If the name is unknown, it has no such option, or a value has another type.
  """
  name, *settings = re.split(r":(?=\w+=)", text)
  options = dict(map(_setting, settings))
  restorer = hub.load(name)
  known = _options(restorer.function)
  for option, value in options.items():
    if option not in known:
      has = f"its options are {', '.join(known)}" if known else "it has no options"
      raise ValueError(f"the method {name} has no option {option}; {has}")
    if known[option] is bool and not isinstance(value, bool):
      raise ValueError(f"{option} is {value!r}; it must be true or false")
    if known[option] in (int, float) and isinstance(value, bool | str):
      raise ValueError(f"{option} is {value!r}; it must be a number")
  if "seed" in known:
    options = {"seed": seed} | options
  function = functools.partial(restorer.function, **options)
  return dataclasses.replace(restorer, function=function)


def _options(function) -> dict[str, type]:
  """{name: type} of a restorer's options that are a number, a boolean or a string."""
  signature = inspect.signature(function)
  found: dict[str, type] = {}
  for name, parameter in signature.parameters.items():
    optional: dict[Any, type] = {float | None: float, int | None: int}
    kind = optional.get(parameter.annotation, type(parameter.default))
    if parameter.kind == parameter.KEYWORD_ONLY and kind in (int, float, bool, str):
      found[name] = kind
  return found


def methods(text: str, seed: int = 0, further: tuple = ()) -> dict[str, Any]:
  """{text: restorer} for a list separated by commas; None for the names in `further`."""
  return {one: None if one in further else method(one, seed) for one in text.split(",")}


def agreed(methods: dict[str, Any], field: str, default: Any) -> Any:
  """The value of a field on which the methods agree, or the default if no method has one.

  Raises:
    ValueError: If they differ.
  """
  values = {name: getattr(method, field, None) for name, method in methods.items()}
  values = {name: value for name, value in values.items() if value is not None}
  if len(set(values.values())) > 1:
    listed = ", ".join(f"{name} {value}" for name, value in values.items())
    raise ValueError(f"the methods cannot be compared, their {field}s differ: {listed}")
  return next(iter(values.values()), default)


def script(path: str) -> dict[str, Any]:
  """{name: value} of everything that a config file at `path` defines.

  Raises:
    ValueError: If there is no such file, or it does not define `get_config`.
  """
  found = runpy.run_path(locate(path))
  if "get_config" not in found:
    raise ValueError(f"{path}: the file does not define get_config, so it is not a config file")
  return found


def locate(path: str) -> str:
  """The path of a config file. If `configs/NAME.py` does not exist, it is the path of the installed
  config of this name; so is a NAME alone.

  Raises:
    ValueError: If there is no such file.

  Examples:
    >>> locate("configs/cdcgan.py").endswith("cdcgan.py")
    True
    >>> locate("cdcgan").endswith("cdcgan.py")
    True
  """
  file = pathlib.Path(path)
  if not file.is_file() and file.parts[:1] == ("configs",):
    file = pathlib.Path(configs.__path__[0], *file.parts[1:])
  elif not file.suffix:
    file = pathlib.Path(configs.__path__[0], f"{file}.py")
  if not file.is_file():
    raise ValueError(f"{path}: no such config file")
  return str(file)


def integers(text: str) -> list[int]:
  """The numbers of a list that is separated by commas.

  Raises:
    argparse.ArgumentTypeError: If one of them is not a whole number.
  """
  try:
    return [int(number) for number in text.split(",")]
  except ValueError:
    raise argparse.ArgumentTypeError(
      f"{text!r}; it must be whole numbers separated by commas"
    ) from None


def quiet_logs() -> None:
  """Shows the log messages of this package, and only the errors of the packages that it uses."""
  package = str(pathlib.Path(__file__).parent.parent)
  logger = logging.getLogger("absl")
  logger.addFilter(lambda record: record.levelno >= 40 or record.pathname.startswith(package))
  logging.getLogger("jax").setLevel(logging.ERROR)


def configure(config: ml_collections.ConfigDict, settings: list[str], **fields: Any) -> None:
  """Sets fields of a config: those of --set, and those that are not None.

  Raises:
    ValueError: If the config has no such field, or the value has another type.
  """
  values = {name: value for name, value in fields.items() if value is not None}
  for name, value in {**dict(map(_setting, settings)), **values}.items():
    if name not in config:
      raise ValueError(f"{name}={value!r}: the config has no field {name}")
    try:
      config[name] = value
    except TypeError as error:
      raise ValueError(f"{name}={value!r}: {error}") from error


def _setting(text: str) -> tuple[str, Any]:
  """Splits FIELD=VALUE. VALUE is parsed as a boolean or a Python literal; otherwise it is text."""
  name, equals, value = text.partition("=")
  if not equals:
    raise ValueError(f"{text}: it must be FIELD=VALUE")
  if value.lower() in ("true", "false"):
    return name, value.lower() == "true"
  try:
    return name, ast.literal_eval(value)
  except (ValueError, SyntaxError):
    return name, value
