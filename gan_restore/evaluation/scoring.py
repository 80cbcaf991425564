"""Scores of restorers: any (y, A) -> Result, on any task, with the same damage for all."""

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_restore import data
from gan_restore.degradations import operators, tasks
from gan_restore.evaluation import metrics, perceptual
from gan_restore.restorers import blending


def damage(
  task: tasks.Task | Sequence[tasks.Task], x: np.ndarray, first: int, seed: int
) -> tuple[jax.Array, Any]:
  """Damages images. The damage of an image of a data set does not depend on the batch it is in.

  Args:
    task: The task, or one task for each image; these may differ in their masks only.
    x: Images [N, H, W, C] in [0, 1].
    first: The index of the first image in its data set.
    seed: Random seed of masks and noise.

  Returns:
    (y, A) of the batch.
  """
  each = [task] * len(x) if isinstance(task, tasks.Task) else task
  keys = [jax.random.fold_in(jax.random.key(seed), first + i) for i in range(len(x))]
  pairs = [own.corrupt(x[i : i + 1], key) for i, (own, key) in enumerate(zip(each, keys))]
  join = lambda *rows: jnp.concatenate(rows) if jnp.ndim(rows[0]) else rows[0]
  return jax.tree.map(join, *pairs)


@jax.jit
def score(x: jax.Array, reference: jax.Array, mask: jax.Array | None = None) -> dict:
  """PSNR and SSIM of images.

  Args:
    x: Images [N, H, W, C] in [0, 1], at least 11 pixels on a side.
    reference: The originals, likewise.
    mask: [N or 1, H, W, 1], 1 where the pixel was missing; or None.

  Returns:
    {`psnr`: [N], `ssim`: [N]}, and if there is a mask, `psnr_hole` and `ssim_hole` of the
    hole only.
  """
  scores = {"psnr": metrics.psnr(x, reference), "ssim": metrics.ssim(x, reference)}
  if mask is not None:
    scores["psnr_hole"] = metrics.psnr(x, reference, mask)
    scores["ssim_hole"] = metrics.ssim(x, reference, mask)
  return scores


def measure(
  restorer: Callable,
  task: tasks.Task,
  source: data.Source,
  *,
  batch_size: int = 64,
  limit: int | None = None,
  seed: int = 0,
  scorers: Sequence[perceptual.Scorer] = (),
  wanted: Callable[[int], bool] = lambda number: True,
) -> Iterator[tuple[int, dict[str, np.ndarray], np.ndarray]]:
  """Scores of each image.

  Args:
    restorer: (y, A) -> Result. If it has an argument `frame`, it gets the frames of the images.
    task: The damage.
    source: From `data.load`.
    batch_size: Number of images that are restored at a time; no score depends on it.
    limit: Maximum number of images.
    seed: Random seed of masks and noise.
    scorers: Further scores; see `perceptual`.
    wanted: Whether to compute the batch of this number.

  Yields:
    (number of the batch, {`OUTPUT/SCORE`: [images]}, the images [images, H, W, C] as returned).
    OUTPUT is `raw` (the generated image) and `result` (the returned image, which the restorer may
    have made consistent with y). For a task that is only a hole there is also `composited` (with
    the known pixels pasted back). SCORE is `psnr`, `ssim`, those of the scorers and, if pixels are
    missing, `psnr_hole`, `ssim_hole` and `gradient`, the gradient magnitude in the hole. Names
    without an OUTPUT are `gradient` and the features [images, D] of the originals, and `seconds`
    per image, including compilation.
  """
  takes_frame = "frame" in inspect.signature(restorer).parameters
  known = lambda batch: {"frame": batch["frame"]} if takes_frame and "frame" in batch else {}
  for number, batch in enumerate(data.evaluation_batches(source, batch_size, limit)):
    if not wanted(number):
      continue
    x = batch["image"].astype(np.float32) / 255
    y, A = damage(task, x, number * batch_size, seed)
    start = time.perf_counter()
    result = jax.block_until_ready(restorer(y, A, **known(batch)))
    seconds = time.perf_counter() - start
    mask, hole = operators.missing(A, x.shape), operators.hole(A)
    outputs = {"raw": result.generated}
    if hole is not None:
      outputs["composited"] = blending.paste(x, result.generated, hole)
    outputs["result"] = result.image
    # Padding rows are restored too, so the seconds are divided by all rows.
    columns: dict[str, Any] = {"seconds": np.full(len(x), seconds / len(x))}
    if mask is not None:
      columns["gradient"] = metrics.gradient_magnitude(x, mask)
    for scorer in scorers:
      columns |= {name: values for name, values in scorer(x, x).items() if values.ndim == 2}
    images: list[Any] = []  # Outputs are often the same image, and are then scored once.
    found: list[dict[str, Any]] = []
    for output, image in outputs.items():
      same = [i for i, earlier in enumerate(images) if np.array_equal(earlier, image)]
      scores = found[same[0]] if same else _all_scores(image, x, mask, scorers)
      images.append(image)
      found.append(scores)
      columns |= {f"{output}/{name}": values for name, values in scores.items()}
    valid = batch["valid"] == 1
    columns = {name: np.asarray(values)[valid] for name, values in columns.items()}
    yield number, columns, np.asarray(result.image)[valid]


def _all_scores(image, x, mask, scorers) -> dict[str, Any]:
  """The scores of an output of `measure`."""
  scores = score(image, x, mask)
  if mask is not None:
    scores["gradient"] = metrics.gradient_magnitude(image, mask)
  for scorer in scorers:
    scores |= scorer(image, x)
  return scores


def evaluate(
  restorer: Callable, task: tasks.Task, source: data.Source, **options: Any
) -> dict[str, float]:
  """Mean scores of a restorer on a task.

  Args:
    restorer: (y, A) -> Result.
    task: The damage.
    source: From `data.load`.
    **options: Those of `measure`.

  Returns:
    {name: value}, those of `means`.
  """
  batches = [columns for _, columns, _ in measure(restorer, task, source, **options)]
  return means(join(batches))


def join(batches: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
  """The columns of several batches as one."""
  return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def means(columns: dict[str, np.ndarray]) -> dict[str, float]:
  """Mean scores of the columns that `measure` yields.

  Args:
    columns: {name: [images], or features [images, D]}.

  Returns:
    The mean of every score over the images for which it is not NaN (NaN if there are none). For the
    gradients, `sharpness`, which is relative to the originals: 1 is as sharp. For features, the
    number that `perceptual` defines by their name. Then the mean of `seconds`, and `images`, the
    number of images.
  """
  values = {}
  for name, column in columns.items():
    output, _, score = name.rpartition("/")
    if not output:
      continue
    if score == "gradient":
      there = ~np.isnan(column)  # A hole in the last row or column alone has no gradient.
      own, original = column[there].sum(), columns["gradient"][there].sum()
      values[f"{output}/sharpness"] = float(own / original) if there.any() else float("nan")
    elif column.ndim == 2:
      compare = metrics.found if score.startswith("found") else metrics.frechet_distance
      values[name] = compare(column, columns[score])
    else:
      there = column[~np.isnan(column)]
      values[name] = float(there.mean()) if there.size else float("nan")
  return values | {"seconds": float(columns["seconds"].mean()), "images": len(columns["seconds"])}
