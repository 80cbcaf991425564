"""Measuring restorers, and choosing the best checkpoint of a run."""

import json
import os
import pathlib
import time
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from absl import logging
from clu import metrics as clu_metrics

from gan_restore import blending, data, metrics, models, operators, tasks, train, weights
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


def evaluate(
  restorer: Callable,
  task: tasks.Task,
  source,
  *,
  batch_size: int = 64,
  limit: int | None = None,
  seed: int = 0,
) -> Iterator[tuple[str, float]]:
  """Scores of a restorer on a task.

  Args:
    restorer: (y, A) -> Result.
    task: What is done to the images.
    source: From `data.load`.
    batch_size: Images restored at a time; no score depends on it.
    limit: At most this many images.
    seed: Of masks and noise.

  Yields:
    (name, mean over the images). Names are `OUTPUT/SCORE`: OUTPUT is `raw` (what was generated)
    and, for inpainting, `composited` (the known pixels pasted back) and `result` (as returned,
    blended as the restorer blends); SCORE is `psnr` or `ssim` and, for inpainting, the same in the
    hole: `psnr_hole`, `ssim_hole`, and `sharpness`, the mean gradient magnitude there relative to
    the originals' (1 is as sharp). Then `seconds`, an image, compilation included; `images`, how
    many.
  """
  totals: dict[str, clu_metrics.Average] = {}
  seconds = 0.0
  for number, batch in enumerate(data.evaluation_batches(source, batch_size, limit)):
    x = batch["image"].astype(np.float32) / 255
    y, A = damage(task, x, number * batch_size, seed)
    start = time.perf_counter()
    result = jax.block_until_ready(restorer(y, A))
    seconds += time.perf_counter() - start
    outputs = {"raw": result.generated}
    mask = None
    if isinstance(A, operators.Inpaint):
      mask = A.mask
      outputs["composited"] = blending.paste(x, result.generated, mask)
      outputs["result"] = result.image
    for output, image in outputs.items():
      scores = score(image, x, mask)
      if mask is not None:
        scores["gradient"] = metrics.gradient_magnitude(image, mask)
        scores["gradient_wanted"] = metrics.gradient_magnitude(x, mask)
      for name, values in scores.items():
        name = f"{output}/{name}"
        new = clu_metrics.Average.from_model_output(values, mask=batch["valid"])
        totals[name] = totals[name].merge(new) if name in totals else new
  means = {name: float(total.compute()) for name, total in totals.items()}
  for name, mean in means.items():
    if name.endswith("/gradient"):
      yield name.replace("gradient", "sharpness"), mean / means[f"{name}_wanted"]
    elif not name.endswith("_wanted"):
      yield name, mean
  count = min(len(source), limit or len(source))
  yield "seconds", seconds / count
  yield "images", count


def rows(scores: Iterator[tuple[str, float]]) -> list[dict]:
  """What `evaluate` yields as rows of a table, one for each output."""
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
