"""`gan-restore restore`."""

import glob
import json
import pathlib
import sys

import jax
import numpy as np
from tqdm import tqdm

from gan_restore import evaluation, figures, masks, operators, restorers, tasks
from gan_restore.commands import options
from gan_restore.data import images

BATCH = 16  # Pictures restored at a time; the last batch is padded, so that nothing recompiles.
SHEET_ROWS = 64  # Pictures on the sheet, at most.
WHITE = 0.25  # The spread that is drawn in white.


def add_parser(commands) -> None:
  """Adds the command."""
  p = commands.add_parser("restore", help="restore pictures", description=run.__doc__)
  p.add_argument("inputs", nargs="+", metavar="INPUT", help="files, folders or globs")
  p.add_argument(
    "--task",
    help=f"{tasks.HELP} (default: inpaint with a --mask, or else what the method is for, if that is"
    " one thing)",
  )
  p.add_argument("--out", required=True, type=pathlib.Path, metavar="DIR")
  p.add_argument(
    "--mask",
    metavar="FILE|KIND",
    help=f"for inpaint: a picture, white where pixels are missing, or {masks.HELP}",
  )
  p.add_argument(
    "--crop",
    choices=("center", "face"),
    default="center",
    help="which square of the picture is taken and resampled to the method's size: the centre, or"
    " the largest frontal face",
  )
  p.add_argument(
    "--simulate", action="store_true", help="the pictures are clean: damage them first, and score"
  )
  p.add_argument(
    "--spread",
    action="store_true",
    help="write DIR/spread/NAME.png too: where the candidates differ, white at a standard deviation"
    f" of {WHITE} or more",
  )
  p.add_argument("--overwrite", action="store_true", help="replace files that are there")
  options.add_method(p)
  p.set_defaults(run=run)


def run(arguments) -> int:
  """Restores pictures and writes one PNG for each, and a sheet of damaged and restored ones."""
  restorer = options.method(arguments)
  arguments.task = arguments.task or ("inpaint" if arguments.mask else restorer.task)
  if not arguments.task:
    raise ValueError(f"--task is needed: {arguments.method} is for several")
  if arguments.mask and arguments.task != "inpaint":
    raise ValueError("--mask is for --task inpaint")
  if arguments.task.startswith("inpaint:"):
    raise ValueError(f"--task {arguments.task}: give the mask as --mask")
  if arguments.task == "inpaint" and not arguments.mask:
    raise ValueError("--task inpaint needs --mask: a picture, white where pixels are missing")
  drawn = arguments.mask and masks.is_kind(arguments.mask)
  if drawn and not masks.is_fixed(arguments.mask) and not arguments.simulate:
    raise ValueError(
      f"--mask {arguments.mask} is drawn at random: give the damage's own mask, or --simulate"
    )

  paths, failures = _expand(arguments.inputs)
  outputs = _name_outputs(paths, arguments.out)
  shape = restorer.shape or options.SHAPE
  task = tasks.get(arguments.task, mask="center", factor=restorer.factor)
  if not arguments.simulate:  # Few pixels may be what there is.
    A = task.operator(jax.random.key(0), (1, *shape))
    if isinstance(A, operators.Coarsen):
      A = operators.super_resolve(A.factor)
    shape = (*jax.eval_shape(A, jax.ShapeDtypeStruct((1, *shape), "float32")).shape[1:3], shape[2])
  items = []  # (input, output, picture of `shape`, mask or None)
  for path, output in zip(paths, outputs):
    try:
      for there in (output, _spread_of(output)) if arguments.spread else (output,):
        if there.exists() and not arguments.overwrite:
          raise ValueError(f"{there} exists; --overwrite replaces it")
      items.append((path, output, *_read(path, arguments, shape)))
    except (ValueError, OSError) as error:
      failures.append(f"{path}: {str(error).removeprefix(f'{path}: ')}")
  sheet = arguments.out / "sheet.png"
  report = arguments.out / "results.json"
  if not arguments.overwrite:
    for path in (sheet, report) if arguments.simulate else (sheet,):
      if items and path.exists():
        raise ValueError(f"{path} exists; --overwrite replaces it")

  rows, scores = [], {}
  with tqdm(total=len(items), unit="image", disable=None) as bar:
    for start in range(0, len(items), BATCH):
      chunk = items[start : start + BATCH]
      padded = chunk + chunk[-1:] * (BATCH - len(chunk) if len(items) > BATCH else 0)
      x = np.stack([picture for _, _, picture, _ in padded])
      mask = np.stack([m for *_, m in padded]) if padded[0][3] is not None else arguments.mask
      y, A, clean = _observe(x, mask, arguments, restorer.factor, start)
      result = restorer(y, A)
      if arguments.spread and result.spread is None:
        raise ValueError("--spread needs a method with --candidates, and at least 2 of them")
      shown = np.asarray(restorers.classical.damaged(y, A).image)
      folder = _spread_of(sheet).parent if arguments.spread else arguments.out
      folder.mkdir(parents=True, exist_ok=True)
      for i, (path, output, _, _) in enumerate(chunk):
        images.write_png(output, np.asarray(result.image[i]))
        if arguments.spread:
          spread = np.minimum(np.asarray(result.spread[i]) / WHITE, 1)
          images.write_png(_spread_of(output), spread)
        rows.append(([clean[i]] if clean is not None else []) + [shown[i], result.image[i]])
        if clean is not None:
          one = A.replace(mask=A.mask[i : i + 1]) if isinstance(A, operators.Inpaint) else A
          scores[str(path)] = score(result.image[i : i + 1], clean[i : i + 1], one)
      bar.update(len(chunk))
  if rows:
    shown = np.stack([x for row in rows[:SHEET_ROWS] for x in row])
    figures.write_grid(sheet, shown, len(rows[0]), scale=2)
  if scores:
    report.write_text(json.dumps(scores, indent=2) + "\n")
    print(
      evaluation.markdown([{"image": pathlib.Path(name).name, **s} for name, s in scores.items()])
    )
  if failures:
    print(f"{len(failures)} of {len(failures) + len(items)} failed:", file=sys.stderr)
    print("\n".join(f"  {failure}" for failure in failures), file=sys.stderr)
  return 1 if failures else 0


