"""Restoring photographs from file to file, in batches."""

import dataclasses
import itertools
import pathlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import jax
import numpy as np
from PIL import Image
from tqdm import tqdm

from gan_restore.data import images
from gan_restore.degradations import checks, operators, tasks
from gan_restore.evaluation import figures, reports, scoring
from gan_restore.hub import Restorer
from gan_restore.photos import files, filling, photograph, restoration
from gan_restore.photos.damage import Damage
from gan_restore.photos.faces import Face
from gan_restore.photos.file_damage import FileDamage
from gan_restore.photos.photograph import Photograph
from gan_restore.restorers.result import Result

BATCH = 16  # Pictures per batch, if they are small; the last of several batches is padded.
_BATCH_PIXELS = 2**18  # Pixels per batch, if it has several pictures.
_SHEET_ROWS = 64  # Maximum number of crops on the sheet.
WHITE = 0.25  # The standard deviation that is shown as white.
# Where samples lie by default between a sample, 0, and the restoration, 1. Of 50 faces, most looked
# best so: see docs/measured.md.
FIDELITY = 0.5


@dataclasses.dataclass(frozen=True)
class Outputs:
  """The files to write.

  Attributes:
    folder: Folder for the picture of each photograph, with the name of its file. For crops there is
      also `sheet.png`, and for simulated damage `results.json` with the scores. If they exist, the
      new ones are `sheet-2.png`, and so on.
    format: One of `photograph.FORMATS`, such as 'png'. The default is the format of the photograph,
      or PNG for crops.
    spread: Whether to write `spread/NAME.png`, the standard deviation of the samples.
    compare: Whether to write `compare/NAME.png`, the picture before and after, side by side.
    masks: Whether to write `masks/NAME.png`, the missing pixels.
    faces: Whether to write `faces/NAME-1.png` and so on: each face that is found in the restored
      photograph, before and after.
    samples: Number of samples of each photograph, which are written to `sample-1/NAME` and so on.
    fidelity: The place of what is written on the line from a sample, 0, to the restoration, 1. It
      is that of the samples, `FIDELITY` by default; without any, that of the restored photograph
      itself.
    overwrite: Whether to replace existing files.
  """

  folder: pathlib.Path
  format: str | None = None
  spread: bool = False
  compare: bool = False
  masks: bool = False
  faces: bool = False
  samples: int = 0
  fidelity: float | None = None
  overwrite: bool = False

  def kind(self, photo: Photograph, crop: str) -> str:
    """The format of the picture of a photograph."""
    if self.format:
      return photograph.FORMATS[self.format]
    return photo.format if crop == "whole" else "PNG"

  def check(self, path: pathlib.Path) -> None:
    """Refuses to replace files.

    Raises:
      ValueError: If one exists that must not be replaced.
    """
    also = [name for name in ("spread", "compare", "masks") if getattr(self, name)]
    theirs = [path, *(beside(path, name) for name in also), *self.of_samples(path)]
    if self.faces:
      of_this = re.compile(re.escape(path.stem) + r"-\d+\.png")
      theirs += [face for face in (path.parent / "faces").glob("*") if of_this.fullmatch(face.name)]
    for there in theirs:
      if there.exists() and not self.overwrite:
        raise ValueError(f"{there} exists; --overwrite replaces it")

  def folders(self) -> list[pathlib.Path]:
    """The folder and those in it that this or an earlier command may have written."""
    names = ("spread", "compare", "masks", "faces")
    samples = self.folder.glob("sample-*") if self.folder.is_dir() else ()
    return [self.folder, *(self.folder / name for name in names), *samples]

  def of_samples(self, path: pathlib.Path) -> list[pathlib.Path]:
    """The files of the samples that belong to an output."""
    return [path.parent / f"sample-{k}" / path.name for k in range(1, self.samples + 1)]

  def new(self, name: str) -> pathlib.Path:
    """The path of a file of the whole command."""
    path = self.folder / name
    return path if self.overwrite else files.unused(path)


def beside(path: pathlib.Path, folder: str, suffix: str = "") -> pathlib.Path:
  """The PNG that belongs to an output, in a folder of its own."""
  return path.parent / folder / f"{path.stem}{suffix}.png"


@dataclasses.dataclass(frozen=True)
class _Item:
  """A photograph: its files, what was read, its crop, its damage, the shape (H, W, C) of the
  image."""

  path: pathlib.Path
  output: pathlib.Path
  photo: Photograph
  square: np.ndarray
  damage: FileDamage
  shape: tuple[int, int, int]


