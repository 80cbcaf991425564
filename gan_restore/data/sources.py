"""Data sets by name, as square images of one size with random access.

An example is a dict: `image` uint8 [S, S, C]; where the set has labels, `label`: an integer class,
or a vector of 0 and 1 with one entry for each attribute; and where the images are aligned faces,
their `frame` float32 [2, 3] (see `framing`).
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from PIL import Image

from gan_restore.data import framing, images, toy_faces
from gan_restore.data.images import DataError

SPLITS = ("train", "validation", "test", "all")
PERSON = "person"  # The label that is the number of the person in the image.


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

  def __init__(
    self,
    examples,
    image_size: int,
    attributes: tuple[str, ...] = (),
    classes: int = 0,
    aligned: bool = False,
    label: str = "label",
  ):
    self._examples, self._size, self.attributes = examples, image_size, attributes
    self.classes = classes or len(attributes)
    self._label = label
    self._aligned = aligned  # Whether the images are aligned faces of CelebA, or their crops.

  def __len__(self) -> int:
    return len(self._examples)

  def __getitem__(self, index: int) -> dict[str, np.ndarray]:
    example = self._examples[index]
    image, aligned = example["image"], self._aligned
    if image.shape[:2] != (self._size, self._size):
      picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
      aligned = aligned and images.is_aligned_celeba(picture.size)
      box = images.celeba_box(picture.size) if aligned else None
      image = np.asarray(images.crop_and_resample(picture, self._size, box))
      image = image[..., None] if image.ndim == 2 else image
    result = {"image": image}
    if aligned:
      result["frame"] = framing.aligned(self._size, self._size)
    if "attributes" in example:  # TFDS's celeb_a.
      values = [example["attributes"][name] for name in self.attributes]
      result["label"] = np.array(values, np.uint8)
    elif self._label in example:
      result["label"] = np.asarray(example[self._label])
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
    split: 'train', 'validation' or 'test', or 'all' for every image of `folder:PATH` or of a TFDS
      data set. Where TFDS has no validation split, the last twentieth of its train split is held
      out for it.
    image_size: Pixels on a side; other images are centre-cropped and area-resampled.
    data_dir: Where TFDS keeps prepared sets; TFDS's default if None or empty.
    label: The attribute that becomes the label, an integer class of 0 or 1; or 'person', for the
      number of the person, of a folder with `identity_CelebA.txt`. The people of the training split
      come first, and `classes` is their number. Empty for the data set's own labels.

  Returns:
    A random-access sequence of examples.

  Raises:
    DataError: If the set is unknown or empty, or cannot be downloaded or prepared; the message says
      what to do.
  """
  if split not in SPLITS:
    raise DataError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}")
  if label and label != PERSON:
    return _OneLabel(load(name, split, image_size, data_dir), label)
  if name == "toy_faces" and not label:
    return toy_faces.ToyFaces(split, image_size)
  nobody = (
    f"{name} does not tell who its faces are: it needs CelebA's layout with identity_CelebA.txt"
  )
  if label and not name.startswith("folder:"):
    raise DataError(nobody)
  builder = _builder(name, image_size, data_dir)
  features, classes = builder.info.features, 0
  if label:
    if PERSON not in features:
      raise DataError(nobody)
    people = builder.info.metadata["people"]
    examples = _split(builder, name, split)
    return _TfdsSource(examples, image_size, (), people, builder.is_celeba, label)
  if name.startswith("folder:"):
    attributes, aligned = tuple(builder.info.metadata["attributes"]), builder.is_celeba
  else:
    attributes = tuple(sorted(features["attributes"])) if "attributes" in features else ()
    aligned = name.partition("/")[0].partition(":")[0] == "celeb_a"
    classes = getattr(features["label"], "num_classes", 0) if "label" in features else 0
  return _TfdsSource(_split(builder, name, split), image_size, attributes, classes, aligned)


def _builder(name, image_size, data_dir):
  """The prepared TFDS builder of a data set; `image_size` None for whole pictures."""
  kind, _, path = name.partition(":")
  if kind == "folder":
    if not path:
      raise DataError("folder: needs a path, as in folder:/home/me/pictures")
    from gan_restore.data.folder import Folder  # It imports TFDS, which is slow.

    builder = Folder(path, image_size, data_dir or None)
    builder.prepare()
    return builder
  if name == "toy_faces":
    raise DataError("toy_faces has no whole pictures; give folder:PATH or a TFDS name")
  builder = _tfds_builder(name, data_dir or None)
  if "image" not in builder.info.features:
    raise DataError(f"{name}: this TFDS data set has no feature called image")
  return builder


class _Pictures:
  """A split of a data set as whole pictures, from which `cut` makes the images."""

  attributes: tuple[str, ...] = ()
  classes = 0

  def __init__(self, pictures, cut, seed):
    self._pictures, self._cut, self._seed = pictures, cut, seed

  def __len__(self) -> int:
    return len(self._pictures)

  def __getitem__(self, index: int) -> dict[str, np.ndarray]:
    return self._cut(self._pictures[index], np.random.default_rng((self._seed, index)))


def load_pictures(
  name: str,
  split: str,
  cut: Callable[[np.ndarray, np.random.Generator], dict[str, np.ndarray]],
  data_dir: str | None = None,
  seed: int = 0,
) -> Source:
  """A split of a data set as images that are cut out of its whole pictures.

  Args:
    name: `folder:PATH`, or any TFDS name with an `image` feature.
    split: As in `load`.
    cut: (picture uint8 [H, W, C], random generator) -> the example: a `framing.Framing`, or
      `framing.whole`.
    data_dir: As in `load`.
    seed: Random seed. The generator of a picture depends on its index and this seed.

  Returns:
    A random-access sequence of examples.

  Raises:
    DataError: As `load`.
  """
  return _Pictures(whole_pictures(name, split, data_dir), cut, seed)


class _Whole:
  """Whole pictures, uint8 [H, W, 3]; grey ones are repeated."""

  def __init__(self, examples):
    self._examples = examples

  def __len__(self) -> int:
    return len(self._examples)

  def __getitem__(self, index: int) -> np.ndarray:
    image = self._examples[index]["image"]
    return np.repeat(image, 3, -1) if image.shape[-1] == 1 else image


def whole_pictures(name: str, split: str, data_dir: str | None = None) -> _Whole:
  """A split of a data set as whole pictures, uint8 [H, W, 3]; see `load_pictures`."""
  return _Whole(_split(_builder(name, None, data_dir), name, split))


def _tfds_builder(name, data_dir):
  import tensorflow_datasets as tfds

  try:
    builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
  except (tfds.core.DatasetNotFoundError, ValueError) as error:  # Unknown, or no valid name.
    if "File format is already set" in str(error):
      raise DataError(
        f"{name}: TFDS has prepared it in another format, which cannot be read without TensorFlow;"
        " give another data_dir, where it is prepared as array_record"
      ) from error
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
  splits, given = builder.info.splits, split
  if split == "all":
    split = "+".join(splits)
  elif "validation" not in splits and "train" in splits and split in ("train", "validation"):
    split = "train[:95%]" if split == "train" else "train[95%:]"
  elif split not in splits:
    raise DataError(f"{name}: no {split} split (it has {', '.join(splits)})")
  try:
    examples = builder.as_data_source(split=split)
  except ValueError as error:
    if "0 length" not in str(error):
      raise
    examples = ()
  if not len(examples):
    raise DataError(f"{name}: the {given} split is empty")
  return examples
