"""`toy_faces`: 64x64 faces drawn by code, with CelebA's attribute names. No download, no licence.

The tests train on it. Image i of a split depends only on (seed, split, i).
"""

import numpy as np
from PIL import Image, ImageDraw

from gan_restore.data.images import DataError

ATTRIBUTES = (
  "Bald",
  "Bangs",
  "Black_Hair",
  "Blond_Hair",
  "Brown_Hair",
  "Eyeglasses",
  "Mouth_Slightly_Open",
  "No_Beard",
  "Smiling",
  "Wearing_Hat",
)
SPLITS = {"train": 1_000_000, "validation": 1_000, "test": 1_000}

_HAIR = {
  "Black_Hair": (30, 25, 25),
  "Blond_Hair": (222, 188, 110),
  "Brown_Hair": (104, 66, 36),
}
_CANVAS = 256  # Faces are drawn at this size and averaged down, which smooths the edges.


class ToyFaces:
  """A random-access source of drawn faces.

  Args:
    split: 'train', 'validation' or 'test', which have different faces.
    image_size: Pixels on a side; 256 must be divisible by it.
    seed: A different seed gives a different data set.

  Examples:
    >>> face = ToyFaces("test")[0]
    >>> face["image"].shape, face["image"].dtype, face["label"].shape
    ((64, 64, 3), dtype('uint8'), (10,))
  """

  attributes, classes = ATTRIBUTES, len(ATTRIBUTES)

  def __init__(self, split: str = "train", image_size: int = 64, seed: int = 0):
    if split not in SPLITS:
      raise DataError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}")
    if image_size < 8 or _CANVAS % image_size:
      raise ValueError(
        f"image_size is {image_size}; for toy_faces it must be 8, 16, 32, 64, 128 or 256"
      )
    self._split, self._size, self._seed = split, image_size, seed

  def __len__(self) -> int:
    return SPLITS[self._split]

  def __getitem__(self, index: int) -> dict[str, np.ndarray]:
    index = range(len(self))[index]
    rng = np.random.default_rng((self._seed, list(SPLITS).index(self._split), index))
    attributes = _draw_attributes(rng)
    image = _draw(rng, attributes).resize((self._size, self._size), Image.Resampling.BOX)
    label = np.array([attributes[name] for name in ATTRIBUTES], np.uint8)
    return {"image": np.asarray(image), "label": label}


def _draw_attributes(rng) -> dict[str, bool]:
  attributes = {name: False for name in ATTRIBUTES}
  kind = rng.choice(["Bald", *_HAIR], p=[0.15, 0.3, 0.25, 0.3])
  attributes[kind] = True
  attributes["Bangs"] = kind != "Bald" and rng.random() < 0.4
  attributes["Eyeglasses"] = rng.random() < 0.3
  attributes["Smiling"] = rng.random() < 0.5
  attributes["Mouth_Slightly_Open"] = rng.random() < 0.4
  attributes["No_Beard"] = rng.random() < 0.65
  attributes["Wearing_Hat"] = rng.random() < 0.2
  return attributes


def _shade(color, amount):
  return tuple(int(np.clip(c + amount, 0, 255)) for c in color)


