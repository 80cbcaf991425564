"""Trains a run, or scores its checkpoints and exports the best.

  python -m gan_restore.main --config=configs/dcgan.py --workdir=runs/dcgan
  python -m gan_restore.main --config=configs/dcgan.py --workdir=runs/dcgan --mode=evaluate

On several machines, start it on each of them. Where JAX detects the cluster (Slurm, TPU pods,
Kubernetes), pass --coordinator=auto; elsewhere, --coordinator=HOST:PORT --num_processes=N
--process_id=I.
"""

import signal
import sys

import jax
from absl import app, flags
from ml_collections import config_flags

from gan_restore.commands import cache, options
from gan_restore.training import host, loop, selection

_CONFIG = config_flags.DEFINE_config_file("config", None, "A file in configs/.", lock_config=True)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run.")
_MODE = flags.DEFINE_enum("mode", "train", ["train", "evaluate"], "What to do.")
_COORDINATOR = flags.DEFINE_string("coordinator", None, "HOST:PORT of process 0, or auto.")
_NUM_PROCESSES = flags.DEFINE_integer("num_processes", None, "Number of processes.")
_PROCESS_ID = flags.DEFINE_integer("process_id", None, "Index of this process, from 0.")
flags.mark_flags_as_required(["config", "workdir"])


def run(argv: list[str]) -> None:
  """Trains or evaluates. Errors in the input are printed as one line. The exit status of a training
  that SIGTERM has ended is 143."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected arguments: {argv[1:]}")
  options.quiet_logs()
  host.keep_memory()
  cache.enable()
  if not _COORDINATOR.value:
    host.use_cores(_CONFIG.value.batch_size)
  elif _COORDINATOR.value == "auto":
    jax.distributed.initialize()
  else:
    jax.distributed.initialize(_COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value)
  assert _WORKDIR.value  # absl requires it.
  try:
    if _MODE.value == "evaluate":
      selection.export_best(_CONFIG.value, _WORKDIR.value)
    elif loop.train(_CONFIG.value, _WORKDIR.value).step < _CONFIG.value.steps:
      sys.exit(128 + signal.SIGTERM)  # What follows in a chain of commands must not begin.
  except (ValueError, FloatingPointError, OSError) as error:
    sys.exit(f"gan_restore: {error}")


def _locate(argument):
  flag, equals, path = argument.partition("=")
  if flag.lstrip("-") != "config" or not equals:
    return argument
  path, colon, variant = path.partition(":")
  return f"{flag}={options.locate(path)}{colon}{variant}"


def parse(argv: list[str]) -> list[str]:
  """absl's parser. It finds configs in the checkout and installed ones, and prints an invalid
  config as one line."""
  try:
    return app.parse_flags_with_usage([_locate(argument) for argument in argv])
  except ValueError as error:
    sys.exit(f"gan_restore: {error}")
  except (AttributeError, KeyError) as error:  # From ml_collections' locked config.
    words = str(error.args[0]).encode().decode("unicode_escape").split()
    sys.exit(f"gan_restore: unknown config field: {' '.join(words)}")


if __name__ == "__main__":
  app.run(run, flags_parser=parse)
