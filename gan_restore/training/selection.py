"""The choice of the best checkpoint of a run, and its export as a weights file."""

import json
import os
import pathlib

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from absl import logging

from gan_restore import data, models
from gan_restore.evaluation import reports
from gan_restore.training import config as training_config
from gan_restore.training import weights
from gan_restore.training.checkpoints import Checkpoints
from gan_restore.training.state import state_shapes


def export_best(config: ml_collections.ConfigDict, workdir: str | os.PathLike) -> dict:
  """Scores every kept checkpoint of a run on the validation split and exports the best.

  Writes `evaluation.json`, which holds the config and the scores, and `weights.safetensors` with
  the averaged weights of the checkpoint whose first score is the largest, or of step
  `config.export_step`, if that is not 0. A checkpoint that has been scored with the same config is
  not scored again.

  Args:
    config: Of its fields, `dataset`, `data_dir` and `export_step` are used; the others are those of
      the run.
    workdir: The run's folder.

  Returns:
    {step: {name: score}}.

  Raises:
    ValueError: If there are no checkpoints, or there is none of step `config.export_step`.
  """
  workdir = pathlib.Path(workdir)
  checkpoints = Checkpoints(workdir, read_only=True)
  given, config = config, training_config.read(workdir)
  own = ml_collections.FrozenConfigDict(config)  # Of the training, which is that of the weights.
  if given.family != config.family:
    raise ValueError(
      f"{workdir} holds a {config.family}, and the config is that of a {given.family}"
    )
  for name in ("dataset", "data_dir", "export_step"):
    config[name] = given[name]
  training_config.validate(config)
  family = models.get(config.family)
  steps = checkpoints.steps()
  if not steps:
    raise ValueError(f"{workdir}: no checkpoint to evaluate")
  if config.export_step and config.export_step not in steps:
    raise ValueError(
      f"config.export_step is {config.export_step}; {workdir} has checkpoints of {steps}"
    )
  source = data.load(
    config.dataset, "validation", config.image_size, config.data_dir, config.get("label", "")
  )
  like = state_shapes(config)

  def trained(step):
    ema = checkpoints.restore(step, like)[0].ema
    return models.Trained(jax.tree.map(jnp.asarray, ema), own)

  path = workdir / "evaluation.json"
  scores = _read(path, config)
  for step in steps:
    if str(step) not in scores:
      scores[str(step)] = dict(family.evaluate(trained(step), source))
      reports.write_json(path, {"config": config.to_dict(), "scores": scores})
    logging.info("step %d: %s", step, scores[str(step)])

  def first(step):  # A score that is not finite is null in the file.
    value = next(iter(scores[str(step)].values()))
    return value if value is not None and np.isfinite(value) else -np.inf

  best = config.export_step or max(steps, key=first)
  weights.save(workdir / "weights.safetensors", trained(best), f"step {best}")
  logging.info("Exported step %d: %s", best, workdir / "weights.safetensors")
  checkpoints.close()
  return scores


def _read(path: pathlib.Path, config: ml_collections.ConfigDict) -> dict[str, dict]:
  """The scores {step: {name: score}} of an earlier evaluation; empty if its config was
  different."""
  if not path.exists():
    return {}
  found = json.loads(path.read_text())
  of = lambda config: {name: v for name, v in config.items() if name != "export_step"}
  same = of(found.get("config", {})) == of(json.loads(config.to_json()))
  return found["scores"] if same else {}
