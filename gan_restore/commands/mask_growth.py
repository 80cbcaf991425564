"""`gan-restore mask-growth`."""

import argparse
import pathlib

from gan_restore import data
from gan_restore.commands import options
from gan_restore.degradations import masks
from gan_restore.evaluation import reports
from gan_restore.photos import restoration
from gan_restore.studies import mask_growth


def add_arguments(p: argparse.ArgumentParser) -> None:
  """Adds the arguments of the command to its parser `p`."""
  options.add_methods(p, "unet_gan,cdcgan,mirror,biharmonic")
  p.add_argument("--dataset", required=True, help="a TFDS name, folder:PATH or toy_faces")
  p.add_argument("--data-dir", help="where TFDS keeps prepared sets")
  p.add_argument(
    "--split", default="test", choices=("train", "validation", "test"), help="default: test"
  )
  p.add_argument(
    "--out", required=True, type=pathlib.Path, metavar="DIR", help="folder for the results"
  )
  p.add_argument("--mask", default="eyes+nose+lips", help=f"{masks.HELP} (default eyes+nose+lips)")
  p.add_argument(
    "--grow",
    type=options.integers,
    default=[0, 2, 4, 6, 8, 10, 12],
    metavar="PIXELS",
    help="by how many pixels the mask grows on each side: numbers separated by commas (default"
    " 0,2,4,6,8,10,12)",
  )
  options.add_limit(p, 100)


def run(arguments: argparse.Namespace) -> int:
  """Restores the same images under a growing mask with each method, and prints the scores. Writes
  them to DIR/mask_growth.json, their curves to mask_growth.png, and pictures to pictures.png."""
  methods = options.methods(arguments.methods, arguments.seed)
  size = options.agreed(methods, "size", restoration.SIZE)[0]
  source = data.load(arguments.dataset, arguments.split, size, arguments.data_dir)
  rows = mask_growth.run(
    methods, source, arguments.out, arguments.mask, arguments.grow, arguments.limit, arguments.seed
  )
  print(reports.markdown(rows))
  return 0
