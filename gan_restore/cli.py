"""The command line: `gan-restore restore|evaluate|demo|app` (also `python -m gan_restore`)."""

import argparse
import ast
import functools
import glob
import inspect
import json
import pathlib
import runpy
import sys

import jax
import numpy as np
from PIL import Image
from tqdm import tqdm

from gan_restore import (
  ablation,
  data,
  evaluation,
  figures,
  masks,
  operators,
  restorers,
  tasks,
)
from gan_restore.data import images

SIZE = 64  # Of the faces that are restored.
BATCH = 16  # Pictures restored at a time; the last batch is padded, so that nothing recompiles.
SHEET_ROWS = 64  # Pictures on the sheet, at most.
_FIXED_MASKS = ("center",)  # The kinds that are the same for every picture.


def main(argv: list[str] | None = None) -> int:
  """Runs a command; returns the exit status. What is the user's to mend is said in one line."""
  arguments = _parser().parse_args(argv)
  try:
    return arguments.run(arguments)
  except (ValueError, TypeError, OSError) as error:
    print(f"gan-restore: {error}", file=sys.stderr)
    return 2
  except KeyboardInterrupt:
    return 130


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser("gan-restore", description="Restores damaged face pictures.")
  commands = parser.add_subparsers(required=True, metavar="COMMAND")

  p = commands.add_parser("restore", help="restore pictures", description=_restore.__doc__)
  p.add_argument("inputs", nargs="+", metavar="INPUT", help="files, folders or globs")
  p.add_argument("--task", required=True, choices=tasks.ALL)
  p.add_argument("--out", required=True, type=pathlib.Path, metavar="DIR")
  p.add_argument(
    "--mask",
    metavar="FILE|KIND",
    help=f"for inpaint: a picture, white where pixels are missing, or {', '.join(masks.KINDS)}",
  )
  p.add_argument(
    "--crop",
    choices=("center", "face"),
    default="center",
    help=f"which square of the picture is taken and resampled to {SIZE}x{SIZE}: the centre, or"
    " the largest frontal face",
  )
  p.add_argument(
    "--simulate", action="store_true", help="the pictures are clean: damage them first, and score"
  )
  p.add_argument("--overwrite", action="store_true", help="replace files that are there")
  _add_method(p, "map")
  p.set_defaults(run=_restore)

  p = commands.add_parser("evaluate", help="score restorers", description=_evaluate.__doc__)
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
  p.add_argument("--mask", default="center", help=f"out of {', '.join(masks.KINDS)}, by commas")
  p.add_argument("--json", type=pathlib.Path, help="write the scores there too")
  _add_search(p)
  p.set_defaults(run=_evaluate)

  p = commands.add_parser("ablation", help="compare variants", description=_ablation.__doc__)
  p.add_argument("--config", default="configs/cdcgan.py", help="a config file with VARIANTS")
  p.add_argument("--workdir", required=True, type=pathlib.Path, metavar="DIR")
  p.add_argument("--dataset", help="a TFDS name, folder:PATH or toy_faces, instead of the config's")
  p.add_argument("--data-dir", help="where TFDS keeps prepared sets")
  p.add_argument(
    "--set",
    action="append",
    default=[],
    metavar="FIELD=VALUE",
    help="another field of the config, the same for all variants; may be repeated",
  )
  p.add_argument("--masks", default="center,random", help=f"out of {', '.join(masks.KINDS)}")
  p.add_argument("--limit", type=int, default=500, help="test images at most (default 500)")
  p.add_argument("--seed", type=int, default=0, help="of the test masks")
  p.set_defaults(run=_ablation)

  p = commands.add_parser("demo", help="the five tasks on a portrait", description=_demo.__doc__)
  p.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/demo"), metavar="DIR")
  _add_method(p, "map")
  p.set_defaults(run=_demo)

  p = commands.add_parser("app", help="the web page", description=_app.__doc__)
  p.add_argument("--port", type=int, default=7860)
  p.set_defaults(run=_app)
  return parser


def _add_method(parser, default):
  parser.add_argument(
    "--method",
    default=default,
    help=f"{', '.join(restorers.NAMES)}, or a weights file or training workdir (default map)",
  )
  _add_search(parser)


