"""The training step on two devices."""

import jax
import numpy as np
import optax
import pytest
from helpers import small_config

from gan_restore import models
from gan_restore.training.state import init_state
from gan_restore.training.step import learning_rate_factor, make_step, parallel, place, shard

BOTH = ("generator", "discriminator")


def random_batch():
  image = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
  return shard({"image": image})


@pytest.fixture(scope="module")
def step():
  return parallel(make_step(small_config()))


def on_each_device(tree):
  """[(path, the leaf on each device)]."""
  for path, x in jax.tree_util.tree_leaves_with_path(tree):
    yield jax.tree_util.keystr(path), [np.asarray(part.data) for part in x.addressable_shards]


def test_the_state_is_whole_and_the_same_on_every_device(step, config):
  """Compares parameters, statistics and optimisers after a step on two devices."""
  state = init_state(config)
  shapes = jax.tree.map(np.shape, state)
  before = np.asarray(state.variables["generator"]["params"]["Dense_0"]["kernel"])
  new, metrics = step(place(state), random_batch(), 1.0, BOTH)
  assert jax.tree.map(np.shape, new) == shapes  # There is no device axis.
  for path, (one, two) in on_each_device((new, metrics)):
    np.testing.assert_array_equal(one, two, err_msg=path)
  after = np.asarray(new.variables["generator"]["params"]["Dense_0"]["kernel"])
  assert (before != after).any()


def test_two_devices_average_what_each_saw():
  """Without batch norm, the loss of a batch is the mean of the losses of its two halves."""
  config = small_config("gan", network="dense")
  step, batch = parallel(make_step(config)), random_batch()
  halves = [{"image": np.stack([batch["image"][i]] * 2)} for i in (0, 1)]
  found = [step(place(init_state(config)), own, 1.0, BOTH)[1] for own in (batch, *halves)]
  for name in ("generator_loss", "discriminator_loss"):
    whole, first, second = (float(metrics[name]) for metrics in found)
    np.testing.assert_allclose(whole, (first + second) / 2, rtol=1e-5)
    assert abs(first - second) > 1e-3 * abs(whole)


def test_the_states_memory_is_used_again(step, config):
  state = place(init_state(config))
  kernel = state.variables["generator"]["params"]["Dense_0"]["kernel"]
  step(state, random_batch(), 1.0, BOTH)
  assert kernel.is_deleted()


def test_the_step_is_traced_once(config, monkeypatch):
  count = 0
  family = models.get("dcgan")
  compute = family.compute_losses

  def counted(*arguments):
    nonlocal count
    count += 1
    return compute(*arguments)

  monkeypatch.setattr(family, "compute_losses", counted)
  step = parallel(make_step(config))
  state = place(init_state(config))
  for _ in range(3):
    state, _ = step(state, random_batch(), 1.0, BOTH)
  assert count == 1


def test_only_the_active_players_move(step, config):
  before = init_state(config)
  kept = jax.tree.map(np.asarray, before.variables)
  new, _ = step(place(before), random_batch(), 1.0, ("discriminator",))
  same = jax.tree.map(lambda a, b: bool((a == b).all()), new.variables, kept)
  assert all(jax.tree.leaves(same["generator"]))
  assert not all(jax.tree.leaves(same["discriminator"]))


def test_the_cosine_schedule_is_optaxs():
  config = small_config()
  assert learning_rate_factor(config, 5) == 1
  config.update(schedule="cosine", steps=40)
  wanted = optax.cosine_decay_schedule(1.0, 40)
  for step in (0, 1, 20, 39, 40, 50):
    np.testing.assert_allclose(learning_rate_factor(config, step), wanted(step), atol=1e-6)


def test_the_factor_multiplies_the_update(step, config):
  kernel = lambda state: np.array(state.variables["generator"]["params"]["Dense_0"]["kernel"])
  before = kernel(init_state(config))
  whole, half, none = (
    kernel(step(place(init_state(config)), random_batch(), factor, BOTH)[0]) - before
    for factor in (1.0, 0.5, 0.0)
  )
  np.testing.assert_allclose(half, whole / 2, atol=1e-7)
  assert np.abs(whole).max() > 1e-5 and not none.any()


def test_another_number_of_steps_is_the_same_program():
  programs = set()
  for steps in (40, 50):
    config = small_config(schedule="cosine", steps=steps)
    state = place(init_state(config))
    lowered = parallel(make_step(config)).lower(state, random_batch(), 1.0, BOTH)
    programs.add(lowered.as_text())
  assert len(programs) == 1
