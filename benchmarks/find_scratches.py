"""How well scratches, folds and scribbles are found: precision and recall on drawn ones.

    python benchmarks/find_scratches.py --pictures bsds500/test

Each picture gets strokes of one kind, drawn at random, and is compressed as a JPEG of quality 90. A
pixel counts as right if it is at most two pixels from one of the other mask. The clean pictures
give the false alarms.
"""

import argparse
import io
import pathlib

import numpy as np
import scipy.ndimage
from PIL import Image, ImageDraw

from gan_restore.data import images
from gan_restore.evaluation import reports
from gan_restore.photos import scratches


def curve(rng, size, length, turn):
  """Points of a random walk whose direction changes slowly."""
  at, angle = rng.uniform(0, 1, 2) * size, rng.uniform(0, 2 * np.pi)
  points = [tuple(at)]
  bend = rng.normal(0, turn)
  for _ in range(int(length / 4)):
    bend = 0.9 * bend + rng.normal(0, turn / 3)
    angle += bend
    at = at + 4 * np.array([np.cos(angle), np.sin(angle)])
    points.append(tuple(at))
  return points


def draw(kind, picture, rng):
  """(the picture with strokes, their mask), both images of Pillow."""
  size, side = np.array(picture.size), min(picture.size)
  mask, layer = Image.new("L", picture.size), picture.copy()
  masked, painted = ImageDraw.Draw(mask), ImageDraw.Draw(layer)
  strokes = []
  if kind == "scratches":
    for _ in range(rng.integers(2, 7)):
      level = rng.integers(225, 256) if rng.random() < 0.7 else rng.integers(0, 20)
      color = tuple(np.clip(level + rng.integers(-6, 7, 3), 0, 255).tolist())
      points = curve(rng, size, rng.uniform(0.2, 1) * side, 0.02)
      strokes.append((points, int(rng.integers(1, 4)), color))
  elif kind == "fold":
    ends = [(rng.uniform(0, size[0]), 0), (rng.uniform(0, size[0]), size[1])]
    if rng.random() < 0.5:
      ends = [(0, rng.uniform(0, size[1])), (size[0], rng.uniform(0, size[1]))]
    steps = np.linspace(0, 1, 40)[:, None]
    points = (1 - steps) * ends[0] + steps * ends[1] + rng.normal(0, 0.8, (40, 2))
    level = int(rng.integers(215, 250))
    strokes.append(([tuple(p) for p in points], int(rng.integers(2, 5)), (level,) * 3))
  else:
    color = np.array([rng.integers(200, 256), rng.integers(0, 60), rng.integers(0, 60)])
    color = tuple(rng.permutation(color).tolist())
    for _ in range(rng.integers(1, 4)):
      points = curve(rng, size, rng.uniform(0.5, 2) * side, 0.15)
      strokes.append((points, int(rng.integers(3, 7)), color))
  for points, width, color in strokes:
    painted.line(points, fill=color, width=width, joint="curve")
    masked.line(points, fill=255, width=width, joint="curve")
  return layer, mask


def compress(picture):
  data = io.BytesIO()
  picture.save(data, "JPEG", quality=90)
  return Image.open(data).convert("RGB")


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--pictures", required=True, type=pathlib.Path)
  parser.add_argument("--start", type=int, default=0, help="index of the first picture")
  parser.add_argument("--limit", type=int, default=100)
  arguments = parser.parse_args()
  files = images.find_images(arguments.pictures)[arguments.start :][: arguments.limit]
  rows = []
  for number, kind in enumerate(("scratches", "fold", "scribble", "clean")):
    precisions, recalls, area, alarms = [], [], [], []
    for index, path in enumerate(files):
      picture, truth = images.read_image(path), None
      if kind != "clean":
        picture, truth = draw(kind, picture, np.random.default_rng((number, index)))
      found = scratches.find(compress(picture))[..., 0] > 0
      alarms.append(bool(found.any()))
      area.append(float(found.mean()))
      if truth is not None:
        truth = np.asarray(truth) > 0
        near = lambda mask: scipy.ndimage.binary_dilation(mask, np.ones((5, 5)))
        recalls.append(float((truth & near(found)).sum() / truth.sum()))
        precisions.append(float((found & near(truth)).sum() / found.sum()) if found.any() else 1.0)
    mean = lambda values: f"{np.mean(values):.3f}" if values else ""
    rows.append({
      "damage": kind, "precision": mean(precisions), "recall": mean(recalls),
      "pictures in which something is found": mean(alarms), "share of the pixels": mean(area),
    })  # fmt: skip
  print(reports.markdown(rows))


if __name__ == "__main__":
  main()
