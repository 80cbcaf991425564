"""The latent search, iterations x images per second: this package against PyTorch, in one run.

    make bench

Inpainting with an untrained 64x64 DCGAN (its speed does not depend on its weights). Each side runs
in processes of its own, alternately, so that the peak memory printed is its own.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time


def ours(n, steps):
  import jax
  import ml_collections
  import numpy as np

  from configs import dcgan as dcgan_config
  from gan_restore import latent, operators, weights
  from gan_restore.models import dcgan

  config = ml_collections.FrozenConfigDict(dcgan_config.get_config())
  prior = weights.Trained(dcgan.init(config, jax.random.key(0)), config)
  mask = np.zeros((64, 64), np.float32)
  mask[16:48, 16:48] = 1
  A = operators.inpaint(mask)
  y = A(np.random.default_rng(0).random((n, 64, 64, 3)).astype(np.float32))
  return lambda: jax.block_until_ready(
    latent.restore(y, A, prior, steps=steps, restarts=1, blend="none")
  )


def pytorch(n, steps):
  import torch
  from torch_dcgan import discriminator, generator, search

  layout = torch.channels_last
  g = generator().eval().requires_grad_(False).to(memory_format=layout)
  d = discriminator().eval().requires_grad_(False).to(memory_format=layout)
  mask = torch.zeros(1, 1, 64, 64)
  mask[..., 16:48, 16:48] = 1
  y = torch.rand(n, 3, 64, 64) * (1 - mask)
  return lambda: search(g, d, y, mask, steps, 1.0)


def measure(side, n, steps):
  run = {"gan_restore": ours, "PyTorch": pytorch}[side](n, steps)
  run()
  start = time.perf_counter()
  run()
  speed = n * steps / (time.perf_counter() - start)
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
  print(json.dumps({"speed": speed, "peak": peak}))


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("--rounds", type=int, default=3)
  parser.add_argument("--steps", type=int, default=20)
  parser.add_argument("--images", type=int, nargs="*", default=[1, 64])
  parser.add_argument("--measure", nargs=2, metavar=("SIDE", "IMAGES"), help=argparse.SUPPRESS)
  arguments = parser.parse_args()
  if arguments.measure:
    return measure(arguments.measure[0], int(arguments.measure[1]), arguments.steps)
  for n in arguments.images:
    found = {"gan_restore": [], "PyTorch": []}
    for _ in range(arguments.rounds):
      for side, values in found.items():
        command = [sys.executable, __file__, "--steps", str(arguments.steps)]
        command += ["--measure", side, str(n)]
        values.append(json.loads(subprocess.check_output(command, text=True).splitlines()[-1]))
    speed = {side: statistics.median(v["speed"] for v in values) for side, values in found.items()}
    for side, values in found.items():
      peak = max(v["peak"] for v in values)
      print(f"{n:4} images  {side:12} {speed[side]:8.1f} iterations x images/s  {peak:6.0f} MiB")
    print(f"{n:4} images  gan_restore is {speed['gan_restore'] / speed['PyTorch']:.2f}x PyTorch")


if __name__ == "__main__":
  main()
