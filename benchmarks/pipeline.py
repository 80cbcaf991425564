"""The input pipeline alone, in images per second: shuffled and mirrored batches of 64x64 images.

    make bench

The images are random, prepared by TFDS from a folder of PNG files. A training on two cores needs
less than 100 images per second.
"""

import pathlib
import tempfile
import time

import numpy as np
from PIL import Image

from gan_restore import data

COUNT, BATCH = 2_000, 32


def main() -> None:
  rng = np.random.default_rng(0)
  with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch, "images")
    folder.mkdir()
    for i in range(COUNT):
      pixels = rng.integers(0, 256, (8, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
      Image.fromarray(pixels).save(folder / f"{i}.png")
    source = data.load(f"folder:{folder}", "train", 64, scratch)
    batches = data.train_batches(source, BATCH, seed=0)
    for _ in range(10):
      next(batches)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < 5:
      next(batches)
      count += BATCH
    print(f"{count / (time.perf_counter() - start):.0f} images/s")


if __name__ == "__main__":
  main()
