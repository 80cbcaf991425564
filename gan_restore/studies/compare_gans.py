"""Compares GANs that restore from coarse images: table 1 of the ResGAN paper, `gan-restore
compare-gans`.

Every model is trained on the same images, coarse inputs, labels, batches and steps. Its accuracy is
that of a classifier, trained only on real images, on the images that the model has restored.
"""

import functools
import itertools
import json
import os
import pathlib
from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from gan_restore import data, models
from gan_restore.degradations import operators
from gan_restore.evaluation import figures, metrics, reports, scoring
from gan_restore.models import Trained
from gan_restore.restorers import classical
from gan_restore.training import config as training_config
from gan_restore.training import history, loop, weights

GIVEN = {  # The inputs of each model for a restoration, besides the coarse image.
  "gan": "nothing",
  "dcgan": "nothing",
  "wgan": "nothing",
  "cgan": "the label",
  "resgan": "nothing",
}
REFERENCES: dict[str, Callable] = {  # Baselines without a network.
  "coarse": classical.damaged,
  "bicubic": classical.bicubic,
  "lanczos": classical.lanczos,
}


def measure(
  restore: Callable,
  classifier: Trained,
  source: data.Source,
  factor: int,
  limit: int,
  own: Trained | None = None,
) -> dict[str, float]:
  """Restores the first images of `source` from their coarse versions, and scores the results.

  Args:
    restore: (y, A, label=...) -> Result.
    classifier: A trained `classifier` of the same data set.
    source: From `data.load`.
    factor: Factor of the coarse images.
    limit: Maximum number of images.
    own: The model, if it has its own classifier.

  Returns:
    `accuracy` and `balanced_accuracy` of the classifier on the restored images, `psnr`, `ssim`, and
    `own_accuracy`, that of the model's own classifier, if there is one.
  """
  A = operators.coarsen(factor)
  classify, classify_own = _classify(classifier), own and _classify(own)
  batches: dict[str, list] = {}
  for batch in data.evaluation_batches(source, 64, limit):
    x, label = batch["image"].astype(np.float32) / 255, batch["label"]
    image = restore(A(x), A, label=label).image
    values = {**scoring.score(image, x), "logits": classify(image), "label": label}
    if classify_own:
      values["own_accuracy"] = metrics.accuracy(classify_own(image), label)
    for name, value in values.items():
      batches.setdefault(name, []).append(np.asarray(value)[batch["valid"] == 1])
  columns = {name: np.concatenate(values) for name, values in batches.items()}
  logits, label = columns.pop("logits"), columns.pop("label")
  return {
    "accuracy": float(jnp.mean(metrics.accuracy(logits, label))),
    "balanced_accuracy": metrics.balanced_accuracy(logits, label),
    **{name: float(values.mean()) for name, values in columns.items()},
  }


def _classify(trained: Trained) -> Callable:
  """Images in [0, 1] -> logits."""
  family = cast(models.WithClassifier, trained.family)
  return jax.jit(functools.partial(family.classify, trained))


def run(
  make_config: Callable,
  datasets: list[str],
  names: list[str],
  seeds: list[int],
  workdir: str | os.PathLike,
  limit: int,
) -> list[dict]:
  """Trains and measures the models; finished trainings and measurements are not repeated.

  Args:
    make_config: (name of a model or `classifier`, data set, seed) -> config.
    datasets: Names of data sets in `configs/coarse.py`.
    names: Names of models, out of `GIVEN`.
    seeds: Each gives a training of each model.
    workdir: Folder for the training workdirs, `comparison.json` and the figures.
    limit: Maximum number of test images.

  Returns:
    Rows of these models, seeds and images: `dataset`, `model`, `images` and the values of
    `measure`; for a model also `seed`, `steps`, `batch_size`, `loss` (the sum of its players'
    losses, averaged over the last tenth of the run) and `images_per_second` in training. The model
    `real` stands for the originals themselves, with the steps and batch size of the classifier.

  Raises:
    ValueError: If a config is invalid, a training in `workdir` has another config, or the models
      are trained for another factor than that with which they are measured.
  """
  workdir = pathlib.Path(workdir)
  path = workdir / "comparison.json"
  rows = json.loads(path.read_text()) if path.exists() else []
  _check(make_config, datasets, names, seeds, workdir)
  found = []
  for dataset in datasets:
    config = make_config("classifier", dataset, seeds[0])
    source = data.load(config.dataset, "test", config.image_size, config.data_dir, config.label)
    loop.finish(config, workdir / dataset / "classifier")
    classifier = weights.load(workdir / dataset / "classifier", family="classifier")
    given = classifier, source, config.factor, limit

    cells: list[tuple[str, int | None]] = [(name, None) for name in ("real", *REFERENCES)]
    cells += [(name, seed) for seed in seeds for name in names]
    for name, seed in cells:
      cell: dict[str, Any] = {"dataset": dataset, "model": name, "images": min(limit, len(source))}
      folder = workdir / dataset / f"{name}-{seed}"
      if seed is not None:
        config = make_config(name, dataset, seed)
        cell["seed"] = seed
      if name not in REFERENCES:
        cell |= {"steps": config.steps, "batch_size": config.batch_size}
      if known := [row for row in rows if cell.items() <= row.items()]:
        found.append(known[-1])
        continue
      logging.info("%s", cell)
      if name == "real":
        values = dict(classifier.family.evaluate(classifier, source, limit))
      elif name in REFERENCES:
        values = measure(functools.partial(_unlabelled, REFERENCES[name]), *given)
      else:
        loop.finish(config, folder)
        trained = weights.load(folder)
        restore = functools.partial(trained.family.restore, trained)
        own = trained if isinstance(trained.family, models.WithClassifier) else None
        values = _training(folder, config) | measure(restore, *given, own)
      rows.append(cell | values)
      found.append(rows[-1])
      reports.write_json(path, rows)
    _draw(workdir, dataset, names, seeds[0], source)
  return found