def restore_files(
  restorer: Restorer,
  damage: Damage,
  inputs: Sequence[str],
  outputs: Outputs,
  *,
  crop: str | None = None,
  size: int | None = None,
  find: restoration.Find = lambda picture: [],
  say: Callable[[str], None] = lambda sentence: None,
) -> tuple[dict[str, dict[str, float]], list[str], int]:
  """Restores photographs, and writes a picture for each.

  Args:
    restorer: From `hub.load`.
    damage: The damage to the photographs.
    inputs: Files, folders or globs.
    outputs: What to write.
    crop: The part to restore; see `crops`. The default is the whole photograph, or the centre if
      the restorer has a fixed size.
    size: Pixels on a side of the images, if they are squares and the restorer has no fixed size.
      The default is 64.
    find: Finds the faces whose holes a network for faces fills; see `faces.finder`.
    say: Is given sentences about each photograph: the damage that was detected in its file, and for
      a whole photograph, what was done.

  Returns:
    (the scores {path: {name: value}} if the damage is simulated, a sentence for each photograph
    that failed, the number of restored photographs). A photograph that fails does not stop the
    others.

  Raises:
    ValueError: If nothing can be restored. Then nothing has been written.
  """
  crop = crop or ("center" if restorer.size else "whole")
  if outputs.faces and crop != "whole":
    raise ValueError("the faces are found in whole pictures; the crop and the method allow none")
  paths, failures = files.expand(inputs, [*outputs.folders(), *damage.mask_files])
  shape_of = restoration.shapes(restorer, damage, crop, size)
  if outputs.fidelity is not None:
    checks.between(outputs.fidelity, 0, 1, "--fidelity")
  mixed = outputs.fidelity is not None and not outputs.samples
  samplers = [restorer.sample(number) for number in range(1, outputs.samples + 1 + mixed)]
  sheet, report = outputs.new("sheet.png"), outputs.new("results.json")

  def read() -> Iterator[_Item]:
    for path, output in zip(paths, files.name_outputs(paths, outputs.folder, taken=("sheet",))):
      try:
        photo = photograph.read(path)
        photo = dataclasses.replace(photo, format=outputs.kind(photo, crop))
        output = output.with_name(output.name + photograph.extension(photo.format, path))
        outputs.check(output)
        square, own, shape = restoration.observed(damage, path, photo, crop, shape_of, find)
        if photo.pictures > 1:
          say(f"{path}: only the first of its {photo.pictures} pictures is restored")
        if own.sentence:
          say(f"{path}: {own.sentence}; restored from {own.task}")
        elif damage.finds_mask and own.mask is not None:
          found = f"{np.mean(own.mask):.1%} of the pixels are taken for scratches"
          seen = f"; see {beside(output, 'masks')}" if outputs.masks else ""
          say(f"{path}: {found}{seen}")
        yield _Item(path, output, photo, square, own, shape)
      except (ValueError, OSError) as error:
        failures.append(f"{path}: {checks.sentence(error).removeprefix(f'{path}: ')}")

  def restore(restorer, y, A, shape) -> tuple[Result, list[list[Face]]]:
    if crop == "whole":
      return restoration.restore_whole(restorer, y, A, shape, find, whole_result=outputs.spread)
    return restorer(y, A, frame="celeba" if crop == "face" else None), [[]] * len(y)

  def between(result, drawn) -> jax.Array:
    fidelity = FIDELITY if outputs.fidelity is None else outputs.fidelity
    return drawn.image + fidelity * (result.image - drawn.image)

  def finish(item, image, A, i) -> Photograph:
    if crop == "whole":
      return restoration.restored(item.photo, image, A, item.damage.task, i)
    return Photograph(images.to_uint8(image), format=item.photo.format)

  rows: list[list[np.ndarray]] = []
  scores: dict[str, dict[str, float]] = {}
  restored = 0
  with tqdm(total=len(paths), unit="image", disable=None) as bar:
    for start, chunk, padding in _batches(read()):
      # --- Restore ---
      padded = chunk + chunk[-1:] * padding
      squares = np.stack([item.square for item in padded])
      shape = len(padded), *chunk[0].shape
      try:
        y, A = damage.observe(squares, [item.damage for item in padded], shape[1:], start)
        result, faces = restore(restorer, y, A, shape)
        if mixed:
          drawn, _ = restore(samplers[0], y, A, shape)
          result = dataclasses.replace(result, image=between(result, drawn))
      except ValueError as error:
        unsupported = isinstance(error, operators.UnsupportedOperatorError)
        if unsupported and damage.task != tasks.UNKNOWN:
          raise  # All photographs have the same damage.
        failures += [f"{item.path}: {error}" for item in chunk]
        continue
      if outputs.spread and result.spread is None:
        raise ValueError(
          "--spread needs a method that draws several samples, such as denoiser:num_samples=4"
        )
      if damage.simulate or crop != "whole":
        given = np.asarray(operators.show(A, y)).clip(0, 1)
      if damage.simulate:
        found = scoring.score(result.image, squares, operators.missing(A, squares.shape))

      # --- Write ---
      outputs.folder.mkdir(parents=True, exist_ok=True)
      written = []
      for i, item in enumerate(chunk):
        image, shown = np.asarray(result.image[i]), item.square
        if damage.simulate:
          shown = given[i]
          scores[str(item.path)] = {name: float(values[i]) for name, values in found.items()}
        try:
          photo = finish(item, image, A, i)
          photograph.write(item.output, photo)
          own = find(photo.picture) if outputs.faces else []
          spread = result.spread[i] if outputs.spread and result.spread is not None else None
          _write_beside(
            item.output, outputs, shown, photo.to_float(), own, spread, item.damage.mask
          )
        except (ValueError, OSError) as error:
          failures.append(f"{item.path}: {checks.sentence(error)}")
          continue
        restored += 1
        written.append(i)
        if crop == "whole":
          say(f"{item.path}: {_describe(faces[i])}wrote {item.output}")
        elif len(rows) < _SHEET_ROWS:
          rows.append(([item.square] if damage.simulate else []) + [given[i], image])
      for number, sampler in enumerate(samplers if written and not mixed else []):
        drawn, _ = restore(sampler, y, A, shape)
        moved = np.asarray(between(result, drawn))
        for i in written:
          path = outputs.of_samples(chunk[i].output)[number]
          try:
            path.parent.mkdir(exist_ok=True)
            photograph.write(path, finish(chunk[i], moved[i], A, i))
          except (ValueError, OSError) as error:
            failures.append(f"{chunk[i].path}: {checks.sentence(error)}")
      bar.update(len(chunk))
  if rows:
    figures.write_grid(sheet, np.stack([x for row in rows for x in row]), len(rows[0]), scale=2)
  if scores:
    reports.write_json(report, scores)
  return scores, failures, restored


