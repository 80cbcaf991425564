"""`gan-restore restore`."""

import argparse
import pathlib
import sys

from tqdm import tqdm

from gan_restore import hub
from gan_restore.commands import options
from gan_restore.degradations import checks, masks, tasks
from gan_restore.evaluation import reports
from gan_restore.photos import batches, crops, faces, photograph
from gan_restore.photos.damage import Damage


def add_arguments(p: argparse.ArgumentParser) -> None:
  """Adds the arguments of the command to its parser `p`."""
  p.add_argument("inputs", nargs="+", metavar="INPUT", help="files, folders or globs")
  p.add_argument(
    "--task",
    help=f"{tasks.HELP}; jpeg:auto with the file's own tables; auto for the damage that is"
    " detected in each file: these tables, transparent pixels, noise (default: inpaint if --mask is"
    " given; otherwise the task of the method, if it supports only one, or auto)",
  )
  p.add_argument(
    "--out", required=True, type=pathlib.Path, metavar="DIR", help="folder for the results"
  )
  p.add_argument(
    "--mask",
    metavar="FILE|DIR|auto|KIND",
    help="for inpaint: a picture, white where pixels are missing; a folder with such a picture of"
    " each photograph's name; auto, the scratches, folds and scribbles that are found in each, and"
    f" its transparent pixels, which are also written to DIR/masks; or {masks.HELP}",
  )
  p.add_argument(
    "--faces",
    choices=faces.CHOICES,
    help="the faces of whole pictures whose holes are filled by a network for faces (default all,"
    " if the extra faces is installed)",
  )
  p.add_argument(
    "--min-face",
    type=float,
    default=faces.MIN_SIDE,
    metavar="PIXELS",
    help=f"the side of the smallest such face (default {faces.MIN_SIDE:g})",
  )
  p.add_argument(
    "--enlarge",
    type=int,
    default=1,
    metavar="FACTOR",
    help="also enlarge the pictures by this factor",
  )
  p.add_argument(
    "--crop",
    choices=crops.CROPS,
    help="what to restore: the whole picture at its own size (default, if the method restores any"
    " size), or a square that is resampled: the centre, or the largest face",
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
    "--format",
    choices=tuple(photograph.FORMATS),
    help="format of the restored pictures (default: that of each file, or png for squares)",
  )
  p.add_argument(
    "--compare",
    action="store_true",
    help="also write DIR/compare/NAME.png, the picture before and after, side by side",
  )
  p.add_argument(
    "--save-faces",
    action="store_true",
    help="also write DIR/faces/NAME-1.png and so on, each face before and after",
  )
  p.add_argument(
    "--spread",
    action="store_true",
    help="also write DIR/spread/NAME.png, a picture of the standard deviation of the samples, for"
    f" methods that draw several, such as denoiser:num_samples=4; white is {batches.WHITE} or"
    " more",
  )
  p.add_argument(
    "--samples",
    type=int,
    default=0,
    metavar="NUMBER",
    help="also write this number of samples of each picture, to DIR/sample-1/NAME and so on: other"
    " images that are consistent with it, often sharper than the first and less exact (for methods"
    " that draw samples, such as denoiser); see --fidelity",
  )
  p.add_argument(
    "--fidelity",
    type=float,
    metavar="NUMBER",
    help="where the pictures of --samples lie between a sample, 0, and the restored picture, 1"
    f" (default {batches.FIDELITY}); without --samples, where the restored picture itself lies"
    " (default 1)",
  )
  p.add_argument("--overwrite", action="store_true", help="replace existing files")
  options.add_method(p, default=None)


def run(arguments: argparse.Namespace) -> int:
  """Restores pictures. Whole pictures keep their size, format and metadata; squares are written as
  PNG, with a sheet of damaged and restored ones."""
  if arguments.out.exists() and not arguments.out.is_dir():
    raise ValueError(f"--out is {arguments.out}, which is a file; it must be a folder")
  squares = arguments.crop in ("center", "face") and arguments.size in (None, 64)
  method = arguments.method or (hub.FACES if squares else hub.PICTURES)
  restorer = options.method(method, arguments.seed)
  task = arguments.task or ("inpaint" if arguments.mask else restorer.task or tasks.UNKNOWN)
  task = tasks.with_factor(task, restorer.factor)
  damage = Damage(task, arguments.mask, arguments.simulate, arguments.seed, arguments.enlarge)
  checks.at_least(arguments.samples, 0, "--samples")
  scores, failures, restored = batches.restore_files(
    restorer,
    damage,
    arguments.inputs,
    batches.Outputs(
      arguments.out, arguments.format, arguments.spread, arguments.compare, damage.finds_mask,
      arguments.save_faces, arguments.samples, arguments.fidelity, arguments.overwrite,
    ),
    crop=arguments.crop,
    size=arguments.size,
    find=_finder(arguments),
    say=tqdm.write,
  )  # fmt: skip
  if scores:
    print(reports.markdown([{"image": pathlib.Path(p).name, **s} for p, s in scores.items()]))
  if restored:
    count = arguments.samples
    samples = f", each with {count} sample{'s' * (count > 1)}" if count else ""
    print(f"Wrote {restored} restored picture{'s' * (restored > 1)} to {arguments.out}{samples}")
  if failures:
    print(f"{len(failures)} of {len(failures) + restored} failed:", file=sys.stderr)
    print("\n".join(f"  {failure}" for failure in failures), file=sys.stderr)
  return 1 if failures else 0


def _finder(arguments):
  """What finds the faces of --faces."""
  checks.at_least(arguments.min_face, 0.0, "--min-face")
  if arguments.crop in ("center", "face"):
    if arguments.faces is not None or arguments.min_face != faces.MIN_SIDE:
      raise ValueError("--faces and --min-face are for whole pictures; leave them out with --crop")
  if arguments.save_faces and arguments.faces == "none":
    raise ValueError("--save-faces needs faces; with --faces none there are none")
  if arguments.save_faces and not faces.available():
    raise ValueError("--save-faces needs the extra faces: pip install 'gan_restore[faces]'")
  if arguments.faces is None and not faces.available():
    if arguments.mask and not (arguments.crop or arguments.method):
      print("Faces are not looked for; pip install 'gan_restore[faces]' installs what finds them.")
  return faces.finder(arguments.faces, arguments.min_face)
