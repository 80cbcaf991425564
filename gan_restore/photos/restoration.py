"""Restoring photographs from file to file."""

import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from gan_restore.data import images
from gan_restore.degradations import masks, operators, tasks
from gan_restore.evaluation import figures, reports, scoring
from gan_restore.hub import Restorer
from gan_restore.photos import crops, file_damage, files
from gan_restore.photos.file_damage import FileDamage

SIZE = (64, 64)  # Of the papers' images.
BATCH = 16  # Pictures per batch, if they are small; the last of several batches is padded.
_BATCH_PIXELS = 2**18  # Pixels per batch, if it has several pictures.
_THUMBNAIL = 320  # Pixels on a side of whole pictures on the sheet.
_SHEET_ROWS = 64  # Maximum number of pictures on the sheet.
WHITE = 0.25  # The standard deviation that is shown as white.


@dataclasses.dataclass(frozen=True)
class Damage:
  """The damage to the photographs.

  Attributes:
    task: A name of `tasks.get`; or 'auto', the damage that is detected in each file (see
      `file_damage`).
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
    if self.simulate and tasks.UNKNOWN in (self.task, *self._jpegs):
      raise ValueError(f"--task {self.task} is detected in a file, so it cannot be simulated")
    if self.task == tasks.UNKNOWN:  # It takes a mask, but needs none.
      holes = [""] if self.mask else []
    else:
      tasks.get(self.task, jpeg=operators.jpeg())
      parts = [part.partition(":") for part in tasks.parts(self.task)]
      holes = [value for kind, _, value in parts if kind == "inpaint"]
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
  def _jpegs(self) -> list[str]:
    """The qualities of `jpeg` in the task."""
    return [part[5:] for part in tasks.parts(self.task) if part.startswith("jpeg:")]

  @property
  def mask_file(self) -> str | None:
    """The mask, if it is a file."""
    return self.mask if self.mask and not masks.is_kind(self.mask) else None

  def picture_size(self, shape: tuple[int, int, int]) -> tuple[int, int]:
    """(h, w) of the photographs, or their crops, for images of a shape (H, W, C): the size of y as
    a picture, or that of the images if the damage is simulated."""
    if self.simulate or self.task == tasks.UNKNOWN:
      return shape[:2]
    task = tasks.get(self.task, jpeg=operators.jpeg())
    A = task.operator(jax.random.key(0), (1, *shape))
    return A.picture_size((1, *shape))

  def image_size(self, picture: tuple[int, int], channels: int) -> tuple[int, int]:
    """(H, W) of the images, for photographs of a size (h, w): the inverse of `picture_size`."""
    # The size of y is a linear function of that of the image, so two sizes determine it.
    sizes = zip(*(self.picture_size((side, side, channels)) for side in (128, 256)), picture)
    height, width = (round(128 + (y - small) * 128 / (large - small)) for small, large, y in sizes)
    return height, width

  def of_file(
    self,
    path: pathlib.Path,
    square: np.ndarray,
    mask: np.ndarray | None,
    box: crops.Box,
    shape: tuple[int, int, int],
  ) -> FileDamage:
    """The damage of one file.

    Args:
      path: The file.
      square: Its crop, from `crops.read_crop`.
      mask: The mask of the crop, if `mask` is a file.
      box: The crop in the file.
      shape: (H, W, C) of the images.

    Returns:
      The damage.

    Raises:
      ValueError: If no damage is detected that the task asks for; or if no pixel is missing, or
        all are, at the size at which the task applies the mask.
    """
    if self.mask and self.mask_file is None and self.task == tasks.UNKNOWN:
      mask = np.asarray(masks.get(self.mask)(jax.random.key(0), (1, *square.shape[:2])))[0]
    found = FileDamage(self.task, mask)
    if self.task == tasks.UNKNOWN:
      found = file_damage.detect(path, square, box, mask)
    elif tasks.UNKNOWN in self._jpegs:
      compression, why = file_damage.find_jpeg(path, square.shape[:2], box)
      if compression is None:
        raise ValueError(f"jpeg:auto needs the file's tables, but it is {why or 'not a JPEG'}")
      found = FileDamage(self.task, mask, compression, file_damage.describe(compression))
    if found.mask is not None:
      task = tasks.get(found.task, mask=found.mask, jpeg=found.jpeg)
      task.operator(jax.random.key(0), (1, *shape))
    return found

  def observe(
    self,
    squares: np.ndarray,
    damages: Sequence[FileDamage],
    shape: tuple[int, int, int],
    first: int,
  ) -> tuple[jax.Array, Any]:
    """The observation y and the operator A.

    Args:
      squares: Crops of the photographs [N, h, w, C] in [0, 1], of the size
        `self.picture_size(shape)`.
      damages: Of each photograph, from `of_file`; they may differ in masks and tables only.
      shape: (H, W, C) of the images.
      first: Index of the first photograph.

    Returns:
      (y, A).
    """
    given = lambda own: own.mask if own.mask is not None else self.mask
    if self.simulate:
      own = [tasks.get(own.task, mask=given(own)) for own in damages]
      return scoring.damage(own, squares, first, self.seed)
    masks_given = [own.mask for own in damages if own.mask is not None]
    mask = np.stack(masks_given) if masks_given else self.mask
    tables = [own.jpeg for own in damages if own.jpeg is not None]
    compression = jax.tree.map(lambda *rows: np.concatenate(rows), *tables) if tables else None
    task = tasks.get(damages[0].task, mask=mask, jpeg=compression)
    batch = (len(squares), *shape)
    A = task.operator(jax.random.key(self.seed), batch)
    return operators.observe(A, squares, batch), A


def restore_files(
  restorer: Restorer,
  damage: Damage,
  inputs: Sequence[str],
  out: pathlib.Path,
  *,
  crop: str | None = None,
  size: int | None = None,
  spread: bool = False,
  overwrite: bool = False,
  say: Callable[[str], None] = lambda sentence: None,
) -> tuple[dict[str, dict[str, float]], list[str], int]:
  """Restores photographs. Writes a PNG for each, and a sheet of damaged and restored pictures.

  Args:
    restorer: From `hub.load`.
    damage: The damage to the photographs.
    inputs: Files, folders or globs.
    out: Folder for `NAME.png` of each photograph and `sheet.png`; with simulated damage also for
      `results.json` with the scores, and with `spread` for `spread/NAME.png`. If there is a sheet
      already, the new one is `sheet-2.png`, and so on; likewise for the scores.
    crop: The part to restore; see `crops`. The default is the whole photograph, or the centre if
      the restorer has a fixed size.
    size: Pixels on a side of the images, if they are squares and the restorer has no fixed size.
      The default is 64.
    spread: Whether to write pictures of the standard deviation of the samples.
    overwrite: Whether to replace existing files.
    say: Is given a sentence for each photograph about the damage that was detected in its file.

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
  crop = crop or ("center" if restorer.size else "whole")
  shape_of = shapes(restorer, damage, crop, size)
  frame = {"frame": "celeba"} if crop == "face" else {}

  # --- Read ---
  items: list[_Item] = []
  for path, output in zip(paths, outputs):
    try:
      for there in (output, _spread_of(output)) if spread else (output,):
        if there.exists() and not overwrite:
          raise ValueError(f"{there} exists; --overwrite replaces it")
      picture, box = crops.open_picture(path, crop)
      shape = shape_of(box)
      size_of_y = damage.picture_size(shape)
      square = crops.crop_picture(picture, size_of_y, shape[2], box)
      mask = None
      if damage.mask_file:
        mask = crops.crop_mask(crops.read_mask(damage.mask_file, picture), size_of_y, box)
      own = damage.of_file(path, square, mask, box, shape)
      if own.sentence:
        say(f"{path}: {own.sentence}; restored from {own.task}")
      items.append(_Item(path, output, square, own, shape))
    except (ValueError, OSError) as error:
      failures.append(f"{path}: {str(error).removeprefix(f'{path}: ')}")

  # --- Restore ---
  rows: list[list[np.ndarray]] = []
  scores: dict[str, dict[str, float]] = {}
  restored = 0
  with tqdm(total=len(items), unit="image", disable=None) as bar:
    for start, chunk, padding in _batches(items):
      padded = chunk + chunk[-1:] * padding
      squares = np.stack([item.square for item in padded])
      try:
        y, A = damage.observe(squares, [item.damage for item in padded], chunk[0].shape, start)
        result = restorer(y, A, **frame)
      except operators.UnsupportedOperatorError as error:
        if damage.task != tasks.UNKNOWN:
          raise  # All photographs have the same damage.
        failures += [f"{item.path}: {error}" for item in chunk]
        continue
      if spread and result.spread is None:
        raise ValueError(
          "--spread needs a method that draws several samples, such as denoiser:num_samples=4"
        )
      given = np.asarray(operators.show(A, y)).clip(0, 1)
      if damage.simulate:
        found = scoring.score(result.image, squares, operators.missing(A, squares.shape))

      # --- Write ---
      (_spread_of(sheet).parent if spread else out).mkdir(parents=True, exist_ok=True)
      for i, item in enumerate(chunk):
        images.write_png(item.output, np.asarray(result.image[i]))
        if spread and result.spread is not None:
          deviation = np.asarray(result.spread[i])
          images.write_png(_spread_of(item.output), np.minimum(deviation / WHITE, 1))
        row = ([item.square] if damage.simulate else []) + [given[i], result.image[i]]
        if len(rows) < _SHEET_ROWS:
          rows.append([_thumbnail(np.asarray(x), crop) for x in row])
        if damage.simulate:
          scores[str(item.path)] = {name: float(values[i]) for name, values in found.items()}
      bar.update(len(chunk))
      restored += len(chunk)
  if rows:
    shown = np.stack([x for row in rows for x in row])
    figures.write_grid(sheet, shown, len(rows[0]), scale=1 if crop == "whole" else 2)
  if scores:
    reports.write_json(report, scores)
  return scores, failures, restored


