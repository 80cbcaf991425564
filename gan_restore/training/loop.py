"""One training loop for every family."""

import json
import os
import pathlib
import signal
import threading
import time

import jax
import ml_collections
import numpy as np
from absl import logging
from clu import parameter_overview
from jax.experimental import multihost_utils
from tqdm import tqdm

from gan_restore import data, models
from gan_restore.evaluation import figures, reports
from gan_restore.training import config as training_config
from gan_restore.training import history as training_history
from gan_restore.training import state as training_state
from gan_restore.training import step as training_step
from gan_restore.training import weights
from gan_restore.training.checkpoints import Checkpoints


def train(
  config: ml_collections.ConfigDict, workdir: str | os.PathLike
) -> training_state.TrainState:
  """Trains the run in `workdir`, or resumes it.

  A run may be resumed with another config of the same architecture. That config then replaces
  `config.json`. `finish` does not allow this.

  Args:
    config: A run, as in `configs/`.
    workdir: Folder for checkpoints, `config.json`, `metrics.csv`, loss curves and sample grids.

  Returns:
    The final state. If SIGTERM ended the run early, it is the state that was saved.

  Raises:
    ValueError: If a value of the config is invalid, or the checkpoints belong to another config.
    DataError: If the data cannot be downloaded or prepared.
    NonFiniteLossError: If a loss is infinite or NaN.
  """
  # --- Setup ---
  training_config.validate(config)
  if config.batch_size % jax.device_count():
    raise ValueError(
      f"config.batch_size is {config.batch_size}; it must be divisible by the"
      f" {jax.device_count()} devices"
    )
  family = models.get(config.family)
  frozen = ml_collections.FrozenConfigDict(config)
  workdir = pathlib.Path(workdir)
  lead = jax.process_index() == 0

  source = data.load(
    config.dataset, "train", config.image_size, config.data_dir, config.get("label", "")
  )
  _check_data(config, source)
  local_batch = config.batch_size // jax.process_count()
  if config.get("pictures"):
    batches = data.framed_batches(config, "train", local_batch)
  else:
    batches = data.train_batches(source, local_batch, config.seed, config.flip)

  # --- State ---
  workdir.mkdir(parents=True, exist_ok=True)
  checkpoints = Checkpoints(workdir, config.max_to_keep, config.keep_period)
  state = training_state.init_state(config)
  for player, variables in state.variables.items():
    logging.info("%s:\n%s", player, parameter_overview.get_parameter_overview(variables["params"]))
  restored = checkpoints.restore_newest(state)
  if restored:
    state, position = restored
    batches.set_state(position)
    logging.info("Resuming from step %d.", int(state.step))
  elif config.get("init_from"):
    state = weights.init_from(state, config.init_from)
  elif models.needs_weights(config):
    raise ValueError(
      "config.init_from is empty; it must name trained weights, because a part of these networks"
      " does not learn"
    )
  first = int(state.step)
  for field, (there, here) in _differences(config, workdir).items() if restored else ():
    logging.warning("The run resumes with config.%s = %r; before, it was %r.", field, here, there)
  if lead:
    reports.write_json(workdir / "config.json", config.to_dict())
    history = training_history.History(workdir, first)
  state = training_step.place(state)
  fixed = next(data.evaluation_batches(source, min(64, len(source))))  # For the grids.

  # --- Functions ---
  step_fn = training_step.parallel(training_step.make_step(config))
  fixed = {**fixed, "image": fixed["image"].astype(np.float32) / 127.5 - 1}
  samples_fn = jax.jit(
    lambda ema: family.samples(models.Trained(ema, frozen), fixed, jax.random.key(0))
  )

  # --- Loop ---
  pending: list[tuple[int, dict]] = []
  images = 0  # Of this process, since the last row of the history.
  since = time.perf_counter()
  with (
    _Termination() as termination,
    tqdm(
      total=config.steps,
      initial=first,
      unit="step",
      disable=not lead,
      dynamic_ncols=True,
      mininterval=1,
    ) as bar,
  ):
    for step in range(first + 1, config.steps + 1):
      active = family.active_players(config, step - 1)
      factor = training_step.learning_rate_factor(config, step - 1)
      batch = next(batches)
      state, metrics = step_fn(state, training_step.shard(batch), factor, active)
      pending.append((step, metrics))
      images += len(batch["image"])
      bar.update()

      terminated = termination.asked(step)
      last = step == config.steps or terminated
      saves = last or step % config.checkpoint_every == 0
      if saves or step % config.log_every == 0:
        averages = training_history.average(pending, checkpoints)
        now = time.perf_counter()
        speed = images * jax.process_count() / (now - since)
        pending, since, images = [], now, 0
        if lead:
          history.write(step, {**averages, "images_per_second": speed})
          bar.set_postfix_str(
            " ".join([f"{speed:.0f} images/s", *(f"{k}={v:.3f}" for k, v in averages.items())])
          )
      if saves:
        checkpoints.save(step, jax.device_get(state), batches.get_state())
      if lead and (last or step % config.sample_every == 0):
        grid = np.asarray(samples_fn(jax.device_get(state.ema)))
        figures.write_grid(workdir / f"samples_{step:06d}.png", grid)
        figures.plot_losses(workdir / "losses.png", history.rows)
      if terminated:
        logging.warning("SIGTERM: saved step %d; the same command resumes from it.", step)
        break

  checkpoints.wait()
  checkpoints.close()
  return jax.device_get(state)


