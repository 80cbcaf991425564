"""Data: TFDS sources, folders of images, toy faces, and the pipeline they share."""

from gan_restore.data.images import DataError
from gan_restore.data.pipeline import (
  evaluation_batches,
  framed_batches,
  framed_sources,
  train_batches,
)
from gan_restore.data.sources import Source, load, load_pictures

__all__ = [
  "DataError",
  "Source",
  "evaluation_batches",
  "framed_batches",
  "framed_sources",
  "load",
  "load_pictures",
  "train_batches",
]
