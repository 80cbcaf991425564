"""A table of any restorers on any tasks, with the same damage for all: `gan-restore evaluate`.

Every batch is stored once it is scored. An interrupted table can therefore be resumed, extended by
methods, tasks and images, and divided among machines.
"""

import json
import os
import pathlib
from collections.abc import Callable, Sequence
from urllib.parse import quote

import numpy as np
from tqdm import tqdm

from gan_restore import data
from gan_restore.data import atomic
from gan_restore.data.images import to_uint8
from gan_restore.degradations import operators, tasks
from gan_restore.evaluation import figures, metrics, perceptual, reports, scoring
from gan_restore.restorers import classical

BATCH = 64
SHOWN = 3  # Images of each task on the sheet of pictures.
INTERVALS = (
  "psnr",
  "ssim",
  "psnr_hole",
  "ssim_hole",
  "agreement",
  "identity",
  "identity_dlib",
  "lpips",
)


def run(
  methods: dict[str, Callable],
  damages: dict[str, tasks.Task],
  source: data.Source,
  out: str | os.PathLike,
  *,
  settings: dict,
  limit: int | None = None,
  seed: int = 0,
  scorers: Sequence[perceptual.Scorer] = (),
  shard: tuple[int, int] = (0, 1),
  batch_size: int | None = None,
) -> list[dict]:
  """Computes the missing scores and writes the table of all scores.

  Args:
    methods: {name: (y, A) -> Result}. A method has no row for a task that it does not support.
    damages: {name: task}.
    source: From `data.load`.
    out: Folder for the scores of the batches, `table.json` and `table.csv` (the rows), `images.csv`
      (the scores of each image) and `pictures.png` (original, damaged, and restored by each
      method).
    settings: The other settings that the scores depend on. A table with other settings, or another
      batch size, is refused.
    limit: Maximum number of images.
    seed: Random seed of masks and noise.
    scorers: Further scores; see `perceptual`. `settings` must name them.
    shard: (k, n) computes only the batches k, k + n, ..., for n machines that share `out`.
    batch_size: Number of images that are restored at a time; 1 for images of several sizes. The
      default is `BATCH`. No score depends on it.

  Returns:
    Rows: `task`, `method`, `output` and the scores of `scoring.means`, with `SCORE_low` and
    `SCORE_high`, the 95% interval by the bootstrap.

  Raises:
    ValueError: If `out` holds a table with other settings, or the shard is out of range.
  """
  index, count = shard
  batch_size = batch_size or BATCH
  if not 0 <= index < count:
    raise ValueError(f"shard is {index} of {count}; it must be 0 to {count - 1}")
  out = pathlib.Path(out)
  _agree(out, {**settings, "seed": seed, "batch_size": batch_size})
  images = min(len(source), limit or len(source))
  rows, per_image = [], []
  cells = [(task, method) for task in damages for method in methods]
  with tqdm(cells, unit="cell", disable=None) as progress:
    for task, method in progress:
      folder = _folder(out, task, method)
      numbers = range(-(-images // batch_size))
      size = lambda number: min(batch_size, images - number * batch_size)
      kept = {number: _read(folder, number, size(number)) for number in numbers}
      missing = {n for n in numbers if kept[n] is None and n % count == index}
      batches = scoring.measure(
        methods[method], damages[task], source, batch_size=batch_size, limit=limit, seed=seed,
        scorers=scorers, wanted=missing.__contains__,
      )  # fmt: skip
      try:
        for number, columns, restored in batches if missing else ():
          _write(folder, number, columns, restored)
          kept[number] = columns
          progress.set_description(f"{task} {method} {number + 1}/{len(numbers)}")
      except operators.UnsupportedOperatorError:
        continue
      done = {number: columns for number, columns in kept.items() if columns is not None}
      if done:
        columns = scoring.join(list(done.values()))
        rows += [{"task": task, "method": method, **row} for row in summary(columns)]
        of = np.concatenate([np.arange(n * batch_size, n * batch_size + size(n)) for n in done])
        per_image += _per_image(task, method, of, columns)
  reports.write_json(out / "table.json", rows)
  reports.write_csv(out / "table.csv", rows)
  reports.write_csv(out / "images.csv", per_image)
  _draw(out, methods, damages, source, seed, min(SHOWN, batch_size))
  return rows


def summary(columns: dict[str, np.ndarray]) -> list[dict]:
  """Rows of the means with their intervals, one for each output."""
  rows = reports.rows(scoring.means(columns))
  for row in rows:
    for score in INTERVALS:
      if score in row:
        interval = metrics.bootstrap(columns[f"{row['output']}/{score}"])
        row[f"{score}_low"], row[f"{score}_high"] = interval
  return rows


def compact(rows: list[dict]) -> list[dict]:
  """A compact table: one row for each method, one column for each task, with "PSNR / SSIM" of the
  returned images."""
  table: dict[str, dict] = {}
  for row in rows:  # The last of several outputs is the returned image.
    line = table.setdefault(row["method"], {"method": row["method"]})
    line[row["task"]] = f"{row['psnr']:.2f} / {row['ssim']:.3f}"
  return list(table.values())


def _agree(out, settings) -> None:
  """Raises ValueError if the folder holds a table with other settings."""
  path = out / "settings.json"
  settings = json.loads(json.dumps(settings))
  if path.exists():
    there = json.loads(path.read_text())
    for name in sorted({*there, *settings}):
      if there.get(name) != settings.get(name):
        raise ValueError(
          f"{out} holds a table whose {name} is {there.get(name)!r}; it must be"
          f" {settings.get(name)!r}, or choose another folder"
        )
    return
  out.mkdir(parents=True, exist_ok=True)
  reports.write_json(path, settings)


def _folder(out, task, method) -> pathlib.Path:
  return out / "batches" / quote(task, safe="") / quote(method, safe="")


def _file(folder, number) -> pathlib.Path:
  return folder / f"{number:05d}.npz"


def _read(folder, number, size) -> dict[str, np.ndarray] | None:
  """The columns of a batch, or None if it is not stored, has another number of images, or was
  stored by a version that did not score what is returned."""
  path = _file(folder, number)
  if not path.exists():
    return None
  with np.load(path) as kept:
    columns = {name.replace("|", "/"): kept[name] for name in kept.files if name != "pictures"}
  complete = len(columns["seconds"]) == size and "result/psnr" in columns
  return columns if complete else None


def _write(folder, number, columns, restored) -> None:
  """Writes the file atomically."""
  folder.mkdir(parents=True, exist_ok=True)
  path = _file(folder, number)
  columns = {name.replace("/", "|"): values for name, values in columns.items()}
  pictures = to_uint8(restored[: SHOWN if number == 0 else 0])
  with atomic.replacing(path) as partial, partial.open("wb") as file:
    np.savez(file, pictures=pictures, **columns)


def _per_image(task, method, of, columns) -> list[dict]:
  """Rows of `images.csv`."""
  told = {name: values for name, values in columns.items() if values.ndim == 1}
  return [
    {"task": task, "method": method, "image": int(image), **{n: v[i] for n, v in told.items()}}
    for i, image in enumerate(of)
  ]


def _draw(out, methods, damages, source, seed, count) -> None:
  """The sheet: for each task the first images, one per row: original, damaged, each method (white
  if the method does not support the task)."""
  methods = [method for method in methods if method != "damaged"]
  batch = next(data.evaluation_batches(source, min(count, len(source))))
  x = batch["image"].astype(np.float32) / 255
  sheet = []
  for task, damage in damages.items():
    y, A = scoring.damage(damage, x, 0, seed)
    columns = [x, np.asarray(classical.damaged(y, A).image)]
    for method in methods:
      path = _file(_folder(out, task, method), 0)
      column = np.ones_like(x)
      if path.exists():
        with np.load(path) as kept:
          column[: len(kept["pictures"])] = kept["pictures"] / 255
      columns.append(column)
    sheet.append(np.stack(columns, 1).reshape(-1, *x.shape[1:]))
  figures.write_grid(out / "pictures.png", np.concatenate(sheet), len(methods) + 2)
