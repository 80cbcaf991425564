"""Finds scratches, folds and scribbles in photographs: the mask `auto`."""

import functools

import numpy as np
import scipy.ndimage
import skimage.filters
import skimage.measure
from PIL import Image

from gan_restore import shipped
from gan_restore.data import images
from gan_restore.models import Trained, scratch_finder
from gan_restore.training import weights

AUTO = "auto"
_SIDE = 1000  # Larger pictures are searched at this longer side.
_UNIT = 64  # The sides are multiples of this, so that few programs are compiled.
# The least probability of a pixel of a stroke, and of one of its pixels; and the least length of a
# stroke, in longer sides of the picture. They were chosen on 16 pictures of CBSD68.
_PROBABILITY, _SURE = 0.3, 0.9
_LENGTH = 0.08
_MARGIN = 0.002  # How far the mask reaches around a stroke, in longer sides of the picture.


def find(picture: Image.Image) -> np.ndarray:
  """Finds thin strokes over a photograph: scratches, folds and scribbles.

  Args:
    picture: A photograph in mode RGB.

  Returns:
    The mask [H, W, 1]: 1 where a stroke is, and a little around it.
  """
  longer = max(picture.size)
  scale = min(1.0, _SIDE / longer)
  size = max(1, round(scale * picture.width)), max(1, round(scale * picture.height))
  small = picture if scale == 1 else picture.resize(size, Image.Resampling.BOX)
  height, width = size[::-1]
  missing = ((0, -height % _UNIT), (0, -width % _UNIT), (0, 0))
  x = np.pad(images.to_float(small), missing, mode="symmetric")
  probability = np.asarray(scratch_finder.find(_finder(), x[None])[0, :height, :width, 0])
  found = skimage.filters.apply_hysteresis_threshold(probability, _PROBABILITY, _SURE)
  regions = skimage.measure.label(found, connectivity=2)
  for region in skimage.measure.regionprops(regions):
    top, left, bottom, right = region.bbox
    if np.hypot(bottom - top, right - left) < _LENGTH * max(size):
      found[region.slice] &= ~region.image
  around = max(1, round(_MARGIN * max(size)))
  found = scipy.ndimage.binary_dilation(found, np.ones((3, 3)), iterations=around)
  mask = images.mask_picture(found)
  if scale < 1:
    mask = mask.resize(picture.size, Image.Resampling.BILINEAR)
  return (np.asarray(mask)[..., None] > 64).astype(np.float32)


@functools.cache
def _finder() -> Trained:
  return weights.load(shipped.FINDER, family="scratch_finder")
