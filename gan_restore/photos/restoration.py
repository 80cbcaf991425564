"""Restoring photographs from file to file."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from gan_restore.data import images
from gan_restore.degradations import masks, operators, tasks
from gan_restore.evaluation import figures, reports, scoring
from gan_restore.hub import Restorer
from gan_restore.photos import crops, files

SHAPE = (64, 64, 3)  # Of the images, for restorers that accept any shape.
BATCH = 16  # Pictures per batch; the last of several batches is padded.
_SHEET_ROWS = 64  # Maximum number of pictures on the sheet.
WHITE = 0.25  # The standard deviation that is shown as white.


@dataclasses.dataclass(frozen=True)
class Damage:
  """The damage to the photographs.

  Attributes:
    task: A name of `tasks.get`.
    mask: The mask of each `inpaint` of the task that does not name one: the path of a picture, or a
      kind of `masks`; or None.
    simulate: Whether the photographs are clean, and are damaged first.
    seed: Random seed of masks and noise.

  Raises:
    ValueError: If the task and the mask do not fit together.
  """

  task: str
  mask: str | None = None
  simulate: bool = False
  seed: int = 0

  def __post_init__(self):
    tasks.get(self.task)
    parts = tasks.parts(self.task)
    holes = [part.partition(":")[2] for part in parts if part.partition(":")[0] == "inpaint"]
    if self.mask and "" not in holes:
      raise ValueError(
        f"--mask is given, but --task {self.task} has no inpaint without a mask of its own; it must"
        f" have one, such as inpaint+{self.task}"
      )
    if not self.mask and "" in holes:
      raise ValueError(
        f"--task {self.task} needs --mask: a picture, white where pixels are missing, or a kind of"
        " mask"
      )
    if self.mask and not masks.is_kind(self.mask) and not pathlib.Path(self.mask).is_file():
      raise ValueError(
        f"--mask is {self.mask}; it must be a picture file, or one of the kinds {masks.HELP}"
      )
    kinds = [kind or str(self.mask) for kind in holes]
    for kind in kinds:
      if masks.is_kind(kind) and not masks.is_fixed(kind) and not self.simulate:
        raise ValueError(
          f"the mask {kind} is random, so it cannot be that of the damage; it must be the mask of"
          " the damage, unless --simulate is given"
        )

  @property
  def mask_file(self) -> str | None:
    """The mask, if it is a file."""
    return self.mask if self.mask and not masks.is_kind(self.mask) else None

  def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """(H, W, C) of the crops of the photographs, for images of a shape: the size of y as a picture,
    or that of the images if the damage is simulated."""
    if self.simulate:
      return shape
    A = tasks.get(self.task).operator(jax.random.key(0), (1, *shape))
    height, width = A.picture_size((1, *shape))
    return height, width, shape[2]

  def check_mask(self, mask: np.ndarray | None, shape: tuple[int, int, int]) -> None:
    """Raises an error if the mask marks no pixel or every pixel as missing.

    Args:
      mask: [H, W, 1] of one photograph's square, or None.
      shape: (H, W, C) of the images.

    Raises:
      ValueError: If no pixel is missing, or all are, at the size at which the task applies the
        mask.
    """
    if mask is not None:
      tasks.get(self.task, mask=mask).operator(jax.random.key(0), (1, *shape))

  def observe(
    self, squares: np.ndarray, mask: np.ndarray | None, shape: tuple[int, int, int], first: int
  ) -> tuple[jax.Array, Any]:
    """The observation y and the operator A.

    Args:
      squares: Squares of the photographs [N, H, W, C] in [0, 1], of shape `self.shape(shape)`.
      mask: [N, H, W, 1], if the mask is a file.
      shape: (H, W, C) of the images.
      first: Index of the first photograph.

    Returns:
      (y, A).
    """
    given = lambda i: mask[i] if mask is not None else self.mask
    if self.simulate:
      own = [tasks.get(self.task, mask=given(i)) for i in range(len(squares))]
      return scoring.damage(own, squares, first, self.seed)
    task = tasks.get(self.task, mask=mask if mask is not None else self.mask)
    batch = (len(squares), *shape)
    A = task.operator(jax.random.key(self.seed), batch)
    return operators.observe(A, squares, batch), A


def restore_files(
  restorer: Restorer,
  damage: Damage,
  inputs: Sequence[str],
  out: pathlib.Path,
  *,
  crop: str = "center",
  spread: bool = False,
  overwrite: bool = False,
) -> tuple[dict[str, dict[str, float]], list[str], int]:
  """Restores photographs. Writes a PNG for each, and a sheet of damaged and restored pictures.

  Args:
    restorer: From `hub.load`.
    damage: The damage to the photographs.
    inputs: Files, folders or globs.
    out: Folder for `NAME.png` of each photograph and `sheet.png`; with simulated damage also for
      `results.json` with the scores, and with `spread` for `spread/NAME.png`. If there is a sheet
      already, the new one is `sheet-2.png`, and so on; likewise for the scores.
    crop: The square to restore; see `crops`.
    spread: Whether to write pictures of the standard deviation of the samples.
    overwrite: Whether to replace existing files.

  Returns:
    (the scores {path: {name: value}} if the damage is simulated, a sentence for each photograph
    that failed, the number of restored photographs). A photograph that fails does not stop the
    others.

  Raises:
    ValueError: If nothing can be restored. Then nothing has been written.
  """
  paths, failures = files.expand(inputs)
  outputs = files.name_outputs(paths, out, taken=("sheet",))
  sheet, report = out / "sheet.png", out / "results.json"
  if not overwrite:
    sheet, report = files.unused(sheet), files.unused(report)
  shape = restorer.shape or SHAPE
  height, width, channels = damage.shape(shape)

  # --- Read ---
  items = []  # (input, output, square, mask or None)
  for path, output in zip(paths, outputs):
    try:
      for there in (output, _spread_of(output)) if spread else (output,):
        if there.exists() and not overwrite:
          raise ValueError(f"{there} exists; --overwrite replaces it")
      square, mask = crops.read_crop(path, (height, width), channels, crop, damage.mask_file)
      damage.check_mask(mask, shape)
      items.append((path, output, square, mask))
    except (ValueError, OSError) as error:
      failures.append(f"{path}: {str(error).removeprefix(f'{path}: ')}")

  # --- Restore ---
  rows, scores = [], {}
  with tqdm(total=len(items), unit="image", disable=None) as bar:
    for start in range(0, len(items), BATCH):
      chunk = items[start : start + BATCH]
      padded = chunk + chunk[-1:] * (BATCH - len(chunk) if len(items) > BATCH else 0)
      squares = np.stack([square for _, _, square, _ in padded])
      drawn = [m for *_, m in padded if m is not None]
      y, A = damage.observe(squares, np.stack(drawn) if drawn else None, shape, start)
      result = restorer(y, A)
      if spread and result.spread is None:
        raise ValueError(
          "--spread needs a method that draws several samples, such as denoiser:num_samples=4"
        )
      given = np.asarray(operators.show(A, y)).clip(0, 1)
      if damage.simulate:
        found = scoring.score(result.image, squares, operators.missing(A, squares.shape))

      # --- Write ---
      (_spread_of(sheet).parent if spread else out).mkdir(parents=True, exist_ok=True)
      for i, (path, output, square, _) in enumerate(chunk):
        images.write_png(output, np.asarray(result.image[i]))
        if spread and result.spread is not None:
          images.write_png(_spread_of(output), np.minimum(np.asarray(result.spread[i]) / WHITE, 1))
        rows.append(([square] if damage.simulate else []) + [given[i], result.image[i]])
        if damage.simulate:
          scores[str(path)] = {name: float(values[i]) for name, values in found.items()}
      bar.update(len(chunk))
  if rows:
    shown = np.stack([x for row in rows[:_SHEET_ROWS] for x in row])
    figures.write_grid(sheet, shown, len(rows[0]), scale=2)
  if scores:
    reports.write_json(report, scores)
  return scores, failures, len(items)


def _spread_of(output: pathlib.Path) -> pathlib.Path:
  """The file of a restoration's spread."""
  return output.parent / "spread" / output.name
