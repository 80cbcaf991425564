"""Compares variants of a system: `gan-restore ablation`.

All variants are trained on the same data, for the same number of steps, with the same seed, and
complete the same test images with the same holes.
"""

import os
import pathlib

import jax.numpy as jnp
import ml_collections
import numpy as np

from gan_restore import data, hub, models
from gan_restore.degradations import tasks
from gan_restore.evaluation import figures, reports, scoring
from gan_restore.restorers import classical
from gan_restore.training import config as training_config
from gan_restore.training import history, loop


def run(
  configs: dict[str, ml_collections.ConfigDict],
  workdir: str | os.PathLike,
  masks: list[str],
  limit: int,
  seed: int = 0,
) -> list[dict]:
  """Trains, scores and draws the variants. Finished trainings are loaded and interrupted ones are
  resumed.

  Args:
    configs: {variant: config}.
    workdir: Folder for the workdir of each variant, `ablation.json`, `restorations.png` and
      `losses.png`.
    masks: Kinds of holes, each of which is scored separately.
    limit: Maximum number of test images.
    seed: Random seed of the test masks.

  Returns:
    Rows: `mask`, `variant`, `output` (raw, composited), every score of `scoring.evaluate`,
    `images_per_second` in training and, for each player, `PLAYER_fluctuation`: the standard
    deviation of its loss over the second half of the run, as a share of the mean.
  """
  workdir = pathlib.Path(workdir)
  workdirs = {name: workdir / name for name in configs}
  # What is wrong with the options is found before the trainings.
  holes = {kind: tasks.get("inpaint", mask=kind) for kind in masks}
  for name, own in configs.items():
    training_config.validate(own)
    loop.check_same_run(own, workdirs[name])
    family = models.get(own.family)
    if not models.restores(family) or models.task(family) not in (None, "inpaint"):
      raise ValueError(f"{name} is a {own.family}, which does not fill holes")
  config = next(iter(configs.values()))
  for name, own in configs.items():
    for field in ("dataset", "data_dir", "image_size", "channels"):
      if own[field] != config[field]:
        raise ValueError(
          f"{name} has {field} {own[field]!r}, and {next(iter(configs))} has {config[field]!r};"
          " they must be equal, because all variants are scored on the same images"
        )
  source = data.load(config.dataset, "test", config.image_size, config.data_dir)
  for name, own in configs.items():
    loop.finish(own, workdirs[name])
  variants = {name: hub.load(path) for name, path in workdirs.items()}

  trainings = {name: _training(path) for name, path in workdirs.items()}
  rows = []
  for kind, task in holes.items():
    for name, restorer in variants.items():
      scores = scoring.evaluate(restorer, task, source, limit=limit, seed=seed)
      rows += [
        {"mask": kind, "variant": name, **trainings[name], **row}
        for row in reports.rows(scores)
        if row["output"] != "result"
      ]
  reports.write_json(workdir / "ablation.json", rows)
  task = tasks.get("inpaint", mask=",".join(masks))
  _draw_restorations(workdir / "restorations.png", variants, task, source, seed)
  _draw_curves(workdir / "losses.png", workdirs, models.get(config.family).CURVES)
  return rows


def _training(workdir) -> dict[str, float]:
  """The speed of a training and the fluctuation of its losses."""
  rows = history.read_metrics(workdir)
  values = {"images_per_second": float(np.median([row["images_per_second"] for row in rows]))}
  late = rows[len(rows) // 2 :]
  for name in late[-1]:
    if name.endswith("_loss"):
      losses = [row[name] for row in late if name in row]
      share = np.std(losses) / max(abs(float(np.mean(losses))), 1e-9)
      values[f"{name.removesuffix('_loss')}_fluctuation"] = float(share)
  return values


def _draw_restorations(path, variants, task, source, seed, count=8) -> None:
  """The paper's figure 3: rows of original, damaged, and completed by each variant."""
  batch = next(data.evaluation_batches(source, count))
  x = batch["image"].astype(np.float32) / 255
  y, A = scoring.damage(task, x, 0, seed)
  columns = [x, classical.damaged(y, A).image]
  columns += [restorer(y, A).image for restorer in variants.values()]
  pictures = jnp.stack(columns, 1).reshape(-1, *x.shape[1:])
  figures.write_grid(path, pictures, len(columns), scale=2)


def _draw_curves(path, workdirs, panels) -> None:
  """The paper's figure 4: the losses {metric: title} of the variants on common axes."""
  histories = {name: history.read_metrics(workdir) for name, workdir in workdirs.items()}
  curves = lambda metric: {
    name: [(row["step"], row[metric]) for row in rows if metric in row]
    for name, rows in histories.items()
  }
  figures.plot_curves(path, {title: curves(metric) for metric, title in panels.items()})