def _draw(rng, attributes) -> Image.Image:
  n = _CANVAS
  # Background: a vertical gradient between two colours.
  ends = rng.integers(40, 230, (2, 3))
  ramp = np.linspace(0, 1, n)[:, None, None]
  image = Image.fromarray(
    np.broadcast_to(ends[0] * (1 - ramp) + ends[1] * ramp, (n, n, 3)).astype(np.uint8)
  )
  draw = ImageDraw.Draw(image)
  tone = rng.random()
  skin = tuple(int(a + (b - a) * tone) for a, b in zip((246, 214, 190), (120, 78, 52)))
  kind = next((name for name in _HAIR if attributes[name]), None)
  hair = _shade(_HAIR[kind], int(rng.integers(-12, 13))) if kind else None

  # Pose: the head moves, and the features move within it as it turns.
  cx, cy = n / 2 + rng.normal(0, 5), n / 2 + 12 + rng.normal(0, 5)
  turn, nod = rng.normal(0, 9), rng.normal(0, 4)
  w, h = 78 + rng.normal(0, 4), 104 + rng.normal(0, 4)  # Half axes of the face.

  def ellipse(x, y, a, b, fill=None, outline=None, width=1):
    draw.ellipse((x - a, y - b, x + a, y + b), fill=fill, outline=outline, width=width)

  draw.rectangle((cx - 34, cy + 70, cx + 34, n), fill=_shade(skin, -22))  # Neck.
  shirt = tuple(int(c) for c in rng.integers(20, 220, 3))
  ellipse(cx, n + 30, 120, 62, fill=shirt)
  if hair:
    ellipse(cx, cy - 22, w + 14, h + 6, fill=hair)
    if rng.random() < 0.5:  # Long hair falls beside the face.
      draw.rectangle((cx - w - 12, cy - 22, cx + w + 12, cy + 90), fill=hair)
  for side in (-1, 1):
    ellipse(cx + side * w - turn * 0.3, cy + 4, 13, 22, fill=_shade(skin, -14))  # Ears.
  ellipse(cx, cy, w, h, fill=skin)
  ellipse(cx - turn * 1.5, cy - 8, w * 0.72, h * 0.78, fill=_shade(skin, 7))

  fx, fy = cx + turn, cy + nod  # Centre of the features.
  if not attributes["No_Beard"]:
    beard = _shade(hair, -8) if hair else (70, 55, 45)
    draw.chord((cx - w * 0.86, cy - 10, cx + w * 0.86, cy + h * 1.0), 12, 168, fill=beard)
    ellipse(fx, fy + 34, 26, 8, fill=beard)
  draw.polygon(
    [(fx - 3, fy - 14), (fx - 13, fy + 24), (fx + 13, fy + 24)], fill=_shade(skin, -26)
  )  # Nose.

  # Mouth.
  lips = (178, 64, 70) if rng.random() < 0.5 else _shade(skin, -55)
  my, mw = fy + 54, 30 + rng.normal(0, 2)
  smile = attributes["Smiling"]
  if attributes["Mouth_Slightly_Open"]:
    top, bottom = (my - 14, my + 16) if smile else (my - 10, my + 10)
    start, end = (0, 180) if smile else (0, 360)
    draw.chord(
      (fx - mw, top, fx + mw, bottom), start, end, fill=(92, 24, 30), outline=lips, width=5
    )
    draw.rectangle((fx - mw * 0.55, my + 1, fx + mw * 0.55, my + 5), fill=(240, 236, 228))
  elif smile:
    draw.arc((fx - mw, my - 26, fx + mw, my + 12), 20, 160, fill=lips, width=9)
  else:
    draw.line((fx - mw * 0.8, my, fx + mw * 0.8, my), fill=lips, width=9)

  # Eyes, brows, glasses.
  iris = tuple(int(c) for c in ((70, 50, 35), (70, 110, 150), (80, 120, 80))[rng.integers(3)])
  gaze = rng.normal(0, 2)
  brow = _shade(hair, -15) if hair else (80, 62, 50)
  for side in (-1, 1):
    ex, ey = fx + side * 33, fy - 22
    ellipse(ex, ey, 17, 10, fill=(244, 242, 238))
    ellipse(ex + gaze, ey, 8, 9, fill=iris)
    ellipse(ex + gaze, ey, 3.5, 4, fill=(15, 15, 15))
    draw.line((ex - 18, ey - 20, ex + 18, ey - 22 + 3 * side), fill=brow, width=6)
    if attributes["Eyeglasses"]:
      ellipse(ex, ey, 27, 22, outline=(20, 20, 24), width=6)
  if attributes["Eyeglasses"]:
    draw.line((fx - 7, fy - 24, fx + 7, fy - 24), fill=(20, 20, 24), width=6)

  # The fringe and the hat are drawn last, over the rest of the face.
  if attributes["Bangs"]:
    draw.chord((cx - w, cy - h - 4, cx + w, cy - 10), 180, 360, fill=hair)
  elif hair:
    draw.chord((cx - w * 0.98, cy - h - 6, cx + w * 0.98, cy - h + 74), 180, 360, fill=hair)
  if attributes["Wearing_Hat"]:
    hat = tuple(int(c) for c in rng.integers(20, 230, 3))
    draw.chord((cx - w - 6, cy - h - 50, cx + w + 6, cy - 10), 180, 360, fill=hat)
    draw.rectangle((cx - w - 26, cy - 78, cx + w + 26, cy - 64), fill=_shade(hat, -30))
  return image
