"""`gan-restore evaluate`."""

import functools
import json
import pathlib

import numpy as np

from gan_restore import data, evaluation, masks, restorers, tasks
from gan_restore.commands import options


def add_parser(commands) -> None:
  """Adds the command."""
  p = commands.add_parser("evaluate", help="score restorers", description=run.__doc__)
  p.add_argument(
    "--methods",
    default="damaged,map",
    help="names (and mean, the mean training image) or weights files, by commas",
  )
  p.add_argument("--tasks", default=",".join(tasks.NAMES), help="by commas")
  p.add_argument("--dataset", required=True, help="a TFDS name, folder:PATH or toy_faces")
  p.add_argument("--data-dir", help="where TFDS keeps prepared sets")
  p.add_argument("--split", default="test", choices=("train", "validation", "test"))
  p.add_argument("--limit", type=int, default=64, help="images at most (default 64)")
  p.add_argument("--mask", default="center", help=masks.HELP)
  p.add_argument("--json", type=pathlib.Path, help="write the scores there too")
  options.add_search(p)
  p.set_defaults(run=run)


def run(arguments) -> int:
  """Scores restorers on tasks and prints the means as a Markdown table."""
  methods = {
    name: None if name == "mean" else options.load(name, arguments, refuse=False)
    for name in arguments.methods.split(",")
  }
  size = options.agreed(methods, "shape", options.SHAPE)[0]
  factor = options.agreed(methods, "factor", None)
  source = data.load(arguments.dataset, arguments.split, size, arguments.data_dir)
  if "mean" in methods:
    mean = _mean_image(arguments, size)
    methods["mean"] = functools.partial(restorers.classical.mean, image=mean)
  rows = []
  for name in arguments.tasks.split(","):
    task = tasks.get(name, mask=arguments.mask, factor=factor)
    for method, restorer in methods.items():
      try:
        scores = evaluation.evaluate(
          restorer, task, source, limit=arguments.limit, seed=arguments.seed
        )
        rows += [{"task": name, "method": method, **row} for row in evaluation.rows(scores)]
      except restorers.classical.UnsupportedOperatorError:
        continue
  print(evaluation.markdown(rows))
  if arguments.json:
    arguments.json.write_text(json.dumps(rows, indent=2) + "\n")
  return 0


def _mean_image(arguments, size) -> np.ndarray:
  """The mean [S, S, C] in [0, 1] of the training images, of 10,000 at most."""
  source = data.load(arguments.dataset, "train", size, arguments.data_dir)
  count = min(len(source), 10_000)
  return sum(source[i]["image"].astype(np.float64) for i in range(count)) / (255 * count)
