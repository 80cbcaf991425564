"""Measuring restorers, and choosing the best checkpoint of a run."""

import json
import os
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from absl import logging

from gan_restore import (
  blending,
  data,
  metrics,
  models,
  operators,
  perceptual,
  tasks,
  train,
  weights,
)
from gan_restore.checkpoints import Checkpoints


def damage(task: tasks.Task, x: np.ndarray, first: int, seed: int):
  """Damages images so that the i-th of a data set is damaged alike whatever batch it is in.

  Args:
    task: The corruption.
    x: Images [N, H, W, C] in [0, 1].
    first: Index of the first of them in its data set.
    seed: Another seed, other masks and noise.

  Returns:
    (y, A) of the batch.
  """
  keys = [jax.random.fold_in(jax.random.key(seed), first + i) for i in range(len(x))]
  pairs = [task.corrupt(x[i : i + 1], key) for i, key in enumerate(keys)]
  return jax.tree.map(lambda *rows: jnp.concatenate(rows), *pairs)


@jax.jit
def score(x: jax.Array, reference: jax.Array, mask: jax.Array | None = None) -> dict:
  """PSNR and SSIM [N] of images [N, H, W, C]: `psnr`, `ssim`; of the hole, if there is a mask
  [N or 1, H, W, 1], `psnr_hole`, `ssim_hole`."""
  scores = {"psnr": metrics.psnr(x, reference), "ssim": metrics.ssim(x, reference)}
  if mask is not None:
    scores["psnr_hole"] = metrics.psnr(x, reference, mask)
    scores["ssim_hole"] = metrics.ssim(x, reference, mask)
  return scores


def measure(
  restorer: Callable,
  task: tasks.Task,
  source,
  *,
  batch_size: int = 64,
  limit: int | None = None,
  seed: int = 0,
  scorers: Sequence[perceptual.Scorer] = (),
  wanted: Callable[[int], bool] = lambda number: True,
) -> Iterator[tuple[int, dict[str, np.ndarray], np.ndarray]]:
  """Scores of each image.

  Args:
    restorer: (y, A) -> Result.
    task: What is done to the images.
    source: From `data.load`.
    batch_size: Images restored at a time; no score depends on it.
    limit: At most this many images.
    seed: Of masks and noise.
    scorers: Further scores; see `perceptual`.
    wanted: Which batches, by their number.

  Yields:
    (number of the batch, {`OUTPUT/SCORE`: [images]}, the images [images, H, W, C] as returned).
    OUTPUT is `raw` (what was generated) and, for inpainting, `composited` (the known pixels pasted
    back) and `result` (as returned, blended as the restorer blends); SCORE is `psnr`, `ssim` and,
    for inpainting, `psnr_hole`, `ssim_hole`, and `gradient`, the gradient magnitude there, and
    those of the scorers. Of the originals there are `gradient` and features [images, D], without an
    OUTPUT; and `seconds`, an image, with compilation.
  """
  for number, batch in enumerate(data.evaluation_batches(source, batch_size, limit)):
    if not wanted(number):
      continue
    x = batch["image"].astype(np.float32) / 255
    y, A = damage(task, x, number * batch_size, seed)
    start = time.perf_counter()
    result = jax.block_until_ready(restorer(y, A))
    seconds = time.perf_counter() - start
    outputs = {"raw": result.generated}
    mask = None
    if isinstance(A, operators.Inpaint):
      mask = A.mask
      outputs["composited"] = blending.paste(x, result.generated, mask)
      outputs["result"] = result.image
    columns = {"seconds": np.full(len(x), seconds / batch["valid"].sum())}
    if mask is not None:
      columns["gradient"] = metrics.gradient_magnitude(x, mask)
    for scorer in scorers:
      columns |= {name: values for name, values in scorer(x, x).items() if values.ndim == 2}
    for output, image in outputs.items():
      scores = score(image, x, mask)
      if mask is not None:
        scores["gradient"] = metrics.gradient_magnitude(image, mask)
      for scorer in scorers:
        scores |= scorer(image, x)
      columns |= {f"{output}/{name}": values for name, values in scores.items()}
    valid = batch["valid"] == 1
    columns = {name: np.asarray(values)[valid] for name, values in columns.items()}
    yield number, columns, np.asarray(result.image)[valid]


