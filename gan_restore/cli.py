"""The command line: `gan-restore COMMAND` (also `python -m gan_restore`); see `commands`."""

import argparse
import importlib
import sys
from types import ModuleType

import gan_restore

COMMANDS = {
  "restore": "restore pictures",
  "evaluate": "score restorers",
  "mask-growth": "measure quality as the hole grows",
  "ablation": "compare variants of a system",
  "compare-gans": "compare GANs on coarse images (table 1 of the ResGAN paper)",
  "demo": "restore a portrait with the five damages of the MAP paper",
  "app": "start the web page",
}


def main(argv: list[str] | None = None) -> int:
  """Runs a command.

  Args:
    argv: The arguments; those of the process by default.

  Returns:
    The exit status. An error in the user's input is printed as one line, and the status is 2.
  """
  argv = sys.argv[1:] if argv is None else argv
  command = argv[0] if argv else ""
  try:
    arguments, unknown = parser(command).parse_known_args(argv)
    if unknown:
      known = command if command in COMMANDS else ""
      name = " ".join(filter(None, ["gan-restore", known]))
      raise ValueError(f"{name} has no argument {unknown[0]}; see `{name} --help`")
    from gan_restore.commands import cache, options  # They import JAX; `--help` does not need it.

    cache.enable()
    options.quiet_logs()
    return _module(command).run(arguments)
  except (ValueError, TypeError, FloatingPointError, OSError) as error:
    from gan_restore.degradations import checks

    print(f"gan-restore: {checks.sentence(error)}", file=sys.stderr)
    return 2
  except KeyboardInterrupt:
    return 130


def parser(command: str = "") -> argparse.ArgumentParser:
  """The parser of all commands.

  Args:
    command: The command whose arguments are added. Only its module is imported, so that the list of
      commands appears at once.

  Returns:
    The parser.
  """
  result = argparse.ArgumentParser(
    "gan-restore",
    description="Restores damaged pictures.",
    epilog="To train, see python -m gan_restore.main --help.",
  )
  result.add_argument("--version", action="version", version=gan_restore.__version__)
  commands = result.add_subparsers(required=True, metavar="COMMAND")
  for name, text in COMMANDS.items():
    own = commands.add_parser(name, help=text)
    if name == command:
      module = _module(name)
      own.description = module.run.__doc__
      module.add_arguments(own)
  return result


def _module(command: str) -> ModuleType:
  return importlib.import_module(f"gan_restore.commands.{command.replace('-', '_')}")