def _expand(inputs: list[str]) -> tuple[list[pathlib.Path], list[str]]:
  """Files of the inputs, each once, and what is wrong with the others."""
  paths, failures = {}, []
  for entry in inputs:
    path = pathlib.Path(entry)
    if path.is_dir():
      found = images.find_images(path)
      if not found:
        failures.append(f"{entry}: no images in this folder")
    elif path.exists() or not glob.has_magic(entry):
      found = [path]
    else:
      found = sorted(map(pathlib.Path, glob.glob(entry, recursive=True)))
      if not found:
        failures.append(f"{entry}: matches nothing")
    paths |= dict.fromkeys(found)
  return list(paths), failures


def _name_outputs(paths, folder) -> list[pathlib.Path]:
  """`NAME.png` in `folder`, numbered where two inputs share a name."""
  taken = {"sheet"}
  outputs = []
  for path in paths:
    stem, number = path.stem, 2
    while stem in taken:
      stem, number = f"{path.stem}-{number}", number + 1
    taken.add(stem)
    outputs.append(folder / f"{stem}.png")
  return outputs


def _spread_of(output) -> pathlib.Path:
  """The file of a restoration's spread."""
  return output.parent / "spread" / output.name


def _read(path, arguments, shape):
  """(picture [S, S, C], mask [S, S, 1] or None), cropped alike."""
  size, _, channels = shape
  picture = images.read_image(path)
  box = None
  if arguments.crop == "face":
    box = images.find_face(picture)
    if box is None:
      raise ValueError("no frontal face found; --crop center takes the centre")
  mask = None
  if arguments.mask and not masks.is_kind(arguments.mask):
    mask = images.read_mask(arguments.mask)
    if mask.size != picture.size:
      raise ValueError(
        f"the picture is {picture.width}x{picture.height}, its mask {mask.width}x{mask.height}"
      )
    # A pixel is missing if any part of it is.
    mask = images.to_float(images.crop_and_resample(mask, size, box)) > 0
    if not mask.any() or mask.all():
      raise ValueError(f"the mask leaves {'no' if mask.all() else 'every'} pixel of the crop known")
    mask = mask.astype(np.float32)
  picture = images.crop_and_resample(picture, size, box)
  return images.to_float(picture.convert("L") if channels == 1 else picture), mask


def _observe(x, mask, arguments, factor, first):
  """(y, A, clean images or None) of a batch of pictures."""
  task = tasks.get(arguments.task, mask=mask if mask is not None else "center", factor=factor)
  if arguments.simulate:
    if isinstance(mask, np.ndarray):
      A = operators.inpaint(mask)
      return A(x), A, x
    return *evaluation.damage(task, x, first, arguments.seed), x
  A = task.operator(jax.random.key(arguments.seed), x.shape)
  if isinstance(A, operators.Coarsen):
    return operators.enlarge(x, A.factor), A, None
  if isinstance(A, (operators.Inpaint, operators.Colorize)):
    return A(x), A, None
  return x, A, None  # It has happened already.


def score(image, clean, A) -> dict[str, float]:
  """Scores of one image; `A` is its operator."""
  mask = A.mask if isinstance(A, operators.Inpaint) else None
  return {name: float(value[0]) for name, value in evaluation.score(image, clean, mask).items()}