@dataclasses.dataclass(frozen=True)
class _Item:
  """A photograph: its file, the file of the result, its crop, its damage, and the shape (H, W, C)
  of the image."""

  path: pathlib.Path
  output: pathlib.Path
  square: np.ndarray
  damage: FileDamage
  shape: tuple[int, int, int]


def shapes(
  restorer: Restorer, damage: Damage, crop: str, size: int | None = None
) -> Callable[[crops.Box], tuple[int, int, int]]:
  """A function from the part of a photograph to the shape (H, W, C) of the image.

  Args:
    restorer: From `hub.load`.
    damage: The damage.
    crop: One of `crops.CROPS`.
    size: As in `restore_files`.

  Returns:
    The function.

  Raises:
    ValueError: If the restorer, the crop and the size do not fit together.
  """
  channels = restorer.channels or 3
  if crop == "whole":
    if restorer.size:
      raise ValueError(
        f"the method restores only {restorer.size[0]}x{restorer.size[1]} pixels; the crop must be"
        " center or face"
      )
    if size:
      raise ValueError(
        "whole pictures keep their size; with a size, the crop must be center or face"
      )
    return lambda box: (*damage.image_size((box[3] - box[1], box[2] - box[0]), channels), channels)
  if size and restorer.size and size != restorer.size[0]:
    raise ValueError(f"the size is {size}; the method restores only {restorer.size[0]} pixels")
  side = restorer.size or ((size, size) if size else SIZE)
  return lambda box: (*side, channels)


def _thumbnail(picture: np.ndarray, crop: str) -> np.ndarray:
  """A picture of the sheet [H, W, C]. Whole pictures are fitted into a square."""
  if crop != "whole":
    return picture
  pixels = images.to_uint8(picture)
  small = Image.fromarray(pixels if pixels.shape[-1] == 3 else pixels[..., 0])
  fitted = ImageOps.pad(small, (_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX, color="white")
  return images.to_float(fitted)


def _batches(items) -> Iterator[tuple[int, list[_Item], int]]:
  """(index of the first item, items, number of rows to pad) of batches whose shapes and kinds of
  damage agree. Small images share a batch."""
  start = 0
  for (shape, *_), alike in itertools.groupby(items, lambda item: (item.shape, *item.damage.kind)):
    most = max(1, min(BATCH, _BATCH_PIXELS // (shape[0] * shape[1])))
    while chunk := list(itertools.islice(alike, most)):
      yield start, chunk, most - len(chunk) if start and len(items) > most else 0
      start += len(chunk)


def _spread_of(output: pathlib.Path) -> pathlib.Path:
  """The file of a restoration's spread."""
  return output.parent / "spread" / output.name
