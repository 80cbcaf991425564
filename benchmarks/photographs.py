"""Faces in photographs: the way of a whole photograph, measured on composed ones.

    python benchmarks/photographs.py --faces DIR/celeba128 --photographs DIR/bsds500/val --count 200

Aligned faces of CelebA's test split are pasted into photographs at known places: 40 to 240 pixels
on a side of the face crop, rotated by up to 30 degrees. Then a square hole of 0.4 of that side is
cut into the middle of each face. The table shows, for small and large faces:

- found, found damaged: the share of the faces that are found in the whole and in the damaged
  photograph, and the median error of their places, in sides of the crop;
- crop: PSNR of the aligned face, 64x64, if the completion network fills the hole in its true crop;
- whole, true frame and whole: the same PSNR after the way of the whole photograph, with the true
  frame and with the one that was found; pictures: without the network for faces;
- ..., small: for large faces, the same if they are filled in crops of 64x64, too;
- ..., hole at 128 and ..., sharpness: for large faces, the PSNR of the hole in the aligned face of
  128x128, and the gradient magnitude there, relative to that of the original;
- seam: the mean step across the rim of the hole, relative to that of the original;
- changed: pixels outside of the hole that changed; seconds: of the whole way, after compilation.
"""

import argparse
import pathlib
import time

import jax.numpy as jnp
import numpy as np
from PIL import Image

from gan_restore import hub
from gan_restore.data import framing, images
from gan_restore.degradations import operators
from gan_restore.evaluation import metrics, reports
from gan_restore.photos import faces, filling
from gan_restore.photos.faces import Face

_SIDE = 320  # Photographs are cropped to this side, so that all are restored by one program.


def compose(background, face, rng) -> tuple[np.ndarray, Face]:
  """A photograph [S, S, 3] in [0, 1] with a face, and where it is."""
  side = np.exp(rng.uniform(np.log(40), np.log(240)))
  angle = np.deg2rad(rng.uniform(-30, 30))
  margin = min(0.62 * side, _SIDE / 2)
  shift = rng.uniform(margin, _SIDE - margin, 2) / _SIDE - 0.5
  pasted, frame = framing.similarity_crop(face, _SIDE, side / _SIDE, angle, shift, 1 / 16)
  found = Face(1.0, frame)
  box = images.center_box(background.size)
  back = np.asarray(images.crop_and_resample(background, _SIDE, box), np.float32) / 255
  far = np.max(np.abs(_coordinates(found)), 0)[..., None]
  weight = np.clip((1.12 - far) / 0.06, 0, 1)
  whole = weight * np.asarray(pasted, np.float32) / 255 + (1 - weight) * back
  return (np.rint(whole * 255) / 255).astype(np.float32), found


def _coordinates(face):
  return filling.put_back(np.zeros((64, 64, 1)), face, (_SIDE, _SIDE))[1]


def _nearest(found, face):
  """The distance of the nearest face that was found, in sides of the crop; infinite if none is."""
  return min((np.hypot(*(one.center - face.center)) / face.side for one in found), default=np.inf)


def _step(image, hole) -> float:
  """The mean difference of neighbours across the rim of a hole [H, W]."""
  steps = []
  for axis in (0, 1):
    across = np.diff(hole.astype(int), axis=axis) != 0
    steps.append(np.abs(np.diff(image, axis=axis)).mean(-1)[across])
  return float(np.concatenate(steps).mean())


def _gradient(image) -> float:
  return float(np.mean([np.abs(np.diff(image, axis=axis)).mean() for axis in (0, 1)]))


def measure(photo, face) -> dict[str, float]:
  """The columns of the table for one photograph."""
  u, v = _coordinates(face)
  mask = (np.maximum(abs(u), abs(v)) < 0.4)[..., None].astype(np.float32)
  hole = mask[..., 0] > 0
  A = operators.inpaint(mask[None])
  y = A(photo[None])
  picture = lambda x: Image.fromarray(images.to_uint8(x))
  distance = {
    name: _nearest(faces.find_faces(picture(x)), face)
    for name, x in (("found", photo), ("found damaged", np.asarray(y)[0]))
  }
  row = {name: float(value < 0.5) for name, value in distance.items()}
  row |= {f"{name}, error": value for name, value in distance.items()}

  draw, pictures = {n: hub.load(name) for n, name in hub.COMPLETION.items()}, hub.load(hub.PICTURES)
  small = {64: draw[64]}
  original = filling.align(photo, face)
  score = lambda x: float(metrics.psnr(jnp.asarray(x)[None], jnp.asarray(original)[None])[0])
  own = filling.align(mask, face) > 0.01
  own_A = operators.inpaint(own.astype(np.float32))
  filled = draw[64](np.where(own, 0, original)[None], own_A).image
  row["crop"] = score(np.asarray(filled)[0])
  known = lambda part: [face] if part.size == (_SIDE, _SIDE) else []
  for name, find, draw_face in (
    ("whole, true frame, small", known, small),
    ("whole, true frame", known, draw),
    ("pictures", faces.finder("none"), draw),
    ("whole, small", faces.find_faces, small),
    ("whole", faces.find_faces, draw),
  ):
    if draw_face is small and face.side < 90:
      continue  # The same as without `small`.
    start = time.perf_counter()
    restored, _ = filling.fill_photograph(
      pictures, draw[64], np.asarray(y)[0], mask, find, draw_face
    )
    row[name] = score(filling.align(restored, face))
    row["seconds"] = time.perf_counter() - start
    if face.side > 90:
      found, there = (filling.align(x, face, 128)[26:102, 26:102] for x in (restored, photo))
      row[f"{name}, hole at 128"] = float(-10 * np.log10(np.mean((found - there) ** 2)))
      row[f"{name}, sharpness"] = _gradient(found) / _gradient(there)
  row["seam"] = _step(restored, hole) / _step(photo, hole)
  row["changed"] = float(np.any(restored != photo, -1)[~hole].sum())
  return row


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--faces", type=pathlib.Path, required=True)
  parser.add_argument("--photographs", type=pathlib.Path, required=True)
  parser.add_argument("--count", type=int, default=200)
  arguments = parser.parse_args()
  parts = (arguments.faces / "list_eval_partition.txt").read_text().split()
  names = [name for name, part in zip(parts[::2], parts[1::2]) if part == "2"]
  backgrounds = images.find_images(arguments.photographs)
  rows = []
  for i in range(arguments.count):
    background = images.read_image(backgrounds[i % len(backgrounds)])
    face = images.read_image(arguments.faces / "img_align_celeba" / names[i % len(names)])
    photo, where = compose(background, face, np.random.default_rng(i))
    rows.append({"side": where.side, **measure(photo, where)})
  table = []
  for name, low, high in (("40 to 90", 0, 90), ("90 to 240", 90, 1000)):
    own = [row for row in rows if low <= row["side"] < high]
    if own:
      middle = {n: np.median([row[n] for row in own]) for n in own[0] if n.endswith("error")}
      means = {n: np.mean([row[n] for row in own]) for n in own[0] if n not in ("side", *middle)}
      means["changed"] *= len(own)  # The sum.
      table.append({"side": name, "photographs": len(own), **means, **middle})
  print(reports.markdown(table))


if __name__ == "__main__":
  main()
