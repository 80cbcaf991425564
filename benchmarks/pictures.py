"""The prior of pictures: its time and memory over the size, and the noise of grey photographs.

    python benchmarks/pictures.py --photographs DIR/bsds500/val

The first table is for noise of 0.05; the second time of a program is measured. Peak memory is that
of the process so far. The second table shows the mean PSNR of grey crops of 128x128, with and
without `operators.grey`.
"""

import argparse
import pathlib
import resource
import time

import jax
import numpy as np

from gan_restore import hub
from gan_restore.data import images
from gan_restore.degradations import operators
from gan_restore.evaluation import metrics, reports


def speed(restore, height, width) -> dict[str, float]:
  """Seconds and memory for one size."""
  y = np.random.default_rng(0).random((1, height, width, 3), np.float32) / 5 + 0.4
  for _ in range(2):
    start = time.perf_counter()
    jax.block_until_ready(restore(y, operators.denoise(0.05)).image)
    seconds = time.perf_counter() - start
  megapixels = height * width / 1e6
  memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
  return {"megapixels": megapixels, "seconds a megapixel": seconds / megapixels, "GiB": memory}


def grey(restore, paths, sigma) -> dict[str, float]:
  """PSNR of grey crops with noise."""
  scores = []
  for i, path in enumerate(paths):
    picture = images.read_image(path).convert("L").crop((56, 56, 184, 184))
    x = images.to_float(picture)[None]
    noise = sigma * np.random.default_rng(i).normal(size=x.shape)
    y = np.repeat((x + noise).clip(0, 1), 3, -1).astype(np.float32)
    plain = operators.denoise(sigma)
    found = [
      np.asarray(restore(y, A).image).mean(-1, keepdims=True)
      for A in (plain, operators.compose(operators.grey(), plain))
    ]
    scores.append([float(metrics.psnr(image, x)[0]) for image in found])
  without, with_grey = np.mean(scores, 0)
  return {"noise": sigma, "without": without, "with operators.grey": with_grey}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--photographs", type=pathlib.Path, required=True)
  parser.add_argument("--limit", type=int, default=6, help="number of grey crops")
  parser.add_argument("--sizes", nargs="+", default=["320x320", "1024x1024", "3008x4000"])
  arguments = parser.parse_args()
  restore = hub.load(hub.PICTURES)
  sizes = [map(int, size.split("x")) for size in arguments.sizes]
  print(reports.markdown([speed(restore, *size) for size in sizes]) + "\n")
  paths = images.find_images(arguments.photographs)[1::5][: arguments.limit]
  print(reports.markdown([grey(restore, paths, sigma) for sigma in (0.06, 0.12)]))


if __name__ == "__main__":
  main()
