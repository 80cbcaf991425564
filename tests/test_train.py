"""The training loop: that it learns, resumes bit by bit, and stops when it must."""

import csv
import os
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from conftest import ROOT, small_config

from gan_restore import checkpoints, data, models, train


def start(workdir, *overrides, check=False):
  """`python -m gan_restore.main` on a small config, in a process of its own, on one device."""
  settings = small_config(batch_size=16, sample_every=1000, checkpoint_every=5)
  flags = [
    f"--config.{k}={settings[k]}"
    for k in ("dataset", "image_size", "width", "latent_dim", "batch_size", "log_every")
  ] + [f"--config.{k}={settings[k]}" for k in ("sample_every", "checkpoint_every", "keep_every")]
  command = [sys.executable, "-m", "gan_restore.main", "--config=configs/dcgan.py"]
  process = subprocess.Popen(
    [*command, f"--workdir={workdir}", *flags, *overrides],
    cwd=ROOT,
    env={k: v for k, v in os.environ.items() if k != "XLA_FLAGS"},
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
  )
  if check:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
  return process


def wait_for(condition, process, seconds=120):
  deadline = time.monotonic() + seconds
  while not condition():
    assert process.poll() is None, process.communicate()[0]
    assert time.monotonic() < deadline, "took too long"
    time.sleep(0.02)


def final_state(workdir):
  saved = checkpoints.Checkpoints(workdir)
  config = small_config(batch_size=16)
  return saved.restore_newest(jax.eval_shape(lambda: train.init_state(config)))


def assert_identical(a, b):
  (state_a, position_a), (state_b, position_b) = a, b
  assert position_a == position_b
  for (path, x), y in zip(jax.tree_util.tree_leaves_with_path(state_a), jax.tree.leaves(state_b)):
    np.testing.assert_array_equal(x, y, err_msg=jax.tree_util.keystr(path))


def test_killed_at_any_moment_it_ends_bit_identical(tmp_path):
  steps = "--config.steps=40"
  start(tmp_path / "whole", steps, check=True)
  for kill, ready in (
    (signal.SIGKILL, "checkpoints/10"),  # Without warning, somewhere after step 10,
    (signal.SIGTERM, "checkpoints/20"),  # then politely, somewhere after step 20.
  ):
    process = start(tmp_path / "killed", steps)
    wait_for((tmp_path / "killed" / ready).exists, process)
    process.send_signal(kill)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if kill == signal.SIGKILL else 0), output
  assert "the same command goes on from there" in output
  assert int(final_state(tmp_path / "killed")[0].step) < 40
  start(tmp_path / "killed", steps, check=True)
  assert_identical(final_state(tmp_path / "whole"), final_state(tmp_path / "killed"))
  rows = [list(csv.DictReader((tmp_path / d / "metrics.csv").open())) for d in ("whole", "killed")]
  steps = [[row["step"] for row in r if int(row["step"]) % 2 == 0] for r in rows]
  assert steps[0] == steps[1]


def test_it_learns(tmp_path):
  """G(z) comes to look like the data: its mean image and contrast, after 250 steps."""
  config = small_config(steps=250, batch_size=32, width=16, learning_rate=5e-4, ema_decay=0.9)
  config.update(log_every=125, sample_every=250, checkpoint_every=250)
  source = data.load("toy_faces", "test", 16)
  real = np.stack([source[i]["image"] for i in range(256)]) / 255
  family = models.get("dcgan")

  def distance(state):
    z = family.sample_latent(config, jax.random.key(1), 256)
    fake = np.asarray(family.generate(config, state.ema, z))
    return np.abs(fake.mean(0) - real.mean(0)).mean() + np.abs(fake.std(0) - real.std(0)).mean()

  before = distance(train.init_state(config))
  after = distance(train.train(config, tmp_path))
  assert after < 0.5 * before, (before, after)
  for name in ("samples_000250.png", "losses.png", "metrics.csv", "config.json"):
    assert (tmp_path / name).stat().st_size > 0
  rows = list(csv.DictReader((tmp_path / "metrics.csv").open()))
  assert [row["step"] for row in rows] == ["125", "250"]
  assert set(rows[0]) >= {"generator_loss", "discriminator_loss", "images_per_second"}


def test_devices_agree_and_average(config):
  """After a step on two devices, parameters, statistics and optimisers are the same on both."""
  step = train.parallel(train.make_step(config))
  state = train.init_state(config)
  image = np.random.default_rng(0).integers(0, 256, (2, 4, 16, 16, 3), dtype=np.uint8)
  new, metrics = step(train.replicate(state), {"image": image}, ("generator", "discriminator"))
  for path, x in jax.tree_util.tree_leaves_with_path((new, metrics)):
    np.testing.assert_array_equal(x[0], x[1], err_msg=jax.tree_util.keystr(path))
  kernel = lambda s: s.variables["generator"]["params"]["Dense_0"]["kernel"]
  assert (kernel(new)[0] != kernel(state)).any()


