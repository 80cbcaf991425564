"""The damage to photographs, as a user names it."""

import dataclasses
import math
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from gan_restore.data import images
from gan_restore.degradations import checks, masks, operators, tasks
from gan_restore.evaluation import scoring
from gan_restore.photos import crops, file_damage, scratches
from gan_restore.photos.file_damage import FileDamage
from gan_restore.photos.photograph import Photograph


@dataclasses.dataclass(frozen=True)
class Damage:
  """The damage to the photographs.

  Attributes:
    task: A name of `tasks.get`; or 'auto', the damage that is detected in each file (see
      `file_damage`).
    mask: The mask of each `inpaint` of the task that does not name one: the path of a picture; the
      path of a folder with a picture of the name of each photograph; a kind of `masks`; 'auto',
      the scratches that are found in each photograph (see `scratches`), and its transparent pixels;
      the mask [H, W, 1] of the only photograph; or None.
    simulate: Whether the photographs are clean, and are damaged first.
    seed: Random seed of masks and noise.
    enlarge: Factor by which the photographs are also enlarged. They are taken for large ones that
      were reduced with the bicubic kernel; the task is the damage after that.

  Raises:
    ValueError: If the task and the mask do not fit together.
  """

  task: str
  mask: str | np.ndarray | None = None
  simulate: bool = False
  seed: int = 0
  enlarge: int = 1

  def __post_init__(self):
    checks.at_least(self.enlarge, 1, "--enlarge")
    if self.task != tasks.UNKNOWN:
      object.__setattr__(self, "task", self._enlarged(self.task))
    if self.simulate and tasks.UNKNOWN in (self.task, *self._jpegs):
      raise ValueError(
        f"the task {self.task} is detected in a photograph, so it cannot be simulated"
      )
    if self.task == tasks.UNKNOWN:  # It takes a mask, but needs none.
      holes = [""] if self.mask is not None else []
    else:
      tasks.get(self.task, jpeg=operators.jpeg())
      parts = [part.partition(":") for part in tasks.parts(self.task)]
      holes = [value for kind, _, value in parts if kind == "inpaint"]
    if self.mask is None and len(holes) == 1 and holes[0] and masks.is_facial(holes[0]):
      # As the mask, it is placed in each face that is found.
      object.__setattr__(self, "mask", holes[0])
      object.__setattr__(self, "task", self.task.replace(f"inpaint:{holes[0]}", "inpaint"))
      holes = [""]
    if self.mask is not None and "" not in holes:
      raise ValueError(
        f"a mask is given, but the task {self.task} has no inpaint without a mask of its own; it"
        f" must have one, such as inpaint+{self.task}"
      )
    if self.mask is None and "" in holes:
      raise ValueError(
        f"the task {self.task} needs a mask: a picture, white where pixels are missing, or a kind"
        " of mask"
      )
    if self.finds_mask and self.simulate:
      raise ValueError("the mask auto is found in a photograph, so it cannot be simulated")
    if (
      isinstance(self.mask, str)
      and not self.finds_mask
      and not masks.is_kind(self.mask)
      and not pathlib.Path(self.mask).exists()
    ):
      raise ValueError(
        f"the mask is {self.mask}; it must be a picture file, a folder of them, auto, or one of the"
        f" kinds {masks.HELP}"
      )
    kinds = [kind or self.mask for kind in holes]
    for kind in kinds:
      if (
        isinstance(kind, str)
        and masks.is_kind(kind)
        and not masks.is_fixed(kind)
        and not self.simulate
      ):
        raise ValueError(
          f"the mask {kind} is random, so it cannot be that of the damage; it must be the mask of"
          " the damage, unless --simulate is given"
        )

  def _enlarged(self, task: str) -> str:
    """A task after the enlargement."""
    parts = [f"super_resolve:{self.enlarge}@bicubic"] * (self.enlarge > 1) + [task] * bool(task)
    return "+".join(parts)

  @property
  def _jpegs(self) -> list[str]:
    """The qualities of `jpeg` in the task."""
    return [part[5:] for part in tasks.parts(self.task) if part.startswith("jpeg:")]

  @property
  def finds_mask(self) -> bool:
    """Whether the mask is found in each photograph."""
    return isinstance(self.mask, str) and self.mask == scratches.AUTO

  @property
  def mask_files(self) -> list[pathlib.Path]:
    """The file or the folder that `mask` names, if it names one."""
    if not isinstance(self.mask, str) or masks.is_kind(self.mask) or self.finds_mask:
      return []
    return [pathlib.Path(self.mask)]

  def mask_file(self, path: pathlib.Path) -> pathlib.Path | None:
    """The file of the mask of a photograph `path`; None if the mask is no file.

    Raises:
      ImageError: If the mask is a folder without exactly one picture of the photograph's name.
    """
    if not self.mask_files:
      return None
    (given,) = self.mask_files
    if not given.is_dir():
      return given
    found = [file for file in images.find_images(given) if file.stem == path.stem]
    if len(found) != 1:
      raise images.ImageError(
        f"{given} has {len(found) or 'no'} pictures named {path.stem}; it must have one, the mask"
      )
    return found[0]

  def picture_size(self, shape: tuple[int, int, int]) -> tuple[int, int]:
    """(h, w) of the photographs, or their crops, for images of a shape (H, W, C): the size of y as
    a picture, or that of the images if the damage is simulated."""
    task = self._enlarged("") if self.task == tasks.UNKNOWN else self.task
    if self.simulate or not task:
      return shape[:2]
    A = tasks.get(task, jpeg=operators.jpeg()).operator(jax.random.key(0), (1, *shape))
    return A.picture_size((1, *shape))

  def image_size(self, picture: tuple[int, int], channels: int) -> tuple[int, int]:
    """(H, W) of the images, for photographs of a size (h, w): the inverse of `picture_size`."""
    # The size of y is a linear function of that of the image, so two sizes determine it. If they
    # are smaller than a kernel, larger ones are tried.
    factors = re.findall(r"(?:super_resolve|coarsen):(\d+)", self._enlarged("") + self.task)
    factor = math.prod(max(int(factor), 1) for factor in factors)
    for unit in (128 * factor, 512 * factor, 2048 * factor):
      try:
        small, large = (self.picture_size((side, side, channels)) for side in (unit, 2 * unit))
        break
      except ValueError:
        if unit == 2048 * factor:
          raise
    height, width = (
      round(unit + (y - one) * unit / (two - one)) for one, two, y in zip(small, large, picture)
    )
    return height, width

  def of_photograph(
    self,
    photo: Photograph,
    square: np.ndarray,
    mask: np.ndarray | None,
    box: crops.Box,
    shape: tuple[int, int, int],
  ) -> FileDamage:
    """The damage of one photograph.

    Args:
      photo: The photograph.
      square: Its crop, from `crops.crop_picture`.
      mask: The mask of the crop, if `mask` is a file or is found.
      box: The crop in the photograph.
      shape: (H, W, C) of the images.

    Returns:
      The damage.

    Raises:
      ValueError: If no damage is detected that the task asks for; or if no pixel is missing, or
        all are, at the size at which the task applies the mask.
    """
    unknown = self.task == tasks.UNKNOWN and not self.finds_mask
    if mask is None and unknown and isinstance(self.mask, str):
      mask = np.asarray(masks.get(self.mask)(jax.random.key(0), (1, *square.shape[:2])))[0]
    found = FileDamage(self.task, mask)
    if self.task == tasks.UNKNOWN:
      found = file_damage.detect(photo, square, box, mask)
      if not found.task and self.enlarge == 1:
        raise ValueError(f"{found.sentence}; name the damage as the task, or give a mask")
      sentence = found.sentence if found.task else ""
      found = dataclasses.replace(found, task=self._enlarged(found.task), sentence=sentence)
    elif tasks.UNKNOWN in self._jpegs:
      compression, why = file_damage.find_jpeg(photo, square.shape[:2], box)
      if compression is None:
        raise ValueError(f"jpeg:auto needs the tables of a JPEG, but this is {why or 'no JPEG'}")
      found = FileDamage(
        self.task, mask, compression, file_damage.describe(compression, photo.grey)
      )
    if found.mask is not None:
      task = tasks.get(found.task, mask=found.mask, jpeg=found.jpeg)
      task.operator(jax.random.key(0), (1, *shape))
    return dataclasses.replace(found, grey=photo.grey)

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
      damages: Of each photograph, from `of_photograph`; they may differ in masks and tables only.
      shape: (H, W, C) of the images.
      first: Index of the first photograph.

    Returns:
      (y, A).
    """
    kind = None if self.finds_mask else self.mask
    given = lambda own: own.mask if own.mask is not None else kind
    if self.simulate:
      own = [tasks.get(own.task, mask=given(own)) for own in damages]
      return scoring.damage(own, squares, first, self.seed)
    masks_given = [own.mask for own in damages if own.mask is not None]
    mask = np.stack(masks_given) if masks_given else kind
    tables = [own.jpeg for own in damages if own.jpeg is not None]
    compression = jax.tree.map(lambda *rows: np.concatenate(rows), *tables) if tables else None
    task = tasks.get(damages[0].task, mask=mask, jpeg=compression)
    batch = (len(squares), *shape)
    A = task.operator(jax.random.key(self.seed), batch)
    y = operators.observe(A, squares, batch)
    kinds = {part.partition(":")[0] for part in tasks.parts(damages[0].task)}
    # JPEG's errors are alike in the channels of colour pictures too, and the prior was trained so.
    if damages[0].grey and kinds & {*tasks.NOISES} and "jpeg" not in kinds:
      A = operators.compose(operators.grey(), A)
    return y, A
