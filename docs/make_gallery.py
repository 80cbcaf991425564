"""Draws the gallery: python docs/make_gallery.py

Each picture in docs/gallery shows, from left to right, the original, the damaged picture, and its
restorations. The pictures are those of scikit-image that are in the public domain.
"""

import argparse
import pathlib

import numpy as np
from PIL import Image
from skimage import data

from gan_restore import hub
from gan_restore.commands import options
from gan_restore.degradations import operators, tasks
from gan_restore.evaluation import figures, scoring

# (title, task, picture, methods beside the prior of pictures), and (title, task, methods) of the
# portrait's face at 64x64.
WHOLE = (
  ("Noise of 0.1", "denoise:0.1", "coffee", ("tv", "non_local_means")),
  ("JPEG of quality 10", "jpeg:10", "cat", ("tv",)),
  ("Scratches", "inpaint:scratches", "coffee", ("biharmonic", "tv")),
  ("Text", "inpaint:text", "cat", ("biharmonic", "tv")),
  ("80% of the pixels missing", "inpaint:pixels:0.8", "cat", ("biharmonic", "tv")),
  ("Factor 2", "super_resolve:2", "coffee", ("bicubic", "tv")),
  ("Factor 4", "super_resolve:4", "cat", ("bicubic", "tv")),
  ("A shaken camera, and noise", "motion_blur:9@30+denoise:0.01", "coffee", ("tv",)),
  ("Out of focus, and noise", "defocus:3+denoise:0.01", "cat", ("tv",)),
  ("Little light: photon noise", "poisson:30", "coffee", ("tv",)),
  ("Salt and pepper", "salt_and_pepper:0.1", "cat", ("tv", "median")),
  ("Without colour", "colorize:luma", "coffee", ()),
  ("A Bayer mosaic", "demosaic:RGGB", "cat", ("tv",)),
)
SAMPLE, MAP = "denoiser:fidelity=0", "map:num_restarts=2"
FACES = (
  ("A hole in a face", "inpaint:center:0.2",
   ("unet_gan", "cdcgan", "encoder_dcgan", "denoiser", SAMPLE, MAP, "biharmonic")),
  ("The eyes", "inpaint:eyes",
   ("unet_gan", "cdcgan", "encoder_dcgan", "denoiser", SAMPLE, MAP, "mirror")),
  ("A face without colour", "colorize", ("denoiser", SAMPLE, "autoencoder_gan", MAP)),
  ("A face at a quarter of the resolution", "super_resolve", ("denoiser", SAMPLE, MAP, "lanczos")),
  ("A face with noise", "denoise", ("denoiser", SAMPLE, MAP, "tv", "non_local_means")),
  ("A face in five levels", "quantize", ("denoiser", SAMPLE, MAP, "tv")),
  ("A face of 8x8 blocks", "coarsen", ("resgan:celeba", "denoiser", SAMPLE, "lanczos")),
)  # fmt: skip
BOXES = {"coffee": (150, 60, 406, 252), "cat": (80, 40, 336, 232)}
FACE = (156, 42, 285, 171)


INTRODUCTION = """# Gallery

From left to right: the original, the damaged picture, and its restorations by the methods named
below the title, in this order. `denoiser:fidelity=0` is a sample of the posterior. The cat and the
cup are photographs of scikit-image in the public domain, and the portrait is NASA's. None of them
was used for training.
`python docs/make_gallery.py` draws this page.

**What a method fills into a face is a guess, not evidence.**
"""


def load(name: str, box: tuple[int, int, int, int], size: tuple[int, int]) -> np.ndarray:
  """A part of a picture [1, H, W, 3] in [0, 1], of a size (width, height)."""
  picture = {"coffee": data.coffee, "cat": data.chelsea, "portrait": data.astronaut}[name]()
  part = Image.fromarray(picture).crop(box).resize(size, Image.Resampling.BOX)
  return np.asarray(part, np.float32)[None] / 255


def strip(task: str, x: np.ndarray, methods: tuple[str, ...], scale: int) -> np.ndarray:
  """Original, damaged and restored, side by side [H, W, 3]."""
  y, A = scoring.damage(tasks.get(task), x, 0, 0)
  y, A = operators.prepare(y, A, x.shape[1:])
  shown = [x[0], np.asarray(operators.show(A, y))[0]]
  for name in methods:
    restorer = options.method(name, 0)
    shown.append(np.asarray(restorer(y, A, frame="celeba" if len(x[0]) == 64 else None).image)[0])
  return figures.grid(np.stack(shown), len(shown), scale)


def main(out: pathlib.Path, count: int | None = None) -> None:
  """Writes the pictures and the page.

  Args:
    out: The folder of the page.
    count: Number of tasks of whole pictures and of faces; all by default.
  """
  (out / "gallery").mkdir(parents=True, exist_ok=True)
  page = [INTRODUCTION]
  rows = [
    *((title, task, load(name, BOXES[name], (256, 192)),
       (hub.PICTURES, *methods), 1)
      for title, task, name, methods in WHOLE[:count]),
    *((title, task, load("portrait", FACE, (64, 64)), methods, 2)
      for title, task, methods in FACES[:count]),
  ]  # fmt: skip
  for title, task, x, methods, scale in rows:
    name = title.lower().replace(" ", "_").replace(",", "").replace(":", "").replace("%", "")
    picture = (strip(task, x, methods, scale).clip(0, 1) * 255).round().astype(np.uint8)
    Image.fromarray(picture).save(out / "gallery" / f"{name}.webp", quality=80)
    listed = ", ".join(f"`{method}`" for method in methods)
    page += [f"## {title}\n", f"`{task}`: {listed}\n", f"![{title}](gallery/{name}.webp)\n"]
  (out / "gallery.md").write_text("\n".join(page))


if __name__ == "__main__":
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
  main(parser.parse_args().out)
