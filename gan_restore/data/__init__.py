"""Data: TFDS sources, folders of images, toy faces, and the pipeline they share."""

from gan_restore.data.images import DataError
from gan_restore.data.pipeline import (
  Source,
  evaluation_batches,
  framed_batches,
  framed_sources,
  load,
  load_pictures,
  train_batches,
)

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