def means(columns: dict[str, np.ndarray]) -> dict[str, float]:
  """What is told of what `measure` yields: the mean over the images of every score, `sharpness` for
  the gradients (relative to the originals': 1 is as sharp), and of features their Frechet distance
  to the originals'. Then `seconds` and `images`, how many."""
  values = {}
  for name, column in columns.items():
    output, _, score = name.rpartition("/")
    if not output:
      continue
    if score == "gradient":
      values[f"{output}/sharpness"] = float(column.mean() / columns["gradient"].mean())
    elif column.ndim == 2:
      values[name] = metrics.frechet_distance(column, columns[score])
    else:
      values[name] = float(column.mean())
  return values | {"seconds": float(columns["seconds"].mean()), "images": len(columns["seconds"])}


def evaluate(*args, **options) -> Iterator[tuple[str, float]]:
  """Scores of a restorer on a task: the arguments are those of `measure`.

  Yields:
    (name, value), those of `means`.
  """
  batches = [columns for _, columns, _ in measure(*args, **options)]
  yield from means(join(batches)).items()


def join(batches: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
  """The columns of several batches as one."""
  return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def rows(scores: dict[str, float]) -> list[dict]:
  """Scores as rows of a table, one for each output."""
  scores = dict(scores)
  outputs = dict.fromkeys(name.partition("/")[0] for name in scores if "/" in name)
  common = {name: value for name, value in scores.items() if "/" not in name}
  own = lambda output: {
    name.partition("/")[2]: value for name, value in scores.items() if name.startswith(f"{output}/")
  }
  return [{"output": output, **own(output), **common} for output in outputs]


def markdown(rows: list[dict]) -> str:
  """Rows as a Markdown table; the columns are all keys, in their order."""
  names = list(dict.fromkeys(name for row in rows for name in row))
  show = lambda v: f"{v:.3f}" if isinstance(v, float) else str(v)
  lines = [names, ["---"] * len(names)]
  lines += [[show(row.get(name, "")) for name in names] for row in rows]
  return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def evaluate_run(config: ml_collections.ConfigDict, workdir: str | os.PathLike) -> dict:
  """Scores every kept checkpoint of a run on the validation split and exports the best.

  Writes `evaluation.json`, and `weights.safetensors` with the best checkpoint's averaged weights.

  Args:
    config: The run's.
    workdir: The run's.

  Returns:
    {step: {name: score}}.

  Raises:
    ValueError: If there is no checkpoint.
  """
  train.validate(config)
  workdir = pathlib.Path(workdir)
  family = models.get(config.family)
  checkpoints = Checkpoints(workdir, config.keep, config.keep_every)
  steps = checkpoints.steps()
  if not steps:
    raise ValueError(f"{workdir}: no checkpoint to evaluate")
  source = data.load(
    config.dataset, "validation", config.image_size, config.data_dir, config.get("label", "")
  )
  like = jax.eval_shape(lambda: train.init_state(config))
  frozen = ml_collections.FrozenConfigDict(config)
  path = workdir / "evaluation.json"
  scores = json.loads(path.read_text()) if path.exists() else {}
  best = None
  for step in steps:
    if str(step) not in scores:
      ema = jax.tree.map(jnp.asarray, checkpoints.restore(step, like)[0].ema)
      scores[str(step)] = dict(family.evaluate(frozen, ema, source))
      path.write_text(json.dumps(scores, indent=2) + "\n")
    logging.info("step %d: %s", step, scores[str(step)])
    score = next(iter(scores[str(step)].values()))
    if best is None or score > best[0]:
      best = score, step
  ema = checkpoints.restore(best[1], like)[0].ema
  weights.save(workdir / "weights.safetensors", weights.Trained(ema, frozen), f"step {best[1]}")
  logging.info("The best is step %d; wrote %s", best[1], workdir / "weights.safetensors")
  checkpoints.close()
  return scores
