"""Compares the speed and the peak memory of two programs.

Each measurement runs in its own process, and the two programs alternate, so that a change of the
machine's speed affects both. The peak memory of each is its own.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable


def main(script: str, sides: dict[str, Callable], cases: dict[str, tuple], unit: str) -> None:
  """Prints medians of speed, peak memory, and the speed of the first side divided by the second.

  Args:
    script: The calling file, which is run again for each measurement.
    sides: {name: function}. The function takes a case's values and returns (run, work): the
      function that is timed, and the units of work that one call does.
    cases: {name: values}.
    unit: Unit of the work, for the printed speed.
  """
  parser = argparse.ArgumentParser()
  parser.add_argument("--rounds", type=int, default=3)
  parser.add_argument("--cases", nargs="*", choices=cases, default=list(cases))
  parser.add_argument("--measure", nargs=2, metavar=("SIDE", "CASE"), help=argparse.SUPPRESS)
  arguments = parser.parse_args()
  if arguments.measure:
    side, case = arguments.measure
    return _measure(*sides[side](*cases[case]))
  for case in arguments.cases:
    found = {side: [] for side in sides}
    for _ in range(arguments.rounds):
      for side, values in found.items():
        command = [sys.executable, script, "--measure", side, case]
        values.append(json.loads(subprocess.check_output(command, text=True).splitlines()[-1]))
    speeds = {side: statistics.median(v["speed"] for v in values) for side, values in found.items()}
    for side, values in found.items():
      peak = max(v["peak"] for v in values)
      print(f"{case:24} {side:12} {speeds[side]:8.2f} {unit}/s  {peak:6.0f} MiB", flush=True)
    first, second = speeds
    print(f"{case:24} {first} is {speeds[first] / speeds[second]:.2f}x {second}", flush=True)


def _measure(run, work):
  run()
  run()
  start = time.perf_counter()
  count = 0
  while count < 3 or time.perf_counter() - start < 2:
    run()
    count += 1
  speed = work * count / (time.perf_counter() - start)
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
  print(json.dumps({"speed": speed, "peak": peak}))


def training_step(config) -> Callable:
  """A training step of a config on random images, on one device, with all players active."""
  import jax
  import numpy as np

  from gan_restore import models
  from gan_restore.training.state import init_state
  from gan_restore.training.step import make_step, parallel, place, shard

  rng = np.random.default_rng(0)
  shape = (config.batch_size, config.image_size, config.image_size, config.channels)
  batch = {"image": rng.integers(0, 256, shape, np.uint8)}
  if "classes" in config:
    batch["label"] = rng.integers(0, 2, (config.batch_size, config.classes), np.uint8)
  batch = shard(batch)
  step, state = parallel(make_step(config)), place(init_state(config))

  def run():
    nonlocal state
    state, metrics = step(state, batch, models.get(config.family).PLAYERS)
    jax.block_until_ready((state, metrics))

  return run


def rectangles(batch: int):
  """Holes for the PyTorch implementation, as those of `masks.rectangle`: [N, 1, 64, 64]."""
  import torch

  mask = torch.zeros(batch, 1, 64, 64)
  for one in mask[:, 0]:
    height, width = torch.randint(16, 33, (2,)).tolist()
    row, column = (int(torch.randint(0, 65 - size, ())) for size in (height, width))
    one[row : row + height, column : column + width] = 1
  return mask