def test_the_step_compiles_once(config, caplog):
  image = np.zeros((2, 4, 16, 16, 3), np.uint8)
  step = train.parallel(train.make_step(config))
  state = train.replicate(train.init_state(config))
  with jax.log_compiles():
    for _ in range(3):
      state, _ = step(state, {"image": image}, ("generator", "discriminator"))
  assert sum(message.startswith("Compiling") for message in caplog.messages) == 1


def test_only_the_learning_players_move(config):
  step = train.parallel(train.make_step(config))
  state = train.init_state(config)
  image = np.random.default_rng(0).integers(0, 256, (2, 4, 16, 16, 3), dtype=np.uint8)
  new, _ = step(train.replicate(state), {"image": image}, ("discriminator",))
  same = jax.tree.map(lambda a, b: bool((a[0] == b).all()), new.variables, state.variables)
  assert all(jax.tree.leaves(same["generator"]))
  assert not all(jax.tree.leaves(same["discriminator"]))


@pytest.mark.parametrize("dtype", ["bfloat16"])
def test_bfloat16(tmp_path, dtype):
  state = train.train(small_config(dtype=dtype, steps=4), tmp_path)
  leaves = jax.tree.leaves((state.variables, state.opt_state))
  assert all(x.dtype in (np.float32, np.int32) and np.isfinite(x).all() for x in leaves)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
  """The rate is sane for five steps; then the run goes on with an absurd one."""
  train.train(small_config(steps=4), tmp_path)
  config = small_config(steps=40, learning_rate=1e30)
  message = r"the (generator|discriminator)'s loss is (nan|inf|-inf) at step \d+; .* of step 4$"
  with pytest.raises(train.NonFiniteLossError, match=message):
    train.train(config, tmp_path)
  assert checkpoints.Checkpoints(tmp_path).steps() == [4]


def test_a_finished_run_stays_finished(tmp_path):
  config = small_config(steps=4)
  one = train.train(config, tmp_path)
  two = train.train(config, tmp_path)
  assert_identical((one, 0), (two, 0))


def test_it_starts_from_weights(tmp_path):
  """The averaged ones, once: a run that has begun goes on from its own."""
  first = train.train(small_config(steps=4), tmp_path / "first")
  config = small_config(steps=1, learning_rate=1e-9, seed=1, start=str(tmp_path / "first"))
  state = train.train(config, tmp_path / "second")
  for player, variables in first.ema.items():
    for a, b in zip(*map(jax.tree.leaves, (variables["params"], state.ema[player]["params"]))):
      np.testing.assert_allclose(a, b, atol=1e-7)
  config.update(steps=2, start=str(tmp_path / "nothing"))
  assert train.train(config, tmp_path / "second").step == 2
  with pytest.raises(ValueError, match="no such weights file"):
    train.train(config, tmp_path / "third")
  config = small_config(width=16, start=str(tmp_path / "first"))
  with pytest.raises(ValueError, match=r"start is .* whose .* is of another architecture"):
    train.train(config, tmp_path / "third")


def test_the_checkpoints_of_another_architecture_are_refused(tmp_path):
  train.train(small_config(steps=2), tmp_path)
  with pytest.raises(checkpoints.MismatchError, match="belongs to another config"):
    train.train(small_config(steps=2, width=16), tmp_path)


def test_augmentation_trains(tmp_path):
  train.train(small_config(steps=2, augment="color,translation,cutout"), tmp_path)


@pytest.mark.parametrize(
  "change,message",
  [
    ({"batch_size": 0}, "config.batch_size is 0"),
    ({"batch_size": 7}, "config.batch_size is 7; it must be divisible by the 2 devices"),
    ({"steps": 0}, "config.steps is 0"),
    ({"image_size": 48}, "config.image_size is 48; it must be a power of two"),
    ({"learning_rate": -1.0}, "config.learning_rate is -1.0"),
    ({"learning_rate": float("nan")}, "config.learning_rate is nan"),
    ({"ema_decay": 1.0}, "config.ema_decay is 1.0"),
    ({"dtype": "float16"}, "config.dtype is 'float16'"),
    ({"augment": "color,blur"}, "config.augment is 'color,blur'"),
    ({"seed": -1}, "config.seed is -1"),
    ({"channels": 1}, "config.channels is 1; the images of toy_faces have 3"),
    ({"family": "gam"}, "unknown family 'gam'"),
    ({"dataset": "faces!"}, "unknown data set 'faces!'"),
  ],
)
def test_impossible_configs(change, message, tmp_path):
  config = small_config()
  config.update(change)
  with pytest.raises(ValueError, match=message):
    train.train(config, tmp_path / "w")
  assert not (tmp_path / "w" / "checkpoints").exists()