def _batches(items: Iterable[_Item]) -> Iterator[tuple[int, list[_Item], int]]:
  """(index of the first item, items, number of rows to pad) of batches whose shapes and kinds of
  damage agree. Small images share a batch."""
  start = 0
  for (shape, *_), alike in itertools.groupby(items, lambda item: (item.shape, *item.damage.kind)):
    most = max(1, min(BATCH, _BATCH_PIXELS // (shape[0] * shape[1])))
    first = True
    while chunk := list(itertools.islice(alike, most)):
      yield start, chunk, 0 if first else most - len(chunk)
      start, first = start + len(chunk), False


def _describe(faces) -> str:
  """What was done to the faces of a photograph."""
  count = len(faces)
  return f"filled holes in {count} face{'s' * (count != 1)}; " if count else ""


def _resized(image, like) -> np.ndarray:
  """An image [h, w, C] at the size of another, as RGB."""
  size = like.shape[1::-1]
  pixels = images.to_uint8(image)
  picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).convert("RGB")
  return images.to_float(picture if picture.size == size else picture.resize(size))


def _write_beside(path, outputs, before, after, faces, spread, mask) -> None:
  """Writes the further pictures of a photograph."""
  both = _resized(before, after), _resized(after, after)
  pictures = {}
  for number, face in enumerate(faces if outputs.faces else [], 1):
    side = max(restoration.SIZE[0], round(face.side))
    pair = [filling.align(picture, face, side) for picture in both]
    pictures[beside(path, "faces", f"-{number}")] = np.concatenate(pair, 1)
  if outputs.compare:
    pictures[beside(path, "compare")] = np.concatenate(both, 1)
  if outputs.masks and mask is not None:
    pictures[beside(path, "masks")] = mask
  if spread is not None:
    pictures[beside(path, "spread")] = np.minimum(np.asarray(spread) / WHITE, 1)
  for there, picture in pictures.items():
    there.parent.mkdir(parents=True, exist_ok=True)
    images.write_png(there, picture)