def finish(config: ml_collections.ConfigDict, workdir: str | os.PathLike) -> None:
  """Trains like `train`, to the last step. A run in `workdir` must have the same config.

  Raises:
    ValueError: If the run in `workdir` has another config.
    InterruptedError: If SIGTERM ended the run early, after saving it.
  """
  check_same_run(config, workdir)
  state = train(config, workdir)
  if state.step < config.steps:
    raise InterruptedError(f"{workdir}: stopped and saved at step {state.step} of {config.steps}")


def check_same_run(config: ml_collections.ConfigDict, workdir: str | os.PathLike) -> None:
  """Raises an error if the workdir holds a run with another config.

  Raises:
    ValueError: If it does; the message names the first field that differs.
  """
  for field, (there, here) in _differences(config, workdir).items():
    raise ValueError(
      f"{workdir} holds a run whose {field} is {there!r}; it must be {here!r}, or choose another"
      " folder"
    )


def _differences(config, workdir) -> dict[str, tuple]:
  """{field: (value in the run, value in `config`)} of the fields in which the config of the run in
  `workdir` differs from `config`."""
  path = pathlib.Path(workdir) / "config.json"
  if not path.exists():
    return {}
  there, here = json.loads(path.read_text()), json.loads(config.to_json())
  return {
    field: (there.get(field), here.get(field))
    for field in sorted({*there, *here})
    if there.get(field) != here.get(field)
  }


def _check_data(config, source) -> None:
  """Raises an error if the images or labels of the data set do not match the config."""
  example = source[0]
  channels = example["image"].shape[-1]
  if channels != config.channels:
    raise ValueError(
      f"config.channels is {config.channels}; the images of {config.dataset} have {channels}"
    )
  if "classes" in config and source.classes != config.classes:
    has = f"{source.classes} classes or attributes" if source.classes else "no labels"
    raise ValueError(f"config.classes is {config.classes}; {config.dataset} has {has}")
  if "exclusive" in config and config.exclusive != (example["label"].ndim == 0):
    kind = "one class per image" if example["label"].ndim == 0 else "attributes"
    raise ValueError(f"config.exclusive is {config.exclusive}; {config.dataset} has {kind}")


class _Termination:
  """A context in which SIGTERM is recorded and does not end the process."""

  def __enter__(self):
    self._noted = False
    # With several processes JAX's own handler listens, so that all stop after the same step.
    alone = jax.process_count() == 1
    self._handles = alone and threading.current_thread() is threading.main_thread()
    if self._handles:
      self._previous = signal.signal(signal.SIGTERM, self._note)
    return self

  def _note(self, signum, frame):
    del signum, frame
    self._noted = True

  def asked(self, step: int) -> bool:
    """Whether to stop after this step."""
    if jax.process_count() > 1:
      return multihost_utils.reached_preemption_sync_point(step)
    return self._noted

  def __exit__(self, *_):
    if self._handles:
      signal.signal(signal.SIGTERM, self._previous)