def _add_search(parser):
  group = parser.add_argument_group("options of the method (all but blend: of the latent search)")
  group.add_argument("--steps", type=int)
  group.add_argument("--restarts", type=int)
  group.add_argument("--lam", type=float, help="weight of the regulariser")
  group.add_argument("--p", type=float, help="exponent of the data term's norm")
  group.add_argument("--blend", help="poisson, paste or none")
  group.add_argument("--weighted", action="store_true", default=None, help="pixels near the hole")
  group.add_argument("--seed", type=int, default=0, help="of latents, masks and noise")


def _load(method: str, arguments, refuse: bool = True):
  """The restorer with the options that were given; one it does not take is refused, or left out."""
  restorer = restorers.load(method)
  parameters = inspect.signature(restorer).parameters.values()
  anything = any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters)
  options = {}
  for name in ("steps", "restarts", "lam", "p", "blend", "weighted", "seed"):
    value = getattr(arguments, name)
    if value is None:
      continue
    if anything or name in {parameter.name for parameter in parameters}:
      options[name] = value
    elif refuse and name != "seed":  # The seed is also that of masks and noise.
      raise ValueError(f"--{name} is not for method {method}")
  return functools.partial(restorer, **options)


# --- restore ------------------------------------------------------------------------------------


def _restore(arguments) -> int:
  """Restores pictures and writes one PNG for each, and a sheet of damaged and restored ones."""
  if arguments.mask and arguments.task != "inpaint":
    raise ValueError("--mask is for --task inpaint")
  if arguments.task == "inpaint" and not arguments.mask:
    raise ValueError("--task inpaint needs --mask: a picture, white where pixels are missing")
  drawn = arguments.mask and masks.is_kind(arguments.mask)
  if drawn and arguments.mask not in _FIXED_MASKS and not arguments.simulate:
    raise ValueError(
      f"--mask {arguments.mask} is drawn at random: give the damage's own mask, or --simulate"
    )
  restorer = _load(arguments.method, arguments)

  paths, failures = _expand(arguments.inputs)
  outputs = _name_outputs(paths, arguments.out)
  size = SIZE
  if arguments.task == "super_resolve" and not arguments.simulate:
    size //= 4
  items = []  # (input, output, picture [S, S, 3], mask or None)
  for path, output in zip(paths, outputs):
    try:
      if output.exists() and not arguments.overwrite:
        raise ValueError(f"{output} exists; --overwrite replaces it")
      items.append((path, output, *_read(path, arguments, size)))
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
      y, A, clean = _observe(x, mask, arguments, start)
      result = restorer(y, A)
      shown = np.asarray(restorers.classical.damaged(y, A).image)
      arguments.out.mkdir(parents=True, exist_ok=True)
      for i, (path, output, _, _) in enumerate(chunk):
        images.write_png(output, np.asarray(result.image[i]))
        rows.append(([clean[i]] if clean is not None else []) + [shown[i], result.image[i]])
        if clean is not None:
          one = A.replace(mask=A.mask[i : i + 1]) if isinstance(A, operators.Inpaint) else A
          scores[str(path)] = _score(result.image[i : i + 1], clean[i : i + 1], one)
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


def _read(path, arguments, size):
  """(picture [size, size, 3], mask [size, size, 1] or None), cropped alike."""
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
  return images.to_float(images.crop_and_resample(picture, size, box)), mask


def _observe(x, mask, arguments, first):
  """(y, A, clean images or None) of a batch of pictures."""
  task = tasks.get(arguments.task, mask=mask if mask is not None else "center")
  if arguments.simulate:
    if isinstance(mask, np.ndarray):
      A = operators.inpaint(mask)
      return A(x), A, x
    return *evaluation.damage(task, x, first, arguments.seed), x
  A = task.operator(jax.random.key(arguments.seed), x.shape)
  return (x if arguments.task == "super_resolve" else A(x)), A, None  # x is small already.


def _score(image, clean, A) -> dict[str, float]:
  """Scores of one image; `A` is its operator."""
  mask = A.mask if isinstance(A, operators.Inpaint) else None
  return {name: float(value[0]) for name, value in evaluation.score(image, clean, mask).items()}


