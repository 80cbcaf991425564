"""The state of a run."""

import functools
from typing import Any

import flax
import jax
import jax.numpy as jnp
import ml_collections

from gan_restore import models
from gan_restore.training import step


@flax.struct.dataclass
class TrainState:
  """The complete state of a run, except its position in the data.

  Attributes:
    step: Number of finished steps, int32.
    key: The run's random key; each step folds its number in.
    variables: {player: {"params": ..., "batch_stats": ...}}.
    ema: Exponential moving average of `variables`.
    opt_state: {player: optimiser state}.
  """

  step: jax.Array
  key: jax.Array
  variables: models.Variables
  ema: models.Variables
  opt_state: dict[str, Any]


def init_state(config: ml_collections.ConfigDict) -> TrainState:
  """The state at step 0, which depends only on the config. It cannot be traced."""
  key = jax.random.PRNGKey(config.seed)
  # It runs only once. A CPU takes four times as long to compile it if it is optimised.
  init = jax.jit(
    functools.partial(models.get(config.family).init, config),
    compiler_options={"xla_backend_optimization_level": 0},
  )
  return _at_step_0(config, key, init(key))


def state_shapes(config: ml_collections.ConfigDict) -> TrainState:
  """The shapes and types of `init_state`, for restoring a checkpoint: `jax.ShapeDtypeStruct`s in a
  `TrainState`."""
  init = models.get(config.family).init
  build = lambda key: _at_step_0(config, key, init(config, key))
  return jax.eval_shape(build, jax.random.PRNGKey(config.seed))


def _at_step_0(config, key, variables) -> TrainState:
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    key=key,
    variables=variables,
    ema=jax.tree.map(jnp.copy, variables),
    opt_state={p: step.optimizer(config, p).init(v["params"]) for p, v in variables.items()},
  )
