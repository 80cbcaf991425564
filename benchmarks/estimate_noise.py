"""How well `operators.estimate_sigma` estimates the strength of noise: bias and spread.

    python benchmarks/estimate_noise.py folder:/path/to/celeba /path/to/photographs

The first argument is a data set of faces (its validation images), the second a folder of
photographs. The noise is added to 100 images of each and clipped to [0, 1]. The table shows the
mean and the standard deviation of the estimate, divided by the true strength.
"""

import argparse
import pathlib

import numpy as np

from gan_restore import data
from gan_restore.data import images
from gan_restore.degradations import operators
from gan_restore.evaluation import reports

SIGMAS = (0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3)


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("faces")
  parser.add_argument("photographs", type=pathlib.Path)
  parser.add_argument("--limit", type=int, default=100)
  arguments = parser.parse_args()
  faces = data.load(arguments.faces, "validation", 64)
  sets = {
    "faces": [faces[i]["image"] / 255 for i in range(min(len(faces), arguments.limit))],
    "photographs": [
      images.to_float(images.read_image(path))
      for path in images.find_images(arguments.photographs)[: arguments.limit]
    ],
  }
  rows = []
  for sigma in SIGMAS:
    row = {"sigma": sigma}
    for name, pictures in sets.items():
      for kind in ("colour", "grey"):
        rng = np.random.default_rng(0)
        ratios = []
        for x in pictures:
          x = x if kind == "colour" else x.mean(-1, keepdims=True)
          y = np.clip(x + sigma * rng.normal(size=x.shape), 0, 1)
          ratios.append(operators.estimate_sigma(y[None]).item() / sigma)
        row[f"{name}, {kind}: mean"] = round(float(np.mean(ratios)), 3)
        row[f"{name}, {kind}: spread"] = round(float(np.std(ratios)), 3)
    rows.append(row)
  print(reports.markdown(rows))


if __name__ == "__main__":
  main()
