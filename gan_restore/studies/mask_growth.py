"""Scores of restorers under holes that grow: `gan-restore mask-growth`."""

import os
import pathlib
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from gan_restore import data
from gan_restore.degradations import masks, operators, tasks
from gan_restore.evaluation import figures, reports, scoring
from gan_restore.restorers import classical

SHOWN = 3  # Images in the grid of pictures.


def grown(kind: str, pixels: int) -> tasks.Task:
  """Inpainting of a kind of `masks.get` whose holes are grown by `pixels`."""
  draw = masks.get(kind)
  return tasks.Task(
    "inpaint", lambda key, shape: operators.Inpaint(masks.grow(draw(key, shape[:3]), pixels))
  )


def run(
  restorers: dict[str, Callable],
  source: data.Source,
  out: str | os.PathLike,
  kind: str,
  sizes: list[int],
  limit: int,
  seed: int = 0,
) -> list[dict]:
  """Scores restorers on the same images under growing masks, and draws them.

  Args:
    restorers: {name: (y, A) -> Result}.
    source: From `data.load`.
    out: Folder for `mask_growth.json`, `mask_growth.png` (quality over the masked share) and
      `pictures.png` (a few images: damaged, and restored by each restorer, from the smallest mask
      to the largest).
    kind: The mask that grows; see `masks.get`.
    sizes: Numbers of pixels by which the mask grows on each side.
    limit: Maximum number of images.
    seed: Random seed of the masks.

  Returns:
    Rows: `mask`, `grown`, `share` (the share of missing pixels, measured on the images in
    `pictures.png`), `method` and every score of `scoring.evaluate` for the returned images.
  """
  out = pathlib.Path(out)
  out.mkdir(parents=True, exist_ok=True)
  few = np.stack([source[i]["image"] for i in range(min(SHOWN, len(source)))])
  few = few.astype(np.float32) / 255
  rows, pictures = [], []
  for size in sizes:
    task = grown(kind, size)
    y, A = scoring.damage(task, few, 0, seed)
    share = float(jnp.mean(A.mask))
    column = [classical.damaged(y, A).image]
    for name, restorer in restorers.items():
      scores = reports.rows(scoring.evaluate(restorer, task, source, limit=limit, seed=seed))
      own = next(row for row in scores if row["output"] == "result")
      rows.append({"mask": kind, "grown": size, "share": share, "method": name, **own})
      column.append(restorer(y, A).image)
    pictures.append(jnp.stack(column, 1))  # [images, 1 + restorers, H, W, C]
  reports.write_json(out / "mask_growth.json", rows)
  grid = jnp.stack(pictures, 2).reshape(-1, *few.shape[1:])
  figures.write_grid(out / "pictures.png", grid, len(sizes))
  curves = lambda score: {
    name: [(row["share"], row[score]) for row in rows if row["method"] == name]
    for name in restorers
  }
  panels = {"PSNR of the hole, dB": curves("psnr_hole"), "SSIM of the image": curves("ssim")}
  figures.plot_curves(out / "mask_growth.png", panels, over="masked share")
  return rows
