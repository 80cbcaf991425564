"""`gan-restore demo`."""

import pathlib

import numpy as np
from PIL import Image
from tqdm import tqdm

from gan_restore import evaluation, figures, restorers, tasks
from gan_restore.commands import options
from gan_restore.commands.restore import score
from gan_restore.data import images


def add_parser(commands) -> None:
  """Adds the command."""
  p = commands.add_parser("demo", help="the five tasks on a portrait", description=run.__doc__)
  p.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/demo"), metavar="DIR")
  options.add_method(p)
  p.set_defaults(run=run)


def run(arguments) -> int:
  """Damages the public-domain portrait of scikit-image in five ways, restores it, draws one
  picture: original, damaged, restored."""
  from skimage import data as skimage_data

  portrait = Image.fromarray(skimage_data.astronaut())
  restorer = options.method(arguments)
  shape = restorer.shape or options.SHAPE
  x = images.to_float(images.crop_and_resample(portrait, shape[0], images.find_face(portrait)))
  x = x[None]
  rows, table = [], []
  for name in tqdm(tasks.NAMES, unit="task", disable=None):
    y, A = evaluation.damage(tasks.get(name), x, 0, arguments.seed)
    result = restorer(y, A)
    rows += [x[0], restorers.classical.damaged(y, A).image[0], result.image[0]]
    scores = score(result.image, x, A)
    table.append({"task": name, **scores})
  arguments.out.mkdir(parents=True, exist_ok=True)
  pictures = np.stack(rows).reshape(len(tasks.NAMES), 3, *shape).swapaxes(0, 1)
  path = arguments.out / "demo.png"
  figures.write_grid(path, pictures.reshape(-1, *shape), len(tasks.NAMES), scale=3)
  print(evaluation.markdown(table))
  print(f"Rows: original, damaged, restored. Wrote {path}")
  return 0
