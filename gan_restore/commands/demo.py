"""`gan-restore demo`."""

import argparse
import pathlib

import numpy as np
from PIL import Image

from gan_restore.commands import options
from gan_restore.degradations import operators, tasks
from gan_restore.evaluation import figures, reports, scoring
from gan_restore.photos import crops, restoration

_FACE = (156, 42, 285, 171)  # The face of the portrait.


def add_arguments(p: argparse.ArgumentParser) -> None:
  """Adds the arguments of the command to its parser `p`."""
  p.add_argument(
    "--out",
    type=pathlib.Path,
    default=pathlib.Path("out/demo"),
    metavar="DIR",
    help="folder for the results (default out/demo)",
  )
  options.add_method(p)


def run(arguments: argparse.Namespace) -> int:
  """Damages the public-domain portrait of scikit-image in five ways, restores it from each damage
  that the method restores, and draws one picture: original, damaged, restored, and a sample if the
  method draws samples."""
  from skimage import data as skimage_data  # Slow to import.

  portrait = Image.fromarray(skimage_data.astronaut())
  restorer = options.method(arguments.method, arguments.seed)
  shape = (*(restorer.size or restoration.SIZE), restorer.channels or 3)
  x = crops.crop_picture(portrait, shape[:2], shape[2], _FACE)[None]
  rows, table = [], []
  for name in tasks.NAMES:
    y, A = scoring.damage(tasks.get(name), x, 0, arguments.seed)
    try:
      result = restorer(y, A, frame="celeba")
    except operators.UnsupportedOperatorError:
      continue
    rows += [x[0], np.asarray(operators.show(A, y))[0], result.image[0]]
    if restorer.sampling:
      rows.append(restorer.sample(1)(y, A, frame="celeba").image[0])
    scores = scoring.score(result.image, x, operators.missing(A, x.shape))
    table.append({"task": name, **{score: float(v[0]) for score, v in scores.items()}})
  if not rows:
    raise ValueError(f"{arguments.method} restores none of {', '.join(tasks.NAMES)}")
  arguments.out.mkdir(parents=True, exist_ok=True)
  pictures = np.stack(rows).reshape(len(table), -1, *shape).swapaxes(0, 1)
  path = arguments.out / "demo.png"
  figures.write_grid(path, pictures.reshape(-1, *shape), len(table), scale=3)
  print(reports.markdown(table))
  sample = ", a sample" if restorer.sampling else ""
  print(f"Rows: original, damaged, restored{sample}. Wrote {path}")
  return 0
