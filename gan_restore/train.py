"""One training loop for every family.

The step is a pure per-device function, wrapped once in `jax.pmap`; what a family is, `models` says.
"""

import csv
import math
import os
import pathlib
import signal
import threading
import time
from collections.abc import Callable

import flax
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from absl import logging
from clu import metrics as clu_metrics
from clu import parameter_overview
from jax.experimental import multihost_utils
from tqdm import tqdm

from gan_restore import augment, data, figures, models, weights
from gan_restore.checkpoints import Checkpoints
from gan_restore.layers import AXIS


@flax.struct.dataclass
class TrainState:
  """Everything a run consists of, but for its data position.

  Attributes:
    step: Steps done, int32.
    key: The run's random key; each step folds its number in.
    variables: {player: {"params": ..., "batch_stats": ...}}.
    ema: Exponential moving average of `variables`.
    opt_state: {player: optimiser state}.
  """

  step: jax.Array
  key: jax.Array
  variables: dict
  ema: dict
  opt_state: dict


class NonFiniteLossError(FloatingPointError):
  """A loss became infinite or NaN."""


# --- The config ---------------------------------------------------------------------------------

_POSITIVE = (lambda v: v > 0, "a number above 0")
_COUNT = (lambda v: v >= 1, "a whole number of at least 1")
_FRACTION = (lambda v: 0 <= v < 1, "at least 0 and below 1")
_REQUIREMENTS = {
  "batch_size": _COUNT,
  "steps": _COUNT,
  "image_size": (lambda v: v >= 8 and v & (v - 1) == 0, "a power of two of at least 8"),
  "channels": (lambda v: v in (1, 3), "1 or 3"),
  "width": _COUNT,
  "learning_rate": _POSITIVE,
  "schedule": (lambda v: v in ("constant", "cosine"), "constant or cosine"),
  "beta1": _FRACTION,
  "ema_decay": _FRACTION,
  "log_every": _COUNT,
  "sample_every": _COUNT,
  "checkpoint_every": _COUNT,
  "keep": _COUNT,
  "keep_every": (lambda v: v >= 0, "a whole number of at least 0"),
  "seed": (lambda v: 0 <= v < 2**32, "between 0 and 2^32 - 1"),
  "dtype": (lambda v: v in ("float32", "bfloat16"), "float32 or bfloat16"),
  "augment": (
    lambda v: not set(filter(None, v.split(","))) - set(augment.POLICIES),
    f"names out of {', '.join(augment.POLICIES)}, by commas",
  ),
}


def validate(config: ml_collections.ConfigDict) -> None:
  """Refuses impossible values.

  Raises:
    ValueError: Naming the field, its value and what it may be.
  """
  family = models.get(config.family)
  for field, (holds, wanted) in (_REQUIREMENTS | family.REQUIREMENTS).items():
    if field in config and not holds(config[field]):
      raise ValueError(f"config.{field} is {config[field]!r}; it must be {wanted}")
  if config.batch_size % jax.device_count():
    raise ValueError(
      f"config.batch_size is {config.batch_size}; it must be divisible by the"
      f" {jax.device_count()} devices"
    )


# --- The step -----------------------------------------------------------------------------------


def optimizer(config: ml_collections.ConfigDict, player: str) -> optax.GradientTransformation:
  """A player's optimiser: the family's own, or Adam."""
  family = models.get(config.family)
  if hasattr(family, "optimizer"):
    return family.optimizer(config, player)
  return optax.adam(config.learning_rate, b1=config.beta1)


def learning_rate_factor(config: ml_collections.ConfigDict, step: jax.Array) -> jax.Array:
  """What the learning rate is multiplied by at a step of the run, whichever players learn."""
  if config.schedule == "cosine":
    return optax.cosine_decay_schedule(1.0, config.steps)(step)
  return jnp.ones(())


def init_state(config: ml_collections.ConfigDict) -> TrainState:
  """The state at step 0, a function of the config alone."""
  key = jax.random.PRNGKey(config.seed)
  variables = models.get(config.family).init(config, key)
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    key=key,
    variables=variables,
    ema=jax.tree.map(jnp.copy, variables),
    opt_state={p: optimizer(config, p).init(v["params"]) for p, v in variables.items()},
  )


