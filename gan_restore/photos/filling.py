"""Filling the holes of photographs, at the resolution at which a prior sees their surroundings.

Images are float32 [H, W, C] in [0, 1]. Masks are [H, W, 1], 1 where the pixel is missing.
"""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping

import jax
import numpy as np
from PIL import Image
from scipy import ndimage

from gan_restore.data import images
from gan_restore.degradations import masks, operators
from gan_restore.photos.faces import SAME, Face

_WIDTH = 64  # Wider holes are first filled at half the resolution.
_TRUST, _RIM = 0.02, 0.1  # The standard deviations of a guess in a hole, and at its rim.
_REACH = 1.0  # Pixels over which the guess at the rim gains trust.
_MARGIN = 32  # Pixels around a hole that the prior gets at least.
_THIN, _PIECE = 32, 128  # Thinner holes are filled in pieces of at most this side.
_SIDES = (128, 192, 256, 384, 512)  # Of the squares around holes; few, because each is compiled.
_FRAMES = 4  # Frames among which that of a face is chosen.
_HELD_OUT = 3  # Pixels around the hole in the aligned crop that measure a frame.
_FACE = 64  # Side of the aligned crop of a face in which it is found again.
_EDGE = 0.15  # Width of the seam inside the crop of a face, in half sides of the crop.


def fill_photograph(
  restore: Callable,
  restore_face: Callable,
  image: np.ndarray,
  mask: np.ndarray,
  find: Callable[[Image.Image], list[Face]],
  draw_face: Mapping[int, Callable] | None = None,
) -> tuple[np.ndarray, list[Face]]:
  """Fills the holes of a photograph: those in faces by a network for aligned faces.

  Args:
    restore: (y, A) -> `Result`, for images of any size.
    restore_face: (y, A, frame) -> `Result`, for aligned faces of 64x64. It helps to find the faces.
    image: The photograph. Its missing pixels are ignored.
    mask: The holes; at least one pixel is known.
    find: Finds the faces of a picture.
    draw_face: {S: as `restore_face`, but for aligned faces of SxS}: the networks that fill the
      faces. For each face, that of the nearest size is taken. By default, `restore_face` fills all.

  Returns:
    (the photograph, whose known pixels are unchanged; the faces with holes).
  """
  image = fill_holes(restore, image, mask)
  draw_face = draw_face or {_FACE: restore_face}
  faces: list[Face] = []
  for face in find(Image.fromarray(images.to_uint8(image))):
    (rows, columns), own = _surroundings(face, mask.shape[:2])
    part = image[rows, columns], mask[rows, columns]
    if align(part[1], own).max() == 0:
      continue
    face = _find_again(restore_face, *part, own, find).shifted(-columns.start, -rows.start)
    if all(face.distance(other) > SAME for other in faces):
      box, own = _surroundings(face, mask.shape[:2])
      size = min(draw_face, key=lambda side: abs(np.log(side / own.side)))
      filled = fill_face(restore, draw_face[size], image[box], mask[box], own, size)
      if filled is not None:
        image[box] = filled
        faces.append(face)
  return image, faces


