"""Finds scratches in photographs, by the shipped network."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage import data

from gan_restore.photos import scratches


def scratched(picture, color, width):
  """(the picture with a line from corner to corner and a bent one, their mask)."""
  mask = Image.new("L", picture.size)
  w, h = picture.size
  for points in (((0.1, 0.15), (0.8, 0.9)), ((0.9, 0.1), (0.6, 0.3), (0.5, 0.6), (0.2, 0.7))):
    points = [(x * w, y * h) for x, y in points]
    for image, fill in ((picture, color), (mask, 255)):
      ImageDraw.Draw(image).line(points, fill=fill, width=width, joint="curve")
  return picture, np.asarray(mask) > 0


@pytest.mark.parametrize("scale,width", [(0.5, 2), (1, 3), (4, 10)])
def test_a_drawn_scratch_is_found(scale, width):
  """In small pictures, and in those that are searched at a smaller size."""
  whole = Image.fromarray(data.chelsea()).crop((0, 0, 300, 300))
  side = round(512 * scale)
  picture, truth = scratched(whole.resize((side, side)), (245, 245, 240), width)
  found = scratches.find(picture)
  assert found.shape == (side, side, 1) and set(np.unique(found)) == {0, 1}
  found = found[..., 0] > 0
  near = ndimage.binary_dilation(truth, np.ones((3, 3)), iterations=max(2, round(5 * scale)))
  assert found[truth].mean() > 0.8
  assert near[found].mean() > 0.8


def test_nothing_is_found_in_a_clean_picture():
  smooth = np.linspace(20, 230, 120)[:, None, None] * np.ones((1, 90, 3))
  assert not scratches.find(Image.fromarray(smooth.astype(np.uint8))).any()
