"""`gan-restore evaluate`."""

import argparse
import functools
import pathlib
import tempfile
from collections.abc import Callable

import numpy as np

from gan_restore import data, hub
from gan_restore.commands import options
from gan_restore.data import framing
from gan_restore.degradations import masks, tasks
from gan_restore.evaluation import perceptual, reports
from gan_restore.photos import restoration
from gan_restore.restorers import fitted
from gan_restore.studies import table

_FILES = {"fid": perceptual.fid, "lpips": perceptual.lpips}


def add_arguments(p: argparse.ArgumentParser) -> None:
  """Adds the arguments of the command to its parser `p`."""
  p.add_argument(
    "--config",
    action=_Config,
    metavar="FILE",
    help="a file with the options of a table, such as configs/tables/map_restoration.py; later"
    " options override its values",
  )
  options.add_methods(p, "damaged,denoiser", tuple(fitted.FITTED))
  p.add_argument(
    "--tasks",
    default=",".join(tasks.NAMES),
    help=f"tasks, separated by commas (default: the five tasks of the MAP paper): {tasks.HELP}",
  )
  p.add_argument("--dataset", help="a TFDS name, folder:PATH or toy_faces; required")
  p.add_argument("--data-dir", help="where TFDS keeps prepared sets")
  p.add_argument(
    "--split",
    default="test",
    choices=("train", "validation", "test", "all"),
    help="all: the three together, for a data set that no method was trained on (default test)",
  )
  p.add_argument(
    "--size",
    help="pixels on a side of the images (default: that of the methods, or 64); own for whole"
    " pictures, cropped to multiples of 8 pixels",
  )
  p.add_argument(
    "--framing",
    choices=("own", "random"),
    default="own",
    help="random: the faces of CelebA's layout are scaled by 0.75 to 1.35, rotated by up to 20"
    " degrees and shifted by up to 12%% of the side",
  )
  p.add_argument(
    "--frame",
    choices=("known", "unknown"),
    default="known",
    help="whether methods that can use it are told where the aligned faces are",
  )
  options.add_limit(p, 64)
  p.add_argument(
    "--mask", default="center", help=f"mask of the task inpaint (default center): {masks.HELP}"
  )
  p.add_argument(
    "--judge",
    help="networks that measure the restorations, separated by commas: celeba, or the weights file"
    " of a classifier, adds agreement and frechet_judge (not FID); identity, or the weights file of"
    " an embedding, adds identity and found, for aligned faces; dlib adds identity_dlib and"
    " found_dlib, for aligned faces; imagenet adds frechet_imagenet (the last two need the extra"
    " perceptual)",
  )
  p.add_argument(
    "--fid",
    metavar="FILE",
    help="torch-fidelity's weights file of Inception; adds fid (needs the extra perceptual)",
  )
  p.add_argument(
    "--lpips",
    metavar="FILE",
    help="torchvision's weights file of AlexNet; adds lpips (needs the extra perceptual)",
  )
  p.add_argument(
    "--out",
    type=pathlib.Path,
    metavar="DIR",
    help="folder for the scores and the pictures; without it, the scores are only printed. An"
    " interrupted evaluation resumes from it",
  )
  p.add_argument(
    "--shard",
    default="0/1",
    metavar="K/N",
    help="compute part K (from 0) of N, for N processes that share one --out",
  )
  p.set_defaults(paper={})


