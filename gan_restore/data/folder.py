"""`folder:PATH`: any folder of images as a TFDS data set.

Two layouts are supported. In CelebA's own layout, `img_align_celeba/` holds the images,
`list_eval_partition.txt` the splits, `list_attr_celeba.txt` the attributes, and
`identity_CelebA.txt` the number of the person in each image. The last two files may be missing. The
data set then lacks these labels. Aligned images are cropped to the face as everywhere in this
package (`images.celeba_box`). In any other folder every image below PATH is used, cropped to its
centre; a twentieth of the images is held out for testing and another twentieth for validation.

The images are cropped, resampled and written once, as PNG in array_record files, without
TensorFlow. Whole pictures that are colour JPEGs keep their own bytes, which are smaller and faster
to read. The names, sizes and times of the files are part of the data set's name, so that a folder
that has changed is prepared again.
"""

import hashlib
import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from gan_restore.data import images
from gan_restore.data.images import DataError

_PARTITION = {"0": "train", "1": "validation", "2": "test"}
SPLITS = tuple(_PARTITION.values())


class _Listing:
  """The usable files of a folder: (path, split, attributes, person) each.

  `attributes` are the names of the attributes. People are numbered from 0, those of the training
  split first. `people` is the number of these, or None if nobody knows who is in the images.
  """

  def __init__(self, root: pathlib.Path):
    if not root.is_dir():
      raise DataError(f"folder:{root}: no such folder")
    self.is_celeba = (root / "img_align_celeba").is_dir()
    self.attributes: tuple[str, ...] = ()
    self.files = images.find_images(root / "img_align_celeba" if self.is_celeba else root)
    if not self.files:
      raise DataError(f"folder:{root}: no images there (looked for {', '.join(images.EXTENSIONS)})")
    labels: dict[str, list[int]] = {}
    people: dict[str, int] = {}
    if self.is_celeba:
      tables: dict[str, dict] = {}
      splits = tables["list_eval_partition.txt"] = _read_partition(root / "list_eval_partition.txt")
      if (root / "list_attr_celeba.txt").is_file():
        self.attributes, labels = _read_attributes(root / "list_attr_celeba.txt")
        tables["list_attr_celeba.txt"] = labels
      if (root / "identity_CelebA.txt").is_file():
        people = tables["identity_CelebA.txt"] = _read_people(root / "identity_CelebA.txt")
      for table, rows in tables.items():
        missing = [path.name for path in self.files if path.name not in rows]
        if missing:
          raise DataError(
            f"{root / table}: no row for {len(missing)} of the images, the first {missing[0]}"
          )
    else:
      splits = _hash_splits([path.relative_to(root).as_posix() for path in self.files])
    key = lambda path: path.name if self.is_celeba else path.relative_to(root).as_posix()
    names = [key(path) for path in self.files]
    learned = {people[name] for name in names if splits[name] == "train"} if people else set()
    others = {people[name] for name in names} - learned if people else set()
    number: dict[int | None, int] = {
      person: i for i, person in enumerate([*sorted(learned), *sorted(others)])
    }
    self.people = len(learned) if people else None
    self.rows = [
      (path, splits[name], labels.get(name), number.get(people.get(name)))
      for path, name in zip(self.files, names)
    ]

  def fingerprint(self) -> str:
    digest = hashlib.sha256()
    for path in self.files:
      stat = path.stat()
      digest.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    for row in self.rows:
      digest.update(f"{row[1]}{row[2]}{row[3]}".encode())
    return digest.hexdigest()[:12]