def start_from(state: TrainState, path: str | os.PathLike) -> TrainState:
  """A fresh state with the networks of a weights file or a training workdir in place of its own.

  Args:
    state: Of step 0.
    path: As `weights.load` takes it; players that it does not hold stay as they are.

  Returns:
    The state.

  Raises:
    WeightsError: If there are no weights.
    ValueError: If they are of another architecture.
  """
  theirs = weights.load(path).variables
  for player, own in theirs.items():
    shapes = lambda tree: jax.tree.map(jnp.shape, tree)
    if shapes(own) != shapes(state.variables.get(player)):
      raise ValueError(f"config.start is {path!r}, whose {player} is of another architecture")
  variables = {**state.variables, **theirs}
  return state.replace(variables=variables, ema=jax.tree.map(jnp.copy, variables))


def make_step(config: ml_collections.ConfigDict) -> Callable:
  """The per-device step: (state, batch, learning players) -> (state, metrics).

  All players' losses come from one forward pass; each player's gradient is the pullback of its own
  loss. Gradients, batch statistics and metrics are averaged over the axis.
  """
  family = models.get(config.family)
  tx = {player: optimizer(config, player) for player in family.PLAYERS}

  def step(state: TrainState, batch: dict, learning: tuple[str, ...]):
    key = jax.random.fold_in(jax.random.fold_in(state.key, state.step), jax.lax.axis_index(AXIS))
    batch = {**batch, "image": batch["image"].astype(jnp.float32) / 127.5 - 1}

    def play(params):
      variables = {p: {**v, "params": params[p]} for p, v in state.variables.items()}
      return family.play(config, variables, batch, key, learning)

    params = {p: v["params"] for p, v in state.variables.items()}
    values, pullback, (stats, metrics) = jax.vjp(play, params, has_aux=True)
    variables, opt_state = dict(state.variables), dict(state.opt_state)
    factor = learning_rate_factor(config, state.step)
    for player in learning:
      own = {p: jnp.asarray(p == player, v.dtype) for p, v in values.items()}
      gradient = jax.lax.pmean(pullback(own)[0][player], AXIS)
      updates, opt_state[player] = tx[player].update(gradient, opt_state[player], params[player])
      updates = jax.tree.map(lambda x: factor * x, updates)
      variables[player] = {
        **jax.lax.pmean(stats.get(player, {}), AXIS),
        "params": optax.apply_updates(params[player], updates),
      }
    # While the run is young the average spans a tenth of it, so that it forgets the first weights.
    decay = jnp.minimum(config.ema_decay, (1 + state.step) / (10 + state.step))
    ema = jax.tree.map(lambda a, b: decay * a + (1 - decay) * b, state.ema, variables)
    metrics = {**{f"{player}_loss": value for player, value in values.items()}, **metrics}
    state = state.replace(step=state.step + 1, variables=variables, ema=ema, opt_state=opt_state)
    return state, jax.lax.pmean(metrics, AXIS)

  return step


def parallel(step: Callable) -> Callable:
  """The step of `make_step` over this process's devices; the state's memory is reused."""
  return jax.pmap(step, axis_name=AXIS, donate_argnums=0, static_broadcasted_argnums=2)


def replicate(state: TrainState) -> TrainState:
  """The state with a leading axis of this process's devices, each leaf on each of them."""
  n = jax.local_device_count()
  # The identity gives it the layout of a step's result, or the second step would compile again.
  return jax.pmap(lambda x: x, axis_name=AXIS)(
    jax.tree.map(lambda x: np.broadcast_to(x, (n, *x.shape)), state)
  )


# --- Logging ------------------------------------------------------------------------------------


def read_metrics(workdir: str | os.PathLike) -> list[dict[str, float]]:
  """The rows of a run's `metrics.csv`, each with what was measured at its `step`; none if none."""
  path = pathlib.Path(workdir) / "metrics.csv"
  if not path.exists():
    return []
  with path.open() as file:
    return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


class History:
  """The metrics of a run: `metrics.csv`, the plot of the losses, and TensorBoard where it is.

  Args:
    workdir: The run's folder.
    step: The step the run goes on from; what was written for later steps is dropped.
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
    self.rows.append({"step": step, **values})
    names = list(dict.fromkeys(name for row in self.rows for name in row))
    partial = self._path.with_suffix(".partial")
    with partial.open("w", newline="") as file:
      writer = csv.DictWriter(file, names, restval="")
      writer.writeheader()
      for row in self.rows:
        writer.writerow({**row, "step": int(row["step"])})
    os.replace(partial, self._path)
    if self._writer:
      self._writer.write_scalars(step, values)
      self._writer.flush()


def _average(pending: list[tuple[int, dict]], checkpoints: Checkpoints) -> dict[str, float]:
  """The means of some steps' metrics; stops the run if one of them is not finite."""
  totals: dict[str, clu_metrics.Average] = {}  # Of each metric over the steps that have it.
  for step, values in jax.device_get(pending):
    for name, value in values.items():
      value = np.asarray(value)[0]
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