def run(arguments: argparse.Namespace) -> int:
  """Scores restorers on tasks, with the same damage for all, and prints the means as Markdown
  tables. Writes table.json, table.csv, images.csv (each image's scores) and pictures.png to
  DIR."""
  if not arguments.dataset:
    raise ValueError("--dataset is required: a TFDS name, folder:PATH or toy_faces")
  methods = options.methods(arguments.methods, arguments.seed, tuple(fitted.FITTED))
  size = _size(arguments.size, options.agreed(methods, "size", None))
  factor = options.agreed(methods, "factor", None)
  names = [tasks.with_factor(name, factor) for name in arguments.tasks.split(",")]
  damages = {name: tasks.get(name, mask=arguments.mask) for name in names}
  source = _source(arguments, size)
  to_fit = {name: fitted.FITTED[name] for name in methods if name in fitted.FITTED}
  if to_fit:
    if size == "own":
      raise ValueError(f"{', '.join(to_fit)} cannot be fitted to --size own; give a number")
    if arguments.split == "all":
      raise ValueError(f"{', '.join(to_fit)} are fitted to training images, which --split all has")
    images = _training_images(arguments, size)
    methods |= {name: fit(images) for name, fit in to_fit.items()}
  scorers = _judges(arguments)
  scorers += [
    make(getattr(arguments, name)) for name, make in _FILES.items() if getattr(arguments, name)
  ]
  if arguments.frame == "unknown":
    methods = {name: functools.partial(_unframed, method) for name, method in methods.items()}
  of = ("dataset", "split", "mask", "framing", "frame", "judge", *_FILES)
  settings = {name: getattr(arguments, name) for name in of} | {"size": size, "factor": factor}
  k, _, n = arguments.shard.partition("/")
  if not (k.isdecimal() and n.isdecimal()):
    raise ValueError(f"--shard is {arguments.shard}; it must be K/N, such as 0/4")
  with tempfile.TemporaryDirectory() as scratch:
    rows = table.run(
      methods,
      damages,
      source,
      arguments.out or scratch,
      settings=settings,
      limit=arguments.limit,
      seed=arguments.seed,
      scorers=scorers,
      shard=(int(k), int(n)),
      batch_size=1 if size == "own" else None,
    )
  print(reports.markdown([{k: v for k, v in row.items() if _printed(k)} for row in rows]))
  print("\nPSNR / SSIM of the images that each method returns:\n")
  paper = [{"method": f"{name} (the paper's)", **line} for name, line in arguments.paper.items()]
  print(reports.markdown(table.compact(rows) + paper))
  return 0


def _judges(arguments) -> list[perceptual.Scorer]:
  """The scorers of --judge."""
  names = [name.strip() for name in (arguments.judge or "").split(",") if name.strip()]
  kinds: dict[str, str] = {}
  for name in names:
    kind = hub.judge_kind(name)
    if kind in kinds:
      raise ValueError(f"--judge has two judges of one kind: {kinds[kind]} and {name}; give one")
    kinds[kind] = name
  for kind in ("embedding", "dlib"):
    if kind in kinds and (arguments.framing != "own" or arguments.size == "own"):
      raise ValueError(
        f"--judge {kinds[kind]} measures aligned faces; leave out --framing and --size own"
      )
  return [hub.load_judge(name) for name in names]


def _size(text, of_methods) -> int | str:
  """The side of the images, or 'own'."""
  if text == "own":
    if of_methods:
      raise ValueError(f"--size is own; the methods restore only {of_methods[0]} pixels on a side")
    return "own"
  if text is None:
    return (of_methods or restoration.SIZE)[0]
  text = str(text)  # A config may hold a number.
  if not text.isdecimal() or int(text) < 16:
    raise ValueError(f"--size is {text}; it must be own, or a whole number >= 16")
  if of_methods and int(text) != of_methods[0]:
    raise ValueError(f"--size is {text}; the methods restore only {of_methods[0]} pixels on a side")
  return int(text)


def _source(arguments, size) -> data.Source:
  """The images that --dataset, --size and --framing name."""
  of = arguments.dataset, arguments.split
  if arguments.framing == "random":
    if size == "own":
      raise ValueError("--framing random needs a --size in pixels")
    cut: Callable = framing.Framing(
      size, aligned_share=0, scales=(0.75, 1.35), close_share=0, roll=20, shift=0.12,
      known_share=1, flip=False, margin=_MARGIN,
    )  # fmt: skip
  elif size == "own":
    cut = framing.whole
  else:
    return data.load(*of, size, arguments.data_dir)
  return data.load_pictures(*of, cut, arguments.data_dir, arguments.seed)


_MARGIN = 1 / 16  # Beyond this margin around the faces the pictures are mirrored.


def _unframed(method, y, A):
  """The restoration without a frame."""
  return method(y, A)


class _Config(argparse.Action):
  """Takes options from a config file."""

  def __call__(self, parser, namespace, values, option_string=None):
    for name, value in options.script(values)["get_config"]().to_dict().items():
      if not hasattr(namespace, name):
        raise argparse.ArgumentError(self, f"{values}: there is no option {name}")
      setattr(namespace, name, value)


def _printed(name: str) -> bool:
  """Whether a column is printed. The intervals are only in the files."""
  return not name.endswith(("_low", "_high"))


def _training_images(arguments, size) -> np.ndarray:
  """The training images [N, S, S, C] in [0, 1], at most 10,000."""
  source = data.load(arguments.dataset, "train", size, arguments.data_dir)
  images = np.stack([source[i]["image"] for i in range(min(len(source), 10_000))])
  return images.astype(np.float32) / 255