def _hash_splits(names: list[str]) -> dict[str, str]:
  """{name: split}, by a hash of the name: the first twentieth is the test split, the second the
  validation split, and the rest the training split. Fewer than three files are all for training."""
  ordered = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
  held_out = max(1, len(names) // 20) if len(names) >= 3 else 0
  ends = {"test": held_out, "validation": 2 * held_out, "train": len(names)}
  return {
    name: next(split for split, end in ends.items() if i < end) for i, name in enumerate(ordered)
  }


def _read_attributes(path: pathlib.Path) -> tuple[tuple[str, ...], dict[str, list[int]]]:
  lines = path.read_text().splitlines()
  names = tuple(lines[1].split()) if len(lines) > 1 else ()
  rows = {}
  for number, line in enumerate(lines[2:], 3):
    name, *values = line.split() or [""]
    if not name:
      continue
    if len(values) != len(names) or set(values) - {"1", "-1"}:
      raise DataError(f"{path}: line {number} does not hold {len(names)} values of 1 or -1")
    rows[name] = [int(value == "1") for value in values]
  return names, rows


def _read_partition(path: pathlib.Path) -> dict[str, str]:
  if not path.is_file():
    raise DataError(f"{path}: not found; CelebA's layout needs it beside img_align_celeba/")
  rows = {}
  for number, line in enumerate(path.read_text().splitlines(), 1):
    fields = line.split()
    if not fields:
      continue
    if len(fields) != 2 or fields[1] not in _PARTITION:
      raise DataError(f"{path}: line {number} is not a file name and 0, 1 or 2")
    rows[fields[0]] = _PARTITION[fields[1]]
  return rows


def _read_people(path: pathlib.Path) -> dict[str, int]:
  rows = {}
  for number, line in enumerate(path.read_text().splitlines(), 1):
    fields = line.split()
    if not fields:
      continue
    if len(fields) != 2 or not fields[1].isdecimal():
      raise DataError(f"{path}: line {number} is not a file name and the number of a person")
    rows[fields[0]] = int(fields[1])
  return rows


class Folder(tfds.core.GeneratorBasedBuilder):
  """The TFDS builder behind `folder:PATH`.

  Args:
    path: The folder.
    image_size: Pixels on a side of the prepared images; None for whole pictures.
    data_dir: Where prepared data sets are stored; TFDS's default if None.

  Raises:
    DataError: If there is no such folder or no image in it, or if CelebA's tables are malformed or
      lack rows for its images.
  """

  VERSION = tfds.core.Version("1.3.0")
  MANUAL_DOWNLOAD_INSTRUCTIONS = None
  name = "folder"
  pkg_dir_path = pathlib.Path(__file__).parent

  def __init__(self, path: str, image_size: int | None, data_dir: str | None = None):
    self._root = root = pathlib.Path(path).expanduser().resolve()
    self._listing = _Listing(root)
    self._image_size, self.is_celeba = image_size, self._listing.is_celeba
    self.skipped: list[str] = []
    config = tfds.core.BuilderConfig(
      name=f"{root.name or 'root'}-{image_size or 'whole'}-{self._listing.fingerprint()}",
      version="1.3.0",
    )
    super().__init__(data_dir=data_dir, config=config, file_format="array_record")

    self._arguments = path, image_size, data_dir

  def __reduce__(self):
    return Folder, self._arguments  # TFDS's own pickling gives arguments that this class lacks.

  def _info(self) -> tfds.core.DatasetInfo:
    size = self._image_size
    encoding = None if size is None else "png"
    features = {"image": tfds.features.Image(shape=(size, size, 3), encoding_format=encoding)}
    if self._listing.attributes:
      count = len(self._listing.attributes)
      features["label"] = tfds.features.Tensor(shape=(count,), dtype=np.uint8)
    if self._listing.people is not None:
      features["person"] = tfds.features.Scalar(np.int32)
    return tfds.core.DatasetInfo(
      builder=self,
      description="A folder of images, cropped to squares and resampled.",
      features=tfds.features.FeaturesDict(features),
      metadata=tfds.core.MetadataDict(
        attributes=list(self._listing.attributes), people=self._listing.people, skipped=[]
      ),
    )

  def _split_generators(self, dl_manager):
    del dl_manager
    return {
      split: self._generate_examples(split)
      for split in SPLITS
      if any(row[1] == split for row in self._listing.rows)
    }

  def _generate_examples(self, split) -> Iterator[tuple[str, dict]]:
    for path, row_split, label, person in self._listing.rows:
      if row_split != split:
        continue
      try:
        with images.opened(path) as (file, upright):
          image = images.to_rgb(upright)
          as_it_is = (
            file.format == "JPEG"
            and file.mode == "RGB"
            and images.ORIENTATION not in file.getexif()
          )
      except images.ImageError as error:
        self.skipped.append(str(error))
        continue
      example: dict[str, object] = {"image": str(path) if as_it_is else image}
      if self._image_size is not None:
        aligned = self._listing.is_celeba and images.is_aligned_celeba(image.size)
        box = images.celeba_box(image.size) if aligned else None
        example["image"] = images.crop_and_resample(image, self._image_size, box)
      if label is not None:
        example["label"] = np.array(label, np.uint8)
      if person is not None:
        example["person"] = person
      yield path.relative_to(self._root).as_posix(), example
    self.info.metadata["skipped"] = list(self.skipped)

  def prepare(self) -> None:
    """Writes the data set unless it exists, and logs the names of the files that were skipped."""
    if not self.is_prepared():
      try:
        self.download_and_prepare()
      except AssertionError as error:  # TFDS raises this for a split without examples.
        raise DataError(
          f"folder:{self._root}: {error} Files that cannot be used:\n  " + "\n  ".join(self.skipped)
        ) from error
      except OSError:
        if not self.is_prepared():
          raise
    if not self.info.splits:  # Another process prepared it since this builder was made.
      self.info.read_from_directory(self.data_path)
    skipped = (self.info.metadata or {}).get("skipped", [])
    if skipped:
      logging.warning("%d files were skipped:\n  %s", len(skipped), "\n  ".join(skipped))
