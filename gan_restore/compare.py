"""Generators compared: table 1 of the ResGAN paper, `gan-restore compare-gans`.

Every model is trained on the same images, coarse inputs, labels, batches and steps. Its accuracy is
how often a classifier, trained on real images alone, recognises what the model has restored.
"""

import itertools
import json
import os
import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from gan_restore import coarse, data, evaluation, figures, metrics, models, train, weights

GIVEN = {  # What each is given when it restores, beside the coarse image.
  "gan": "nothing",
  "dcgan": "nothing",
  "wgan": "nothing",
  "cgan": "the label",
  "resgan": "nothing",
}


def measure(trained: weights.Trained, judge: weights.Trained, source, limit: int) -> dict:
  """Restores the first images of `source` from their coarse versions.

  Args:
    trained: One of the families that restore from coarse images.
    judge: A trained `classifier` of the same data set.
    source: From `data.load`.
    limit: Images at most.

  Returns:
    `accuracy` and `balanced_accuracy` of the judge on the restored images, `own_accuracy` of the
    discriminator where it classifies, `psnr`, `ssim`, `images`.
  """
  family, config = trained.family, trained.config
  ask = jax.jit(lambda image: judge.family.answer(judge.config, judge.variables, image))
  generate = jax.jit(lambda x, label: family.generate(config, trained.variables, x, label))
  own = jax.jit(lambda x: family.answer(config, trained.variables, x))
  classifies = hasattr(family, "answer")
  columns: dict[str, list] = {}
  for batch in data.evaluation_batches(source, 64, limit):
    x = batch["image"].astype(np.float32) / 255
    restored = generate(coarse.coarsen(config, 2 * x - 1), batch["label"])
    image = (restored + 1) / 2
    values = {**evaluation.score(image, x), "logits": ask(image), "label": batch["label"]}
    if classifies:
      values["own_accuracy"] = metrics.accuracy(own(restored), batch["label"])
    for name, value in values.items():
      columns.setdefault(name, []).append(np.asarray(value)[batch["valid"] == 1])
  columns = {name: np.concatenate(values) for name, values in columns.items()}
  logits, label = columns.pop("logits"), columns.pop("label")
  return {
    "accuracy": float(jnp.mean(metrics.accuracy(logits, label))),
    "balanced_accuracy": metrics.balanced_accuracy(logits, label),
    **{name: float(values.mean()) for name, values in columns.items()},
    "images": len(label),
  }


def run(
  make_config: Callable,
  datasets: list[str],
  names: list[str],
  seeds: list[int],
  workdir: str | os.PathLike,
  limit: int,
) -> list[dict]:
  """Trains what is not trained yet and measures what is not measured yet.

  Args:
    make_config: (name of a model or `classifier`, data set, seed) -> config.
    datasets: Names of `configs/coarse.py`.
    names: Models, out of `GIVEN`.
    seeds: Each gives a training of each model.
    workdir: Gets a training workdir for each, `comparison.json`, and the figures.
    limit: Test images at most.

  Returns:
    Rows: `dataset`, `model`, `seed`, `steps`, `batch_size`, `loss` (the sum of its players', over
    the last tenth of the run), and what `measure` gives.
  """
  workdir = pathlib.Path(workdir)
  path = workdir / "comparison.json"
  rows = json.loads(path.read_text()) if path.exists() else []
  for dataset in datasets:
    config = make_config("classifier", dataset, seeds[0])
    source = data.load(config.dataset, "test", config.image_size, config.data_dir)
    train.train(config, workdir / dataset / "classifier")
    judge = weights.load(workdir / dataset / "classifier", family="classifier")
    for seed in seeds:
      for name in names:
        config = make_config(name, dataset, seed)
        cell = {"dataset": dataset, "model": name, "seed": seed, "steps": config.steps}
        if any(cell.items() <= row.items() for row in rows):
          continue
        logging.info("%s", cell)
        folder = workdir / dataset / f"{name}-{seed}"
        train.train(config, folder)
        trained = weights.load(folder)
        cell |= {"batch_size": config.batch_size, "loss": _last_loss(folder, config)}
        rows.append(cell | measure(trained, judge, source, limit))
        path.write_text(json.dumps(rows, indent=2) + "\n")
    _draw(workdir, dataset, names, seeds[0], source)
  return rows


def _last_loss(folder, config) -> float:
  """The sum of the players' losses, over the last tenth of a run."""
  rows = train.read_metrics(folder)
  rows = [row for row in rows if row["step"] > 0.9 * config.steps]
  players = models.get(config.family).PLAYERS
  mean = lambda name: np.mean([row[name] for row in rows if name in row])
  return float(sum(mean(f"{player}_loss") for player in players))


def _draw(workdir, dataset, names, seed, source, count=8) -> None:
  """Restorations of each model, and the curves of each training."""
  folders = {name: workdir / dataset / f"{name}-{seed}" for name in names}
  batch = next(data.evaluation_batches(source, count))
  x = 2 * (batch["image"].astype(np.float32) / 255) - 1
  columns = []
  for folder in folders.values():
    trained = weights.load(folder)
    given = coarse.coarsen(trained.config, x)
    columns = columns or [given]
    columns.append(
      trained.family.generate(trained.config, trained.variables, given, batch["label"])
    )
  pictures = jnp.stack([*columns, x], 1).reshape(-1, *x.shape[1:])
  figures.write_grid(workdir / f"{dataset}.png", (pictures + 1) / 2, len(columns) + 1, scale=2)
  for name, folder in folders.items():
    rows = train.read_metrics(folder)
    curve = lambda metric, rows=rows: [(r["step"], r[metric]) for r in rows if metric in r]
    panels = {"loss": {}, "accuracy": {}}
    for metric in dict.fromkeys(metric for row in rows for metric in row):
      for kind, panel in panels.items():
        if kind in metric.split("_"):
          panel[metric.replace(f"_{kind}", "").replace(f"{kind}_", "")] = curve(metric)
    panels = {kind: panel for kind, panel in panels.items() if panel}
    players = models.get(weights.load(folder).config.family).PLAYERS
    balance = crossing(rows, *(f"{player}_loss" for player in players))
    marks = {} if balance is None else {"loss": balance}
    figures.plot_curves(workdir / f"{dataset}-{name}.png", panels, marks)


def crossing(rows: list[dict[str, float]], a: str, b: str) -> float | None:
  """The step at which two curves first cross, or None (the paper's balance of G and D)."""
  points = [(row["step"], row[a] - row[b]) for row in rows if a in row and b in row]
  for (_, before), (step, after) in itertools.pairwise(points):
    if before * after <= 0:
      return step
  return None


def table(rows: list[dict]) -> list[dict]:
  """The paper's table 1: "losses/accuracies", the means over the seeds."""
  datasets = list(dict.fromkeys(row["dataset"] for row in rows))
  result = []
  for name in dict.fromkeys(row["model"] for row in rows):
    line = {"model": name, "given": GIVEN[name]}
    for dataset in datasets:
      own = [row for row in rows if (row["model"], row["dataset"]) == (name, dataset)]
      mean = lambda key, own=own: np.mean([row[key] for row in own])
      line[dataset] = f"{mean('loss'):.2f}/{mean('accuracy'):.3f}" if own else ""
    result.append(line)
  return result
