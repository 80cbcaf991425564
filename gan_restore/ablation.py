"""Variants of a system, compared on equal terms: `gan-restore ablation`.

The same data, steps and seed to train on; the same test images with the same damage to restore.
"""

import os
import pathlib
from collections.abc import Iterator

import jax.numpy as jnp
import ml_collections
import numpy as np

from gan_restore import data, evaluation, figures, restorers, tasks, train
from gan_restore.restorers import classical


def train_variants(
  configs: dict[str, ml_collections.ConfigDict], workdir: str | os.PathLike
) -> dict[str, pathlib.Path]:
  """Trains each variant in a folder of its own; goes on with those begun, leaves those done.

  Args:
    configs: {variant: config}.
    workdir: Gets a training workdir for each.

  Returns:
    {variant: its workdir}.
  """
  workdirs = {name: pathlib.Path(workdir) / name for name in configs}
  for name, config in configs.items():
    train.train(config, workdirs[name])
  return workdirs


def score(
  workdirs: dict[str, pathlib.Path], task: tasks.Task, source, *, limit: int, seed: int = 0
) -> Iterator[dict]:
  """Scores the newest averaged weights of each variant.

  Args:
    workdirs: Of `train_variants`.
    task: What is done to the images.
    source: From `data.load`.
    limit: At most this many images.
    seed: Of masks and noise.

  Yields:
    Rows: `variant`, `output` (raw, composited) and every score of `evaluation.evaluate`.
  """
  for name, workdir in workdirs.items():
    scores = evaluation.evaluate(restorers.load(str(workdir)), task, source, limit=limit, seed=seed)
    for row in evaluation.rows(scores):
      if row["output"] != "result":
        yield {"variant": name, **row}


def draw_restorations(
  path: str | os.PathLike,
  workdirs: dict[str, pathlib.Path],
  task: tasks.Task,
  source,
  *,
  count: int = 8,
  seed: int = 0,
) -> None:
  """One row an image: original, damaged, and restored by each variant (the paper's figure 3)."""
  batch = next(data.evaluation_batches(source, count))
  x = batch["image"].astype(np.float32) / 255
  y, A = evaluation.damage(task, x, 0, seed)
  columns = [x, classical.damaged(y, A).image]
  columns += [restorers.load(str(workdir))(y, A).image for workdir in workdirs.values()]
  pictures = jnp.stack(columns, 1).reshape(-1, *x.shape[1:])
  figures.write_grid(path, pictures, len(columns), scale=2)


def draw_curves(
  path: str | os.PathLike, workdirs: dict[str, pathlib.Path], panels: dict[str, str]
) -> None:
  """The training losses of the variants on common axes (the paper's figure 4).

  Args:
    path: The picture.
    workdirs: Of `train_variants`.
    panels: {name of a metric: title of its panel}.
  """
  histories = {name: train.read_metrics(workdir) for name, workdir in workdirs.items()}
  figures.plot_curves(
    path,
    {
      title: {
        name: [(row["step"], row[metric]) for row in rows if metric in row]
        for name, rows in histories.items()
      }
      for metric, title in panels.items()
    },
  )
