"""Programs compared with each other. Each measurement runs in a process of its own, and the
programs take turns, so that a change of the machine's speed affects all of them.
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
  """Prints a Markdown table: the median speed and the peak memory of each program in each case.

  The columns `ratio` and `memory ratio` compare the first program with the fastest of the others.

  Args:
    script: The file of the caller. It is run again for each measurement.
    sides: {name: function}; the function gets the values of a case and returns (run, work): the
      function to measure, and the units of work of one call.
    cases: {name: values}.
    unit: The unit of work.
  """
  parser = argparse.ArgumentParser()
  parser.add_argument("--rounds", type=int, default=5)
  parser.add_argument("--cases", nargs="*", choices=cases, default=list(cases))
  parser.add_argument("--measure", nargs=2, metavar=("SIDE", "CASE"), help=argparse.SUPPRESS)
  arguments = parser.parse_args()
  if arguments.measure:
    side, case = arguments.measure
    return _measure(*sides[side](*cases[case]))
  names = list(sides)
  head = ["case", *(f"{name}, {unit}/s" for name in names), "ratio"]
  head += [*(f"{name}, MiB" for name in names), "memory ratio"]
  print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|", flush=True)
  for case in arguments.cases:
    found: dict[str, list] = {side: [] for side in sides}
    for _ in range(arguments.rounds):
      for side, values in found.items():
        command = [sys.executable, script, "--measure", side, case]
        output = subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL)
        values.append(json.loads(output.splitlines()[-1]))
    speed = {side: statistics.median(v["speed"] for v in values) for side, values in found.items()}
    peak = {side: statistics.median(v["peak"] for v in values) for side, values in found.items()}
    fastest = max(names[1:], key=speed.__getitem__)
    row = [case, *(f"{speed[name]:.1f}" for name in names)]
    row += [f"{speed[names[0]] / speed[fastest]:.2f}", *(f"{peak[name]:.0f}" for name in names)]
    row += [f"{peak[names[0]] / peak[fastest]:.2f}"]
    print("| " + " | ".join(row) + " |", flush=True)


def _measure(run: Callable, work: float) -> None:
  for _ in range(3):
    run()
  seconds: list[float] = []
  while len(seconds) < 5 or sum(seconds) < 3:
    start = time.perf_counter()
    run()
    seconds.append(time.perf_counter() - start)
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
  print(json.dumps({"speed": work / statistics.median(seconds), "peak": peak}))
