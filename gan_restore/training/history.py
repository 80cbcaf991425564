"""The history of a run: `metrics.csv`, and TensorBoard if it is installed."""

import csv
import math
import os
import pathlib

import jax
import numpy as np
from clu import metrics as clu_metrics

from gan_restore.data import atomic
from gan_restore.training.checkpoints import Checkpoints


class NonFiniteLossError(FloatingPointError):
  """A loss became infinite or NaN."""


def read_metrics(workdir: str | os.PathLike) -> list[dict[str, float]]:
  """Reads the history of a run.

  Args:
    workdir: The run's folder.

  Returns:
    {name: value} of each logged step, from `metrics.csv`; an empty list if there is no such file.
  """
  path = pathlib.Path(workdir) / "metrics.csv"
  if not path.exists():
    return []
  with path.open() as file:
    return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


class History:
  """Writes the metrics of a run to `metrics.csv`, and to TensorBoard if it is installed.

  Args:
    workdir: The run's folder.
    step: The step from which the run resumes; rows of later steps are dropped.
  """

  def __init__(self, workdir: pathlib.Path, step: int):
    self._path = workdir / "metrics.csv"
    self.rows = [row for row in read_metrics(workdir) if row["step"] <= step]
    try:
      from clu import metric_writers

      self._writer = metric_writers.SummaryWriter(str(workdir))
    except ImportError:  # TensorFlow and TensorBoard are an extra.
      self._writer = None

  def write(self, step: int, values: dict[str, float]) -> None:
    """Adds the metrics {name: value} of a step."""
    self.rows.append({"step": step, **values})
    names = list(dict.fromkeys(name for row in self.rows for name in row))
    with atomic.replacing(self._path) as partial, partial.open("w", newline="") as file:
      writer = csv.DictWriter(file, names, restval="")
      writer.writeheader()
      for row in self.rows:
        writer.writerow({**row, "step": int(row["step"])})
    if self._writer:
      self._writer.write_scalars(step, values)
      self._writer.flush()


def average(pending: list[tuple[int, dict]], checkpoints: Checkpoints) -> dict[str, float]:
  """The means of some steps' metrics.

  Args:
    pending: (step, metrics) of each step.
    checkpoints: The checkpoints of the run.

  Returns:
    {name: mean over the steps that have it}.

  Raises:
    NonFiniteLossError: If a loss is infinite or NaN.
  """
  totals: dict[str, clu_metrics.Average] = {}  # The mean over the steps that have the metric.
  for step, values in jax.device_get(pending):
    for name, value in values.items():
      value = np.asarray(value)
      if name.endswith("_loss") and not math.isfinite(value):
        checkpoints.wait()
        good = checkpoints.steps()
        last = (
          f"the last good checkpoint is that of step {good[-1]}" if good else "no checkpoint yet"
        )
        player = name.removesuffix("_loss")
        raise NonFiniteLossError(f"the {player}'s loss is {value} at step {step}; {last}")
      new = clu_metrics.Average.from_model_output(value)
      totals[name] = totals[name].merge(new) if name in totals else new
  return {name: float(total.compute()) for name, total in totals.items()}
