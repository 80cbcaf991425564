"""`python -m gan_restore.main` and the configs."""

import os
import pathlib
import runpy
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from conftest import ROOT
from helpers import small_config
from ml_collections import ConfigDict

from gan_restore import models, shipped
from gan_restore.training import weights
from gan_restore.training.config import validate

CONFIGS = sorted(
  str(path.relative_to(ROOT / "configs"))
  for path in [*(ROOT / "configs").glob("*.py"), *(ROOT / "configs" / "shipped").glob("*.py")]
  if "def get_config(" in path.read_text()
)


def main(*arguments):
  command = [sys.executable, "-m", "gan_restore.main", *arguments]
  return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_is_valid_flat_and_says_how_it_is_run(name):
  script = runpy.run_path(str(ROOT / "configs" / name))
  for part in script.get("PARTS", script.get("VARIANTS", (None,))):
    config = script["get_config"](*filter(None, [part]))
    validate(config)
    assert not any(isinstance(value, ConfigDict) for value in config.values())
  stem = pathlib.Path(name).stem
  assert f"configs/{name}" in script["__doc__"] or f"make train-{stem} " in script["__doc__"]


def test_every_shipped_file_has_a_card_and_a_config_that_trains_its_architecture():
  files = {path.stem: path for path in shipped.weights().values()}
  files |= {f"judge-{name}": path for name, path in shipped.judges().items()}
  for stem, path in files.items():
    assert path.with_suffix(".md").exists(), stem
    config = runpy.run_path(str(ROOT / "configs" / "shipped" / f"{stem}.py"))["get_config"]()
    theirs = weights.read_config(path)
    assert set(config) == set(theirs), stem
    shapes = lambda config: jax.tree.map(
      lambda x: x.shape,
      jax.eval_shape(lambda key: models.get(config.family).init(config, key), jax.random.key(0)),
    )
    assert shapes(config) == shapes(theirs), stem
    validate(ConfigDict(theirs))


@pytest.mark.parametrize(
  "override,message",
  [
    ("--config.batchsize=32", "batchsize"),
    ("--config.batch_size=many", "batch_size"),
    ("--config.batch_size=-1", "config.batch_size is -1; it must be a whole number >= 1"),
    ("--config.dataset=nothing", "unknown data set 'nothing'"),
    ("--config=configs/cdgan.py", "configs/cdgan.py: no such config file"),
  ],
)
def test_a_bad_override_is_refused_by_name(override, message, tmp_path):
  result = main("--config=configs/demo.py", f"--workdir={tmp_path}/w", override)
  assert result.returncode != 0 and message in result.stderr
  assert "Traceback" not in result.stderr
  assert not (tmp_path / "w").exists()


def start_two(workdir, **changes):
  """Two processes of one run, on one device each."""
  with socket.socket() as probe:
    probe.bind(("localhost", 0))
    port = probe.getsockname()[1]
  config = small_config(**changes)
  keys = ("dataset", "image_size", "width", "latent_dim", "batch_size", "steps", "log_every")
  flags = [f"--config.{k}={config[k]}" for k in (*keys, "checkpoint_every", "sample_every")]
  environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
  environment["JAX_CPU_COLLECTIVES_IMPLEMENTATION"] = "gloo"
  return [
    subprocess.Popen(
      [sys.executable, "-m", "gan_restore.main", "--config=configs/dcgan.py"]
      + [f"--workdir={workdir}", *flags, f"--coordinator=localhost:{port}"]
      + ["--num_processes=2", f"--process_id={i}"],
      cwd=ROOT,
      env=environment,
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
    )
    for i in range(2)
  ]


def finish(processes, status=0):
  outputs = [process.communicate(timeout=300)[0] for process in processes]
  assert [process.returncode for process in processes] == [status] * 2, "\n\n".join(outputs)


@pytest.mark.slow
def test_two_processes_train_one_run(tmp_path):
  """Each process reads its share, and the gradients are averaged. Both write one checkpoint."""
  finish(start_two(tmp_path, steps=4))
  trained = weights.load(tmp_path)
  kernel = trained.variables["generator"]["params"]["Dense_0"]["kernel"]
  assert np.isfinite(kernel).all()
  assert (tmp_path / "metrics.csv").exists()


@pytest.mark.slow
def test_a_signal_to_one_of_two_processes_stops_both_after_the_same_step(tmp_path):
  processes = start_two(tmp_path, steps=100_000, checkpoint_every=100_000)
  deadline = time.monotonic() + 120
  while not (tmp_path / "metrics.csv").exists() and time.monotonic() < deadline:
    time.sleep(0.1)
  processes[1].send_signal(signal.SIGTERM)
  finish(processes, status=128 + signal.SIGTERM)
  [step] = [int(p.name) for p in (tmp_path / "checkpoints").iterdir() if p.name.isdigit()]
  assert 0 < step < 100_000
