"""The training step: a pure per-device function, wrapped once in `jax.pmap`."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax

from gan_restore import models
from gan_restore.nn.layers import AXIS


def optimizer(config: ml_collections.ConfigDict, player: str) -> optax.GradientTransformation:
  """A player's optimiser: the family's own if it has one (`models.WithOptimizer`), else Adam.

  Args:
    config: The run's config.
    player: The player's name.

  Returns:
    The optimiser.
  """
  family = models.get(config.family)
  if isinstance(family, models.WithOptimizer):
    return family.optimizer(config, player)
  return optax.adam(config.learning_rate, b1=config.beta1)


def learning_rate_factor(config: ml_collections.ConfigDict, step: int) -> float:
  """The factor that the schedule of the config applies to the learning rate.

  Args:
    config: The run's config.
    step: How many steps the run has made; all of them count, not those of a player.

  Returns:
    A number in [0, 1].
  """
  if config.schedule == "cosine":
    return (1 + math.cos(math.pi * min(step / config.steps, 1.0))) / 2
  return 1.0


def make_step(config: ml_collections.ConfigDict) -> Callable:
  """Makes the training step of one device.

  All players' losses come from one forward pass; each player's gradient is the pullback of its own
  loss. Gradients, batch statistics and metrics are averaged over the device axis, `AXIS`.

  Args:
    config: The run's config.

  Returns:
    A pure function (state, batch, factor of the learning rate, active players) -> (state, metrics).
    The factor is an argument, so that a run of another length needs no other program.
  """
  family = models.get(config.family)
  tx = {player: optimizer(config, player) for player in family.PLAYERS}

  def step(state, batch: dict, factor: jax.typing.ArrayLike, active: tuple[str, ...]):
    key = jax.random.fold_in(jax.random.fold_in(state.key, state.step), jax.lax.axis_index(AXIS))
    batch = {**batch, "image": batch["image"].astype(jnp.float32) / 127.5 - 1}

    def losses(params):
      variables = {p: {**v, "params": params[p]} for p, v in state.variables.items()}
      return family.compute_losses(config, variables, batch, key, active)

    params = {p: v["params"] for p, v in state.variables.items()}
    values, pullback, (stats, metrics) = jax.vjp(losses, params, has_aux=True)
    variables, opt_state = dict(state.variables), dict(state.opt_state)
    for player in active:
      own = {p: jnp.asarray(p == player, v.dtype) for p, v in values.items()}
      gradient = jax.lax.pmean(pullback(own)[0][player], AXIS)
      updates, opt_state[player] = tx[player].update(gradient, opt_state[player], params[player])
      updates = jax.tree.map(lambda x: factor * x, updates)
      variables[player] = {
        **jax.lax.pmean(stats.get(player, {}), AXIS),
        "params": optax.apply_updates(params[player], updates),
      }
    # In the first steps the average covers about the last tenth of the steps so far, so that it
    # forgets the initial weights.
    decay = jnp.minimum(config.ema_decay, (1 + state.step) / (10 + state.step))
    ema = jax.tree.map(lambda a, b: decay * a + (1 - decay) * b, state.ema, variables)
    metrics = {**{f"{player}_loss": value for player, value in values.items()}, **metrics}
    state = state.replace(step=state.step + 1, variables=variables, ema=ema, opt_state=opt_state)
    return state, jax.lax.pmean(metrics, AXIS)

  return step


def parallel(step: Callable) -> Callable:
  """Runs a step on all devices of this process.

  Args:
    step: From `make_step`.

  Returns:
    The same function for all devices. The state has no device axis: it is replicated on every
    device, and its memory is reused for the new state. The batch has a leading device axis.
  """
  return jax.pmap(
    step,
    axis_name=AXIS,
    in_axes=(None, 0, None, None),
    out_axes=None,
    donate_argnums=0,
    static_broadcasted_argnums=3,
  )


def place(state: Any) -> Any:
  """Copies the state to every device, in the layout that a step returns. Without this, the second
  step would be compiled again."""
  devices = np.zeros(jax.local_device_count())
  return jax.pmap(lambda s, _: s, axis_name=AXIS, in_axes=(None, 0), out_axes=None)(state, devices)


def shard(batch: dict) -> dict:
  """A batch of this process [B, ...] -> the same with a leading device axis [D, B / D, ...]."""
  return jax.tree.map(lambda x: x.reshape(jax.local_device_count(), -1, *x.shape[1:]), batch)
