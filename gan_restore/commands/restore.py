"""`gan-restore restore`."""

import argparse
import pathlib
import sys

from tqdm import tqdm

from gan_restore import hub
from gan_restore.commands import options
from gan_restore.degradations import masks, tasks
from gan_restore.evaluation import reports
from gan_restore.photos import crops, restoration


def add_arguments(p: argparse.ArgumentParser) -> None:
  """Adds the arguments of the command to its parser `p`."""
  p.add_argument("inputs", nargs="+", metavar="INPUT", help="files, folders or globs")
  p.add_argument(
    "--task",
    help=f"{tasks.HELP}; jpeg:auto with the file's own tables; auto for the damage that is"
    " detected in each file: these tables, transparent pixels, noise (default: inpaint if --mask is"
    " given; otherwise the task of the method, if it supports only one)",
  )
  p.add_argument("--out", required=True, type=pathlib.Path, metavar="DIR")
  p.add_argument(
    "--mask",
    metavar="FILE|KIND",
    help=f"for inpaint: a picture, white where pixels are missing, or {masks.HELP}",
  )
  p.add_argument(
    "--crop",
    choices=crops.CROPS,
    help="what to restore: the whole picture at its own size (default, if the method restores any"
    " size), or a square that is resampled: the centre, or the largest frontal face",
  )
  p.add_argument(
    "--size",
    type=int,
    metavar="PIXELS",
    help="side of the squares of --crop center and face (default: the method's, or 64)",
  )
  p.add_argument(
    "--simulate",
    action="store_true",
    help="the pictures are clean: damage them first, and score the restorations",
  )
  p.add_argument(
    "--spread",
    action="store_true",
    help="also write DIR/spread/NAME.png, a picture of the standard deviation of the samples; white"
    f" is {restoration.WHITE} or more",
  )
  p.add_argument("--overwrite", action="store_true", help="replace existing files")
  options.add_method(p, default=None)


def run(arguments: argparse.Namespace) -> int:
  """Restores pictures and writes one PNG for each, and a sheet of damaged and restored ones."""
  squares = arguments.crop in ("center", "face") and arguments.size in (None, 64)
  method = arguments.method or (hub.FACES if squares else hub.PICTURES)
  restorer = options.method(method, arguments.seed)
  task = arguments.task or ("inpaint" if arguments.mask else restorer.task)
  if not task:
    raise ValueError(f"--task is missing; it must be given for the method {method}: {tasks.HELP}")
  task = tasks.with_factor(task, restorer.factor)
  damage = restoration.Damage(task, arguments.mask, arguments.simulate, arguments.seed)
  scores, failures, restored = restoration.restore_files(
    restorer,
    damage,
    arguments.inputs,
    arguments.out,
    crop=arguments.crop,
    size=arguments.size,
    spread=arguments.spread,
    overwrite=arguments.overwrite,
    say=tqdm.write,
  )
  if scores:
    print(reports.markdown([{"image": pathlib.Path(p).name, **s} for p, s in scores.items()]))
  if restored:
    print(f"Wrote {restored} restored pictures and a sheet to {arguments.out}")
  if failures:
    print(f"{len(failures)} of {len(failures) + restored} failed:", file=sys.stderr)
    print("\n".join(f"  {failure}" for failure in failures), file=sys.stderr)
  return 1 if failures else 0