def _check(make_config, datasets, names, seeds, workdir) -> None:
  """Finds what is wrong with the configs before the first training."""
  for dataset in datasets:
    judge = make_config("classifier", dataset, seeds[0])
    configs = {"classifier": judge}
    configs |= {
      f"{name}-{seed}": make_config(name, dataset, seed) for name in names for seed in seeds
    }
    for name, config in configs.items():
      training_config.validate(config)
      loop.check_same_run(config, workdir / dataset / name)
      if config.factor != judge.factor:
        raise ValueError(
          f"{name} has the factor {config.factor}, and the classifier {judge.factor}; they must be"
          " equal (--set and --judge-set)"
        )


def _unlabelled(restore, y, A, label):
  del label
  return restore(y, A)


def _training(folder, config) -> dict[str, float]:
  """`loss`, the sum of the players' losses, averaged over the last tenth of a run, and
  `images_per_second`."""
  rows = history.read_metrics(folder)
  last = [row for row in rows if row["step"] > 0.9 * config.steps]
  losses = [f"{player}_loss" for player in models.get(config.family).PLAYERS]
  return {
    "loss": float(sum(np.mean([row[name] for row in last if name in row]) for name in losses)),
    "images_per_second": float(np.median([row["images_per_second"] for row in rows])),
  }


def _draw(workdir, dataset, names, seed, source, count=8) -> None:
  """Restorations of each model, and the curves of each training."""
  folders = {name: workdir / dataset / f"{name}-{seed}" for name in names}
  trained = {name: weights.load(folder) for name, folder in folders.items()}
  batch = next(data.evaluation_batches(source, count))
  x = batch["image"].astype(np.float32) / 255
  A = operators.coarsen(next(iter(trained.values())).config.factor)
  restored = [m.family.restore(m, A(x), A, label=batch["label"]).image for m in trained.values()]
  pictures = jnp.stack([A(x), *restored, x], 1).reshape(-1, *x.shape[1:])
  figures.write_grid(workdir / f"{dataset}.png", pictures, len(restored) + 2, scale=2)
  for name, folder in folders.items():
    rows = history.read_metrics(folder)
    panels: dict[str, dict] = {"loss": {}, "accuracy": {}}
    for metric in dict.fromkeys(metric for row in rows for metric in row):
      for kind, panel in panels.items():
        if kind in metric.split("_"):
          label = " ".join(word for word in metric.split("_") if word != kind)
          panel[label] = [(row["step"], row[metric]) for row in rows if metric in row]
    panels = {kind: panel for kind, panel in panels.items() if panel}
    losses = [f"{player}_loss" for player in trained[name].family.PLAYERS]
    balance = crossing(rows, *losses)
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
  """The paper's table 1: "losses/accuracies", the means over the seeds, with the standard deviation
  of the accuracies if there are several seeds."""
  datasets = list(dict.fromkeys(row["dataset"] for row in rows))
  result = []
  for name in dict.fromkeys(row["model"] for row in rows):
    line = {"model": name, "given": GIVEN.get(name, "")}
    for dataset in datasets:
      own = [row for row in rows if (row["model"], row["dataset"]) == (name, dataset)]
      losses = [row["loss"] for row in own if "loss" in row]
      accuracies = [row["accuracy"] for row in own]
      line[dataset] = f"{np.mean(losses):.2f}/" if losses else ""
      line[dataset] += f"{np.mean(accuracies):.3f}" if own else ""
      line[dataset] += f" ± {np.std(accuracies):.3f}" if len(own) > 1 else ""
    result.append(line)
  return result