def fill_holes(restore: Callable, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
  """Fills the holes of a photograph, each with its surroundings.

  Args:
    restore: (y, A) -> `Result`, for images of any size.
    image: The photograph. Its missing pixels are ignored.
    mask: The holes; at least one pixel is known.

  Returns:
    The photograph. Known pixels are unchanged.
  """
  return _by_parts(functools.partial(fill, restore), image, mask)


def fill(restore: Callable, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
  """Fills the hole of an image in one piece: first at half the resolution, if the hole is wide.

  Args:
    restore: As in `fill_holes`.
    image: The image. Its missing pixels are ignored.
    mask: The hole.

  Returns:
    The image.
  """
  if np.any(mask == 0) and 2 * ndimage.distance_transform_edt(mask[..., 0]).max() > _WIDTH:
    guess = _enlarge(fill(restore, *_halve(image, mask)), image.shape[:2])
    return _refine(restore, np.where(mask > 0, guess, image), mask)
  y, A = image * (1 - mask), operators.inpaint(mask)
  return np.where(mask > 0, np.asarray(restore(y[None], A).image)[0], image)


def fill_face(
  restore: Callable,
  restore_face: Callable,
  image: np.ndarray,
  mask: np.ndarray,
  face: Face,
  size: int = _FACE,
) -> np.ndarray | None:
  """Fills the hole in a face of a photograph, in an aligned crop of the face.

  Args:
    restore: As in `fill_holes`. It joins the face to its surroundings.
    restore_face: (y, A, frame) -> `Result`, for aligned faces of `size` x `size`.
    image: The photograph, whose holes have been filled without regard to the face.
    mask: The holes.
    face: The face.
    size: Side of the aligned crop.

  Returns:
    The photograph. Known pixels are unchanged. None if the network for faces has nothing to
    fill: the hole lies outside of the crop, or no pixel of the crop is known.
  """
  drawn, weight = _draw_face(restore_face, image, mask, face, size)
  if not weight.any():
    return None
  return _by_parts(functools.partial(_refine, restore), drawn, weight > 0)


def _draw_face(restore_face, image, mask, face, size=_FACE) -> tuple[np.ndarray, np.ndarray]:
  """(the photograph with the hole in a face as the network for faces fills it, its weight)."""
  crop = align(image, face, size)
  hole = align(1 - mask, face, size) < 0.99  # Or outside of the photograph.
  if hole.all() or not np.any(align(mask, face, size) > 0):
    return image, np.zeros_like(mask)
  drawn, (u, v) = put_back(_complete(restore_face, crop, hole), face, image.shape[:2])
  weight = np.clip((1 - np.maximum(abs(u), abs(v))) / _EDGE, 0, 1)[..., None] * (mask > 0)
  weight = weight.astype(np.float32)
  return image + weight * (drawn - image), weight


def _complete(restore_face, crop, hole) -> np.ndarray:
  """The aligned crop of a face with its hole filled."""
  y = np.where(hole, np.float32(0), crop)[None]
  return np.asarray(
    restore_face(y, operators.inpaint(hole.astype(np.float32)), frame="celeba").image
  )[0]


def _find_again(restore_face, image, mask, face, find) -> Face:
  """A face with a hole, found more exactly.

  It is found again after its hole has been filled, several times. Of these frames, this is the one
  in which the network for faces predicts known pixels best: those next to the hole.
  """
  found = [face]
  while len(found) < _FRAMES:
    drawn, _ = _draw_face(restore_face, image, mask, found[-1])
    near = find(Image.fromarray(images.to_uint8(drawn)))
    near = sorted((face.distance(other), i, other) for i, other in enumerate(near))
    if not near or near[0][0] > SAME:
      break
    found.append(near[0][-1])
  return min(found, key=lambda one: _error_at_hole(restore_face, image, mask, one))


def _error_at_hole(restore_face, image, mask, face) -> float:
  """The mean squared error of the network for faces for known pixels next to the hole."""
  crop, hole = align(image, face), align(1 - mask, face) < 0.99
  larger = ndimage.binary_dilation(hole[..., 0], iterations=_HELD_OUT)[..., None]
  if larger.all() or np.all(larger == hole):
    return np.inf
  error = (_complete(restore_face, crop, larger) - crop) ** 2
  return float(error[(larger & ~hole)[..., 0]].mean())


def _surroundings(face, shape) -> tuple[tuple[slice, slice], Face]:
  """The part (rows, columns) of a photograph with the square of a face, and the face in it."""
  reach = 0.75 * face.side + _MARGIN
  first = np.clip(np.floor(face.center - reach), 0, np.subtract(shape[::-1], 1)).astype(int)
  last = np.clip(np.ceil(face.center + reach), first + 1, shape[::-1]).astype(int)
  (left, top), (right, bottom) = first, last
  return (slice(top, bottom), slice(left, right)), face.shifted(int(left), int(top))


def align(image: np.ndarray, face: Face, size: int = _FACE) -> np.ndarray:
  """The aligned crop of a face [size, size, C], resampled by area; 0 outside of the image."""
  finer = max(1, int(np.ceil(face.side / size)))
  to_frame = np.array([[2 / (size * finer), 0, -1], [0, 2 / (size * finer), -1], [0, 0, 1]])
  matrix = (np.linalg.inv(np.vstack([face.frame, [0, 0, 1]])) @ to_frame)[:2]
  large = _transform(image, matrix, (size * finer, size * finer))
  return large.reshape(size, finer, size, finer, -1).mean((1, 3)).clip(0, 1)


def put_back(
  crop: np.ndarray, face: Face, shape: tuple[int, int]
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
  """The inverse of `align`.

  Args:
    crop: The aligned crop [S, S, C] of a face.
    face: The face.
    shape: (H, W) of the photograph.

  Returns:
    (the crop in the photograph [H, W, C], the coordinates (u, v) [H, W] of its pixels in the face's
    frame).
  """
  half, (height, width) = len(crop) / 2, shape
  beyond = 8  # The crop is continued by reflection, for interpolation at its edge.
  padded = np.pad(crop, ((beyond, beyond), (beyond, beyond), (0, 0)), mode="symmetric")
  matrix = half * face.frame + [[0, 0, half + beyond]]
  columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
  u, v = (a * columns + b * rows + c for a, b, c in face.frame)
  return _transform(padded, matrix, shape).clip(0, 1), (u, v)


def facial_mask(kind: str, faces: list[Face], shape: tuple[int, int]) -> np.ndarray:
  """The mask of parts of the faces of a photograph.

  Args:
    kind: A kind of `masks` for which `masks.is_facial` holds.
    faces: The faces.
    shape: (H, W) of the photograph.

  Returns:
    [H, W, 1].
  """
  crop = np.asarray(masks.get(kind)(jax.random.key(0), (1, 256, 256)))[0]
  mask = np.zeros((*shape, 1), np.float32)
  for face in faces:
    drawn, (u, v) = put_back(crop, face, shape)
    inside = np.maximum(abs(u), abs(v))[..., None] < 1
    mask = np.maximum(mask, inside & (drawn > 0.5))
  return mask


def _transform(image, matrix, shape) -> np.ndarray:
  """image(matrix (column, row, 1)) for the pixels of a shape (H, W), by cubic interpolation."""
  planes = [
    Image.fromarray(image[..., c].astype(np.float32)).transform(
      shape[::-1], Image.Transform.AFFINE, tuple(matrix.ravel()), Image.Resampling.BICUBIC
    )
    for c in range(image.shape[-1])
  ]
  return np.stack([np.asarray(plane) for plane in planes], -1)


def _by_parts(fill_part, image, mask) -> np.ndarray:
  """The image with each of its holes filled by `fill_part`: (part of the image, mask) -> part."""
  image, missing = image.copy(), np.array(mask, np.float32)
  for box, own in _parts(mask[..., 0] > 0):
    filled = fill_part(image[box], missing[box])
    image[box] = np.where(own[..., None], filled, image[box])
    missing[box] *= ~own[..., None]  # So that the next pieces continue this one.
  return image


def _parts(missing: np.ndarray) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
  """The parts (rows, columns) of a photograph with a mask [H, W] that holes need, and in each the
  pixels [h, w] of its own hole, or of a piece of a long and thin one."""
  shape = missing.shape
  labels, _ = ndimage.label(ndimage.maximum_filter(missing, _MARGIN + 1))
  pieces = np.zeros(shape, np.int32)  # The number of the piece of each missing pixel.
  boxes: list[tuple[slice, slice]] = []
  for number, hole in enumerate(ndimage.find_objects(labels * missing), 1):
    own = missing[hole] & (labels[hole] == number)
    thin = not ndimage.minimum_filter(own, _THIN + 1, mode="constant").any()
    for piece in _pieces(own) if thin else [tuple(slice(0, length) for length in own.shape)]:
      at = tuple(slice(h.start + p.start, h.start + p.stop) for h, p in zip(hole, piece))
      wanted = max(s.stop - s.start for s in at) + 2 * _MARGIN
      side = next((side for side in _SIDES if side >= wanted), max(shape))
      rows, columns = (_around(s, side, length) for s, length in zip(at, shape))
      boxes.append((rows, columns))
      pieces[at] = np.where(own[piece], len(boxes), pieces[at])
  if sum(missing[box].size for box in boxes) > missing.size:
    yield (slice(None), slice(None)), missing
    return
  for number, box in enumerate(boxes, 1):
    yield box, pieces[box] == number


def _pieces(hole: np.ndarray) -> Iterator[tuple[slice, slice]]:
  """The parts (rows, columns) of the pieces of a hole [h, w], at most `_PIECE` pixels wide."""
  corners = itertools.product(*(range(0, length, _PIECE) for length in hole.shape))
  for top, left in corners:
    found = ndimage.find_objects(hole[top : top + _PIECE, left : left + _PIECE].astype(int))
    for rows, columns in found:
      yield (
        slice(top + rows.start, top + rows.stop),
        slice(left + columns.start, left + columns.stop),
      )


def _around(hole, side, length) -> slice:
  """A slice of `side` indices, or of all, with those of the hole in its middle if it can be."""
  side = min(side, length)
  first = min(max((hole.start + hole.stop - side) // 2, 0), length - side)
  return slice(first, first + side)


def _refine(restore, image, mask):
  """Restores the hole of an image from a guess that does not yet fit the pixels around it."""
  depth = ndimage.distance_transform_edt(mask)
  sigma = mask * (_TRUST + _RIM * np.exp(-depth / _REACH))
  found = restore(image[None], operators.denoise(sigma[None].astype(np.float32))).image
  return np.where(mask > 0, np.asarray(found)[0], image)


def _halve(image, mask):
  """The means of the known pixels in blocks of 2x2, and the mask of the blocks without any."""
  even = ((0, len(image) % 2), (0, image.shape[1] % 2), (0, 0))
  image, known = (np.pad(x, even, mode="edge") for x in (image, 1 - mask))
  blocks = lambda x: x.reshape(len(x) // 2, 2, x.shape[1] // 2, 2, -1).sum((1, 3))
  count = blocks(known)
  return np.float32(blocks(image * known) / np.maximum(count, 1)), np.float32(count == 0)


def _enlarge(image, shape):
  """Twice the resolution, by cubic interpolation, cropped to (H, W)."""
  return _transform(image, np.array([[0.5, 0, 0], [0, 0.5, 0]]), shape).clip(0, 1)
