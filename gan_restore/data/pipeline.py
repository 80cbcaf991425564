"""One pipeline for every data set: named sources, training batches, evaluation batches.

An example is a dict: `image` uint8 [S, S, C] and, where the set has labels, `label`: an integer
class, or a vector of 0 and 1 with one entry for each attribute.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import jax
import numpy as np
from PIL import Image

from gan_restore.data import images, toy_faces
from gan_restore.data.images import DataError

if TYPE_CHECKING:
  import grain

SPLITS = ("train", "validation", "test")


class Source(Protocol):
  """A split of a data set as square images of one size, with random access.

  Attributes:
    attributes: Names of the binary attributes that `label` holds; empty if there are none.
    classes: The number of classes, or of attributes; 0 if the set has no labels.
  """

  @property
  def attributes(self) -> tuple[str, ...]:
    """Names of the binary attributes that `label` holds; empty if there are none."""

  @property
  def classes(self) -> int:
    """The number of classes, or of attributes; 0 if the set has no labels."""

  def __len__(self) -> int:
    """The number of examples."""

  def __getitem__(self, index: int) -> dict[str, np.ndarray]:
    """An example, as described at the head of this module."""


class _TfdsSource:
  """A split of a TFDS data set; `examples` is TFDS's own data source."""

  def __init__(self, examples, image_size: int, attributes: tuple[str, ...] = (), classes: int = 0):
    self._examples, self._size, self.attributes = examples, image_size, attributes
    self.classes = classes or len(attributes)

  def __len__(self) -> int:
    return len(self._examples)

  def __getitem__(self, index: int) -> dict[str, np.ndarray]:
    example = self._examples[index]
    image = example["image"]
    if image.shape[:2] != (self._size, self._size):
      picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
      aligned = images.is_aligned_celeba(picture.size)
      box = images.celeba_box(picture.size) if aligned else None
      image = np.asarray(images.crop_and_resample(picture, self._size, box))
      image = image[..., None] if image.ndim == 2 else image
    result = {"image": image}
    if "attributes" in example:  # TFDS's celeb_a.
      values = [example["attributes"][name] for name in self.attributes]
      result["label"] = np.array(values, np.uint8)
    elif "label" in example:
      result["label"] = np.asarray(example["label"])
    return result


class _OneLabel:
  """A source whose label is one of its attributes, as a class: 0 or 1."""

  def __init__(self, source, attribute: str):
    if attribute not in source.attributes:
      there = ", ".join(source.attributes) or "none"
      raise DataError(
        f"label is {attribute!r}; it must be one of the attributes of this data set: {there}"
      )
    self._source, self._index = source, source.attributes.index(attribute)
    self.attributes, self.classes = (), 2

  def __len__(self) -> int:
    return len(self._source)

  def __getitem__(self, index: int) -> dict[str, np.ndarray]:
    example = self._source[index]
    return {**example, "label": example["label"][self._index]}


def load(
  name: str, split: str, image_size: int, data_dir: str | None = None, label: str = ""
) -> Source:
  """A split of a data set by name.

  Args:
    name: `toy_faces`, `folder:PATH`, or any TFDS name with an `image` feature.
    split: 'train', 'validation' or 'test'. Where TFDS has no validation split, the last twentieth
      of its train split is held out for it.
    image_size: Pixels on a side; other images are centre-cropped and area-resampled.
    data_dir: Where TFDS keeps prepared sets; TFDS's default if None or empty.
    label: The attribute that becomes the label, an integer class of 0 or 1; empty for the data
      set's own labels.

  Returns:
    A random-access sequence of examples.

  Raises:
    DataError: If the set is unknown or empty, or cannot be downloaded or prepared; the message says
      what to do.
  """
  if split not in SPLITS:
    raise DataError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}")
  if label:
    return _OneLabel(load(name, split, image_size, data_dir), label)
  if name == "toy_faces":
    return toy_faces.ToyFaces(split, image_size)
  data_dir = data_dir or None
  classes = 0
  kind, _, path = name.partition(":")
  if kind == "folder":
    if not path:
      raise DataError("folder: needs a path, as in folder:/home/me/pictures")
    from gan_restore.data.folder import Folder  # It imports TFDS, which is slow.

    builder = Folder(path, image_size, data_dir)
    builder.prepare()
    attributes = tuple(builder.info.metadata["attributes"])
  else:
    builder = _tfds_builder(name, data_dir)
    features = builder.info.features
    if "image" not in features:
      raise DataError(f"{name}: this TFDS data set has no feature called image")
    attributes = tuple(sorted(features["attributes"])) if "attributes" in features else ()
    classes = getattr(features["label"], "num_classes", 0) if "label" in features else 0
  examples = _split(builder, name, split)
  if not len(examples):
    raise DataError(f"{name}: the {split} split is empty")
  return _TfdsSource(examples, image_size, attributes, classes)


