"""Faces in photographs."""

import numpy as np
from PIL import Image


def find_face(image: Image.Image) -> tuple[int, int, int, int] | None:
  """The box of the largest frontal face, framed as the 64x64 face crop frames it, or None.

  The detector is scikit-image's LBP cascade, whose file comes with that package.
  """
  from skimage import data, feature

  scale = min(1.0, 512 / max(image.size))
  small = image.resize([max(1, round(s * scale)) for s in image.size], Image.Resampling.BOX)
  smallest = max(24, min(small.size) // 8)
  if min(small.size) <= smallest:
    return None
  detector = feature.Cascade(data.lbp_frontal_face_cascade_filename())
  faces = detector.detect_multi_scale(
    img=np.asarray(small.convert("RGB")),
    scale_factor=1.1,
    step_ratio=1,
    min_size=(smallest, smallest),
    max_size=small.size[::-1],
  )
  if not faces:
    return None
  face = max(faces, key=lambda f: f["width"])
  # Medians over aligned CelebA images: its crop is 1.24 times the cascade's square, and its centre
  # lies a tenth of that square higher.
  side = min(round(face["width"] * 1.24 / scale), *image.size)
  x = (face["c"] + face["width"] * 0.5) / scale - side / 2
  y = (face["r"] + face["height"] * 0.4) / scale - side / 2
  left = int(np.clip(round(x), 0, image.width - side))
  top = int(np.clip(round(y), 0, image.height - side))
  return left, top, left + side, top + side