# --- evaluate and demo --------------------------------------------------------------------------


def _evaluate(arguments) -> int:
  """Scores restorers on tasks and prints the means as a Markdown table."""
  source = data.load(arguments.dataset, arguments.split, SIZE, arguments.data_dir)
  rows = []
  for name in arguments.tasks.split(","):
    task = tasks.get(name, mask=arguments.mask)
    for method in arguments.methods.split(","):
      try:
        if method == "mean":
          restorer = functools.partial(restorers.classical.mean, image=_mean_image(arguments))
        else:
          restorer = _load(method, arguments, refuse=False)
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


def _mean_image(arguments) -> np.ndarray:
  """The mean [S, S, C] in [0, 1] of the training images, of 10,000 at most."""
  source = data.load(arguments.dataset, "train", SIZE, arguments.data_dir)
  count = min(len(source), 10_000)
  return sum(source[i]["image"].astype(np.float64) for i in range(count)) / (255 * count)


def _ablation(arguments) -> int:
  """Trains the variants of a config, or goes on, or loads what is done; completes the same test
  images with each, and prints the scores. Writes them to DIR/ablation.json, the images to
  restorations.png and the losses on common axes to losses.png."""
  script = runpy.run_path(arguments.config)
  if "VARIANTS" not in script:
    raise ValueError(f"{arguments.config}: names no VARIANTS to compare")
  configs = {name: script["get_config"](name) for name in script["VARIANTS"]}
  settings = dict(_setting(text) for text in arguments.set)
  settings |= {
    name: value
    for name, value in (("dataset", arguments.dataset), ("data_dir", arguments.data_dir))
    if value is not None
  }
  for config in configs.values():
    for name, value in settings.items():
      if name not in config:
        raise ValueError(f"--set {name}: no field of {arguments.config}")
      config[name] = value
  rows = ablation.run(
    configs, arguments.workdir, arguments.masks.split(","), arguments.limit, arguments.seed
  )
  print(evaluation.markdown(rows))
  print(f"Wrote ablation.json, restorations.png and losses.png in {arguments.workdir}")
  return 0


def _setting(text: str) -> tuple[str, object]:
  """FIELD=VALUE, the value a number or a truth value if it reads as one, else a string."""
  name, equals, value = text.partition("=")
  if not equals:
    raise ValueError(f"--set {text}: wanted FIELD=VALUE")
  try:
    return name, ast.literal_eval(value)
  except (ValueError, SyntaxError):
    return name, value


def _demo(arguments) -> int:
  """Damages the public-domain portrait of scikit-image in five ways, restores it, draws one
  picture: original, damaged, restored."""
  from skimage import data as skimage_data

  portrait = Image.fromarray(skimage_data.astronaut())
  x = images.to_float(images.crop_and_resample(portrait, SIZE, images.find_face(portrait)))[None]
  restorer = _load(arguments.method, arguments)
  rows, table = [], []
  for name in tqdm(tasks.NAMES, unit="task", disable=None):
    y, A = evaluation.damage(tasks.get(name), x, 0, arguments.seed)
    result = restorer(y, A)
    rows += [x[0], restorers.classical.damaged(y, A).image[0], result.image[0]]
    scores = _score(result.image, x, A)
    table.append({"task": name, **scores})
  arguments.out.mkdir(parents=True, exist_ok=True)
  pictures = np.stack(rows).reshape(len(tasks.NAMES), 3, SIZE, SIZE, 3).swapaxes(0, 1)
  path = arguments.out / "demo.png"
  figures.write_grid(path, pictures.reshape(-1, SIZE, SIZE, 3), len(tasks.NAMES), scale=3)
  print(evaluation.markdown(table))
  print(f"Rows: original, damaged, restored. Wrote {path}")
  return 0


def _app(arguments) -> int:
  """Serves a web page that restores pictures, on this machine alone (needs the extra `app`)."""
  try:
    from gan_restore import app
  except ImportError as error:
    raise ValueError(f"{error}: install the extra, as in pip install 'gan_restore[app]'") from error
  app.build().launch(server_port=arguments.port)
  return 0
