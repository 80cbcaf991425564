"""Restoring photographs in memory.

With a prior for images of any size, a whole photograph is restored in one piece. Its holes are then
filled part by part (see `filling`), those in faces by a network for aligned faces.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from gan_restore import hub
from gan_restore.data import images
from gan_restore.degradations import checks, masks, operators, tasks
from gan_restore.hub import Restorer
from gan_restore.photos import crops, file_damage, filling, photograph, scratches
from gan_restore.photos.damage import Damage
from gan_restore.photos.faces import Face, finder
from gan_restore.photos.file_damage import FileDamage
from gan_restore.photos.photograph import Photograph
from gan_restore.restorers.result import Result

SIZE = (64, 64)  # Of the papers' images.
_SCORED_MIN = 11

Find = Callable[[Image.Image], list[Face]]


def shapes(
  restorer: Restorer, damage: Damage, crop: str, size: int | None = None
) -> Callable[[crops.Box], tuple[int, int, int]]:
  """A function from the part of a photograph to the shape (H, W, C) of the image.

  Args:
    restorer: From `hub.load`.
    damage: The damage.
    crop: One of `crops.CROPS`.
    size: Pixels on a side of the images, if they are squares and the restorer has no fixed size.
      The default is 64.

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
  if size is not None:
    checks.at_least(size, 1, "the size")
  if size and restorer.size and size != restorer.size[0]:
    raise ValueError(f"the size is {size}; the method restores only {restorer.size[0]} pixels")
  side = restorer.size or ((size, size) if size else SIZE)
  return lambda box: (*side, channels)


def observed(
  damage: Damage,
  path: pathlib.Path | None,
  photo: Photograph,
  crop: str,
  shape_of: Callable[[crops.Box], tuple[int, int, int]],
  find: Find,
) -> tuple[np.ndarray, FileDamage, tuple[int, int, int]]:
  """The part of a photograph that is restored, and its damage.

  Args:
    damage: As the user named it.
    path: The file of the photograph, if it has one; its mask may have the same name.
    photo: The photograph.
    crop: One of `crops.CROPS`.
    shape_of: From `shapes`.
    find: Finds the faces, for masks of facial parts.

  Returns:
    (the part [h, w, C] in [0, 1], its damage, the shape (H, W, C) of the image).

  Raises:
    ValueError: If the photograph and the damage do not fit together.
  """
  picture = photo.picture
  box = crops.choose_box(picture, crop)
  shape = shape_of(box)
  if shape[0] * shape[1] > images.MAX_PIXELS:
    raise images.ImageError(
      f"the result would have {shape[1]}x{shape[0]} pixels; at most {images.MAX_PIXELS:,} are"
      " allowed"
    )
  size = damage.picture_size(shape)
  if damage.simulate and min(shape[:2]) < _SCORED_MIN:
    raise images.ImageError(
      f"the picture has {shape[1]}x{shape[0]} pixels; to score the restoration of a simulated"
      f" damage, each side must have at least {_SCORED_MIN}, the window of SSIM"
    )
  if crop == "whole" and shape[2] == 3 and size == photo.pixels.shape[:2]:
    square = photo.to_float()  # All of its bits.
  else:
    square = crops.crop_picture(picture, size, shape[2], box)
  mask = None
  if isinstance(damage.mask, np.ndarray):
    mask = crops.crop_mask(images.mask_picture(damage.mask[..., 0]), size, box)
  elif path is not None and (file := damage.mask_file(path)):
    mask = crops.crop_mask(crops.read_mask(file, picture), size, box)
  elif damage.finds_mask:
    mask = _found_mask(photo, size, box)
    if mask is None and damage.task != tasks.UNKNOWN:
      raise images.ImageError("no scratch is found; give a picture of them as the mask")
  elif crop == "whole" and isinstance(damage.mask, str) and masks.is_facial(damage.mask):
    mask = filling.facial_mask(damage.mask, find(picture), picture.size[::-1])
    if not mask.any():
      raise images.ImageError(f"no face found, for the mask {damage.mask}")
  return square, damage.of_photograph(photo, square, mask, box, shape), shape


def _found_mask(photo, size, box) -> np.ndarray | None:
  """The mask of the scratches and the transparent pixels of a part; None if there are none."""
  found = scratches.find(photo.picture)[..., 0]
  own = file_damage.transparent_pixels(photo, size, box)
  try:
    mask = crops.crop_mask(images.mask_picture(found), size, box)
  except images.ImageError:  # No pixel of the part is missing.
    return own
  return mask if own is None else np.maximum(mask, own)


