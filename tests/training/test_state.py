"""The state of a run."""

import jax
import numpy as np
import pytest
from helpers import small_config

from gan_restore import models
from gan_restore.training.state import init_state, state_shapes


@pytest.mark.parametrize("family", ["dcgan", "denoiser"])
def test_it_is_a_function_of_the_config(family):
  one, same = (init_state(small_config(family)) for _ in range(2))
  other = init_state(small_config(family, seed=1))
  leaves = lambda state: jax.tree.leaves(state.variables)
  assert all(np.array_equal(a, b) for a, b in zip(leaves(one), leaves(same)))
  assert any(not np.array_equal(a, b) for a, b in zip(leaves(one), leaves(other)))
  assert int(one.step) == 0
  described = state_shapes(small_config(family))
  assert described == jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), one)
  assert set(one.variables) == set(one.opt_state) == set(models.get(family).PLAYERS)


def test_the_average_starts_at_the_weights_in_memory_of_its_own(config):
  """It has its own memory, because a step passes the memory of the whole state to the next step."""
  state = init_state(config)
  for a, b in zip(jax.tree.leaves(state.variables), jax.tree.leaves(state.ema)):
    np.testing.assert_array_equal(a, b)
    assert a.unsafe_buffer_pointer() != b.unsafe_buffer_pointer()
