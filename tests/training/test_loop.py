"""Tests that the training loop learns, resumes bit-identically, and stops when it must."""

import csv
import os
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from conftest import ROOT
from helpers import small_config

from gan_restore import data, models
from gan_restore.models import Trained
from gan_restore.training import loop
from gan_restore.training.checkpoints import Checkpoints, MismatchError
from gan_restore.training.state import init_state, state_shapes


def start(workdir, *overrides, check=False):
  """`python -m gan_restore.main` on a small config, in its own process, on one device."""
  settings = small_config(batch_size=16, sample_every=1000, checkpoint_every=5)
  flags = [
    f"--config.{k}={settings[k]}"
    for k in ("dataset", "image_size", "width", "latent_dim", "batch_size", "log_every")
  ] + [f"--config.{k}={settings[k]}" for k in ("sample_every", "checkpoint_every", "keep_period")]
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


def read_rows(workdir):
  """The rows of `metrics.csv`, as text."""
  with (workdir / "metrics.csv").open() as file:
    return list(csv.DictReader(file))


def final_state(workdir, **changes):
  saved = Checkpoints(workdir)
  config = small_config(**{"batch_size": 16} | changes)
  return saved.restore_newest(state_shapes(config))


def assert_identical(a, b):
  (state_a, position_a), (state_b, position_b) = a, b
  assert position_a == position_b
  for (path, x), y in zip(jax.tree_util.tree_leaves_with_path(state_a), jax.tree.leaves(state_b)):
    np.testing.assert_array_equal(x, y, err_msg=jax.tree_util.keystr(path))


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_bit_identical(tmp_path):
  steps = "--config.steps=40"
  start(tmp_path / "whole", steps, check=True)
  for kill, ready in (
    (signal.SIGKILL, "checkpoints/10"),  # Killed without warning, after step 10.
    (signal.SIGTERM, "checkpoints/20"),  # Asked to stop, after step 20.
  ):
    process = start(tmp_path / "killed", steps)
    wait_for((tmp_path / "killed" / ready).exists, process)
    process.send_signal(kill)
    output, _ = process.communicate(timeout=60)
    status = -signal.SIGKILL if kill == signal.SIGKILL else 128 + signal.SIGTERM
    assert process.returncode == status, output
  assert "the same command resumes from it" in output
  assert int(final_state(tmp_path / "killed")[0].step) < 40
  start(tmp_path / "killed", steps, check=True)
  assert_identical(final_state(tmp_path / "whole"), final_state(tmp_path / "killed"))
  rows = [read_rows(tmp_path / name) for name in ("whole", "killed")]
  steps = [[row["step"] for row in r if int(row["step"]) % 2 == 0] for r in rows]
  assert steps[0] == steps[1]


def test_it_learns(trained):
  """After 100 steps, G(z) has a mean image and a contrast like those of the data."""
  workdir = trained(
    "dcgan", steps=100, batch_size=16, learning_rate=2e-3, ema_decay=0.9, log_every=50,
    sample_every=100, checkpoint_every=100,
  )  # fmt: skip
  state, _ = final_state(workdir)
  config = small_config()
  source = data.load("toy_faces", "test", 16)
  real = np.stack([source[i]["image"] for i in range(256)]) / 255
  family = models.get("dcgan")

  def distance(variables):
    z = family.sample_latent(config, jax.random.key(1), 256)
    fake = np.asarray(family.generate(Trained(variables, config), z))
    return np.abs(fake.mean(0) - real.mean(0)).mean() + np.abs(fake.std(0) - real.std(0)).mean()

  before, after = distance(init_state(config).ema), distance(state.ema)
  assert after < 0.6 * before, (before, after)
  for name in ("samples_000100.png", "losses.png", "metrics.csv", "config.json"):
    assert (workdir / name).stat().st_size > 0
  rows = read_rows(workdir)
  assert [row["step"] for row in rows] == ["50", "100"]
  assert set(rows[0]) >= {"generator_loss", "discriminator_loss", "images_per_second"}


BOTH = ("generator", "discriminator")


@pytest.mark.slow
def test_bfloat16(tmp_path):
  state = loop.train(small_config(dtype="bfloat16", steps=4), tmp_path)
  leaves = jax.tree.leaves((state.variables, state.opt_state))
  assert all(x.dtype in (np.float32, np.int32) and np.isfinite(x).all() for x in leaves)


def test_a_finished_run_stays_finished(tmp_path):
  config = small_config(steps=4)
  one = loop.train(config, tmp_path)
  two = loop.train(config, tmp_path)
  assert_identical((one, 0), (two, 0))
  loop.finish(config, tmp_path)
  with pytest.raises(ValueError, match=r"a run whose learning_rate is 0\.0002; it must be 0\.001"):
    loop.finish(small_config(steps=4, learning_rate=1e-3), tmp_path)


def test_sigterm_stops_a_study_without_measuring_half_a_training(tmp_path, monkeypatch):
  config = small_config(steps=8)
  stopped = init_state(config).replace(step=np.int32(5))
  monkeypatch.setattr(loop, "train", lambda config, workdir: stopped)
  with pytest.raises(InterruptedError, match="stopped and saved at step 5 of 8"):
    loop.finish(config, tmp_path)


@pytest.mark.slow
def test_it_starts_from_weights(tmp_path):
  """A new run starts from the averaged weights. A resumed run uses its own weights."""
  first = loop.train(small_config(steps=4), tmp_path / "first")
  config = small_config(steps=1, learning_rate=1e-9, seed=1, init_from=str(tmp_path / "first"))
  state = loop.train(config, tmp_path / "second")
  for player, variables in first.ema.items():
    for a, b in zip(*map(jax.tree.leaves, (variables["params"], state.ema[player]["params"]))):
      np.testing.assert_allclose(a, b, atol=1e-7)
  config.update(steps=2, init_from=str(tmp_path / "nothing"))
  assert loop.train(config, tmp_path / "second").step == 2
  with pytest.raises(ValueError, match="no such weights file"):
    loop.train(config, tmp_path / "third")
  config = small_config(width=16, init_from=str(tmp_path / "first"))
  with pytest.raises(ValueError, match=r"init_from is .* whose .* has another architecture"):
    loop.train(config, tmp_path / "third")


def test_the_checkpoints_of_another_architecture_are_refused(tmp_path):
  loop.train(small_config(steps=2), tmp_path)
  with pytest.raises(MismatchError, match="belongs to another config"):
    loop.train(small_config(steps=2, width=16), tmp_path)


@pytest.mark.slow
def test_augmentation_trains(tmp_path):
  loop.train(small_config(steps=2, augment="color,translation,cutout"), tmp_path)
