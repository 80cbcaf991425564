"""Seconds and peak memory of `gan-restore restore` by the size of a photograph and its faces.

    python benchmarks/photograph_costs.py

Photographs of the public domain are enlarged, and the same face of the public domain is pasted into
them. The task is to fill a scratch across the photograph and a hole in each face, or to remove
noise. Each command runs twice; the second one, which finds its programs in the cache of compiled
programs, is measured. The memory is the largest resident set of the process.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

import numpy as np
import skimage.data
from PIL import Image

from gan_restore.evaluation import reports

SIZES = {0.3: (640, 480), 2: (1632, 1224), 12: (4000, 3000)}  # Megapixels: (width, height).


def compose(size, count) -> tuple[Image.Image, Image.Image]:
  """A photograph with `count` faces, and the mask of its holes."""
  photo = Image.fromarray(skimage.data.coffee()).resize(size, Image.Resampling.BICUBIC)
  mask = Image.new("L", size)
  mask.paste(255, (0, size[1] // 10, size[0], size[1] // 10 + max(3, size[1] // 200)))
  side = size[0] // 6
  face = Image.fromarray(skimage.data.astronaut()).crop((124, 0, 324, 200)).resize((side, side))
  for i in range(count):
    left, top = int((i + 0.1) * size[0] / 5), size[1] // 3
    photo.paste(face, (left, top))
    hole = (left + 0.45 * side, top + 0.45 * side, left + 0.65 * side, top + 0.6 * side)
    mask.paste(255, tuple(round(edge) for edge in hole))
  return photo, mask


def run(arguments) -> tuple[float, float]:
  """(seconds, MiB) of a command."""
  start = time.perf_counter()
  program = "import sys; from gan_restore.cli import main; sys.exit(main())"
  child = os.posix_spawn(sys.executable, [sys.executable, "-c", program, *arguments], os.environ)
  _, status, usage = os.wait4(child, 0)
  if status:
    raise SystemExit(f"gan-restore {' '.join(arguments)} failed")
  return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--megapixels", type=float, nargs="*", default=list(SIZES))
  rows = []
  with tempfile.TemporaryDirectory() as folder:
    path = lambda name: str(pathlib.Path(folder) / name)
    for megapixels in parser.parse_args().megapixels:
      for count in (0, 1, 5):
        photo, mask = compose(SIZES[megapixels], count)
        photo.save(path("photo.png"))
        mask.save(path("mask.png"))
        noisy = np.asarray(photo) + np.random.default_rng(0).normal(0, 12, np.shape(photo))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path("noisy.png"))
        row = {"megapixels": megapixels, "faces": count}
        for task, inputs in (
          ("holes", ["photo.png", "--mask", path("mask.png")]),
          ("noise", ["noisy.png", "--task", "denoise:auto"]),
        ):
          if task == "noise" and count:
            continue  # Faces are not looked for.
          command = ["restore", path(inputs[0]), *inputs[1:], "--out", path("out"), "--overwrite"]
          run(command)
          row[f"{task}, s"], row[f"{task}, MiB"] = run(command)
        rows.append(row)
  print(reports.markdown(rows))


if __name__ == "__main__":
  main()