def restore_whole(
  restorer: Restorer,
  y: jax.Array,
  A: Any,
  shape: tuple[int, int, int, int],
  find: Find = lambda picture: [],
  *,
  whole_result: bool = False,
) -> tuple[Result, list[list[Face]]]:
  """Restores whole photographs, and fills their holes part by part.

  Args:
    restorer: A restorer of images of any size. If it does not take the frames of faces, it restores
      each photograph as one image. If it draws samples, then the holes in faces are
      filled by samples of the prior of faces, else by a completion network.
    y: What was observed [N, ...].
    A: The damage.
    shape: [N, H, W, 3] of the images.
    find: Finds the faces whose holes a network for faces fills; see `faces.finder`.
    whole_result: Whether the result must have all fields that the restorer gives. Otherwise, if
      only pixels are missing, the restorer is applied only around them.

  Returns:
    (the result, the faces of each photograph in which holes were filled).
  """
  if not restorer.takes_frame:
    return restorer(y, A), [[]] * len(y)
  if operators.hole(A) is not None and not whole_result:
    result = Result(image=y, generated=y)
  else:
    result = restorer(y, A)
  missing = operators.missing(A, shape)
  if missing is None:
    return result, [[]] * len(y)
  draw_face = _face_restorers(restorer)
  filled, faces = [], []
  for i, image in enumerate(np.asarray(result.image)):
    found = filling.fill_photograph(
      restorer, _complete, image, np.asarray(missing[i % len(missing)]), find, draw_face
    )
    filled.append(found[0])
    faces.append(found[1])
  return dataclasses.replace(result, image=jnp.asarray(np.stack(filled))), faces


def _face_restorers(restorer) -> dict[int, Callable[..., Result]]:
  """What fills holes in aligned faces, by their size, for a restorer of images of any size."""
  completion = dict.fromkeys(hub.COMPLETION, _complete)
  sampling = restorer.sampling
  if not sampling or sampling["choice"] == "mean":
    return completion
  fidelity = sampling["fidelity"]
  if fidelity == 1 or (fidelity is None and sampling["num_samples"] == 1):
    return completion
  return {64: functools.partial(hub.restore, **sampling)}


def _complete(y, A, **options) -> Result:
  """Fills holes in aligned faces by the completion network of their size."""
  return _completion(y.shape[1])(y, A, **options)


@functools.cache
def _completion(size: int) -> Restorer:
  return hub.load(hub.COMPLETION[size])


def restore(
  image: Image.Image | np.ndarray,
  task: str = tasks.UNKNOWN,
  mask: Image.Image | np.ndarray | str | None = None,
  *,
  restorer: Restorer | None = None,
  find: Find | None = None,
) -> Image.Image | np.ndarray:
  """Restores a whole photograph in memory.

  Args:
    image: A picture of Pillow, which is turned upright if its EXIF data says how; or an array
      [H, W], [H, W, 1], [H, W, 3] or [H, W, 4], uint8, uint16 or float in [0, 1].
    task: The damage: a name of `tasks.get`; or 'auto', the damage that is detected: the compression
      of a JPEG that Pillow opened and nothing changed, noise, and transparent pixels.
    mask: The missing pixels of the task `inpaint`, not 0 where a pixel is missing: a picture or
      an array [H, W], of the size of the upright image; or 'auto', the scratches that are found.
    restorer: From `hub.load`; the default is the shipped prior of pictures.
    find: Finds the faces whose holes a network for faces fills; the default is `faces.finder()`.

  Returns:
    The restoration, of the type of `image`.

  Raises:
    TypeError: If the image is neither a picture of Pillow nor an array.
    ValueError: If the image, the task and the mask do not fit together, or no damage is detected.

  Examples:
    >>> import numpy as np
    >>> from gan_restore import photos
    >>> mask = np.zeros((32, 48)); mask[10:14, 20:30] = 1
    >>> photo = np.full((32, 48, 3), 200, np.uint8)
    >>> restored = photos.restore(photo, "inpaint", mask)
    >>> restored.shape, restored.dtype, bool(np.all(restored[mask == 0] == 200))
    ((32, 48, 3), dtype('uint8'), True)
  """
  photo = photograph.of(image)
  hole: np.ndarray | str | None = None
  if isinstance(mask, str):
    checks.one_of(mask, (scratches.AUTO,), "the mask")
    hole = mask
  elif mask is not None:
    as_rgb = lambda mask: images.to_rgb(mask, "black") if isinstance(mask, Image.Image) else mask
    size, given = photo.pixels.shape[:2], np.asarray(as_rgb(mask))
    if given.shape[:2] != size:
      raise ValueError(
        f"the mask has the size {given.shape[:2]}; it must have {size}, as the image"
      )
    hole = (given.reshape(*size, -1).max(-1, keepdims=True) != 0).astype(np.float32)
  restorer = restorer or hub.load(hub.PICTURES)
  find = find or finder()
  damage = Damage(task, hole)
  square, own, shape = observed(
    damage, None, photo, "whole", shapes(restorer, damage, "whole"), find
  )
  y, A = damage.observe(square[None], [own], shape, 0)
  result, _ = restore_whole(restorer, y, A, (1, *shape), find)
  return restored(photo, np.asarray(result.image[0]), A, own.task, 0).like(image)


def restored(photo: Photograph, image: np.ndarray, A: Any, task: str, i: int) -> Photograph:
  """A photograph with its restored image. If pixels alone were missing, the others are unchanged.

  Args:
    photo: The photograph.
    image: The restored image [H, W, C] in [0, 1].
    A: The damage of the batch.
    task: Its name.
    i: The index of the photograph in the batch.

  Returns:
    The photograph.
  """
  missing = operators.missing(A, (1, *image.shape))
  mask = None if missing is None else np.asarray(missing[i % len(missing)])
  kinds = {part.partition(":")[0] for part in tasks.parts(task)}
  keep = kinds == {"inpaint"} and operators.hole(A) is not None
  return photo.restored(image, mask, keep=keep, colored=bool(kinds & {"colorize", "demosaic"}))