def _tfds_builder(name, data_dir):
  import tensorflow_datasets as tfds

  try:
    builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
  except (tfds.core.DatasetNotFoundError, ValueError) as error:  # Unknown, or no valid name.
    raise DataError(
      f"unknown data set {name!r}: give toy_faces, folder:PATH or a TFDS name such as celeb_a"
    ) from error
  try:
    builder.download_and_prepare()
  except Exception as error:
    hint = ""
    if name.startswith("celeb_a"):
      hint = (
        " CelebA's host refuses downloads beyond a daily quota. If you have its files from"
        " elsewhere, put img_align_celeba/, list_attr_celeba.txt and list_eval_partition.txt in"
        " one folder and pass --config.dataset=folder:PATH."
      )
    raise DataError(f"{name}: TFDS could not prepare it ({error}).{hint}") from error
  return builder


def _split(builder, name, split):
  splits = builder.info.splits
  if "validation" not in splits and "train" in splits and split in ("train", "validation"):
    split = "train[:95%]" if split == "train" else "train[95%:]"
  elif split not in splits:
    raise DataError(f"{name}: no {split} split (it has {', '.join(splits)})")
  return builder.as_data_source(split=split)


def _flip(example: dict, rng: np.random.Generator) -> dict:
  """Mirrors the image with probability 1/2."""
  if rng.random() < 0.5:
    return {**example, "image": example["image"][:, ::-1]}
  return example


def train_batches(
  source: Source, batch_size: int, seed: int, flip: bool = True
) -> "grain.DatasetIterator":
  """Endless shuffled batches of this process's share of `source`.

  The order depends only on the seed; threads prepare batches ahead. `get_state()` and `set_state()`
  of the iterator save and restore its position, so that a resumed run sees the same images as an
  uninterrupted one.

  Args:
    source: From `load`.
    batch_size: Images in a batch of this process.
    seed: Random seed of the order and of the flips.
    flip: Whether half of the images are mirrored.

  Returns:
    An iterator of batches: `image` uint8 [B, S, S, C], `label` [B, ...].
  """
  import grain  # Slow to import.

  data = grain.MapDataset.source(source).seed(seed)
  if jax.process_count() > 1:
    data = data[jax.process_index() :: jax.process_count()]
  data = data.shuffle().repeat()
  if flip:
    data = data.random_map(_flip)
  options = grain.ReadOptions(num_threads=8, prefetch_buffer_size=4 * batch_size)
  return iter(data.to_iter_dataset(options).batch(batch_size, drop_remainder=True))


def evaluation_batches(source: Source, batch_size: int, limit: int | None = None) -> Iterator[dict]:
  """The images of `source` in order, each once; the last of several batches is padded.

  Args:
    source: From `load`.
    batch_size: Images in a batch. Every batch has this many rows, so that JAX compiles only once. A
      single batch has only as many rows as there are images.
    limit: Maximum number of images.

  Yields:
    Batches like those of `train_batches`, with the additional entry `valid`, float32 [B]: 0 for a
    padding row, else 1.
  """
  count = min(len(source), limit or len(source))
  batch_size = min(batch_size, count)
  for start in range(0, count, batch_size):
    rows = [source[i] for i in range(start, min(start + batch_size, count))]
    valid = np.arange(batch_size) < len(rows)
    rows += rows[-1:] * (batch_size - len(rows))
    batch = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
    yield {**batch, "valid": valid.astype(np.float32)}