class _Termination:
  """Within the context, SIGTERM is noted instead of ending the process."""

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


# --- The loop -----------------------------------------------------------------------------------


def finish(config: ml_collections.ConfigDict, workdir: str | os.PathLike) -> None:
  """Trains as `train` does, to the last step.

  Raises:
    InterruptedError: If SIGTERM ended the run early, after saving it.
  """
  state = train(config, workdir)
  if state.step < config.steps:
    raise InterruptedError(f"{workdir}: stopped and saved at step {state.step} of {config.steps}")


def train(config: ml_collections.ConfigDict, workdir: str | os.PathLike) -> TrainState:
  """Trains, or goes on training, the run in `workdir`.

  Args:
    config: A run, as in `configs/`.
    workdir: Gets checkpoints, `config.json`, `metrics.csv`, loss curves and sample grids.

  Returns:
    The final state (also when SIGTERM ended the run early, after saving it).

  Raises:
    ValueError: If a config value is impossible, or the checkpoints are another config's.
    DataError: If the data cannot be had.
    NonFiniteLossError: If a loss is infinite or NaN.
  """
  # --- Setup ---
  validate(config)
  family = models.get(config.family)
  workdir = pathlib.Path(workdir)
  lead = jax.process_index() == 0

  source = data.load(
    config.dataset, "train", config.image_size, config.data_dir, config.get("label", "")
  )
  channels = source[0]["image"].shape[-1]
  if channels != config.channels:
    raise ValueError(
      f"config.channels is {config.channels}; the images of {config.dataset} have {channels}"
    )
  if "classes" in config and source.classes != config.classes:
    has = f"{source.classes} classes or attributes" if source.classes else "no labels"
    raise ValueError(f"config.classes is {config.classes}; {config.dataset} has {has}")
  local_batch = config.batch_size // jax.process_count()
  batches = data.train_batches(source, local_batch, config.seed, config.flip)

  # --- State ---
  workdir.mkdir(parents=True, exist_ok=True)
  checkpoints = Checkpoints(workdir, config.keep, config.keep_every)
  state = init_state(config)
  first = int(state.step)
  for player, variables in state.variables.items():
    logging.info("%s:\n%s", player, parameter_overview.get_parameter_overview(variables["params"]))
  restored = checkpoints.restore_newest(state)
  if restored:
    state, position = restored
    batches.set_state(position)
    first = int(state.step)
    logging.info("Going on from step %d.", first)
  elif config.get("start"):
    state = start_from(state, config.start)
  if lead:
    (workdir / "config.json").write_text(config.to_json(indent=2) + "\n")
    history = History(workdir, first)
  state = replicate(state)
  fixed = next(data.evaluation_batches(source, min(64, len(source))))  # For the grids.

  # --- Functions ---
  step_fn = parallel(make_step(config))
  fixed = {**fixed, "image": fixed["image"].astype(np.float32) / 127.5 - 1}
  samples_fn = jax.jit(lambda ema: family.samples(config, ema, fixed, jax.random.key(0)))
  single = lambda tree: jax.tree.map(lambda x: np.asarray(x[0]), tree)

  # --- Loop ---
  pending, since = [], time.perf_counter()
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
      batch = next(batches)
      batch = jax.tree.map(lambda x: x.reshape(jax.local_device_count(), -1, *x.shape[1:]), batch)
      state, metrics = step_fn(state, batch, family.learning(config, step - 1))
      pending.append((step, metrics))
      bar.update()

      terminated = termination.asked(step)
      last = step == config.steps or terminated
      saves = last or step % config.checkpoint_every == 0
      if saves or step % config.log_every == 0:
        averages = _average(pending, checkpoints)
        now = time.perf_counter()
        speed = len(pending) * config.batch_size / (now - since)
        pending, since = [], now
        if lead:
          history.write(step, {**averages, "images_per_second": speed})
          bar.set_postfix_str(
            " ".join([f"{speed:.0f} images/s", *(f"{k}={v:.3f}" for k, v in averages.items())])
          )
      if saves:
        checkpoints.save(step, single(state), batches.get_state())
      if lead and (last or step % config.sample_every == 0):
        grid = np.asarray(samples_fn(single(state.ema)))
        figures.write_grid(workdir / f"samples_{step:06d}.png", grid)
        figures.plot_losses(workdir / "losses.png", history.rows)
      if terminated:
        logging.warning("SIGTERM: saved step %d; the same command goes on from there.", step)
        break

  checkpoints.wait()
  checkpoints.close()
  return single(state)
