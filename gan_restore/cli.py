"""The command line: `gan-restore COMMAND` (also `python -m gan_restore`); see `commands`."""

import argparse
import sys

from gan_restore.commands import ablation, app, compare_gans, demo, evaluate, mask_growth, restore

COMMANDS = (restore, evaluate, mask_growth, ablation, compare_gans, demo, app)


def main(argv: list[str] | None = None) -> int:
  """Runs a command and returns its exit status. Errors in the input are printed as one line."""
  arguments = parser().parse_args(argv)
  try:
    return arguments.run(arguments)
  except (ValueError, TypeError, OSError) as error:
    print(f"gan-restore: {error}", file=sys.stderr)
    return 2
  except KeyboardInterrupt:
    return 130


def parser() -> argparse.ArgumentParser:
  """All commands and their options."""
  result = argparse.ArgumentParser("gan-restore", description="Restores damaged face pictures.")
  commands = result.add_subparsers(required=True, metavar="COMMAND")
  for module in COMMANDS:
    module.add_parser(commands)
  return result
