"""Data sets by name."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from gan_restore import data
from gan_restore.data import framing, toy_faces


def test_toy_faces():
  source = data.load("toy_faces", "train", 32)
  assert isinstance(source, toy_faces.ToyFaces)
  assert next(data.train_batches(source, 4, seed=0))["image"].shape == (4, 32, 32, 3)


def test_mnist_and_cifar10(real_data):
  directory = str(real_data / "tfds")
  mnist = data.load("mnist", "test", 28, directory)
  assert len(mnist) == 10_000 and mnist[0]["image"].shape == (28, 28, 1)
  train, held_out = (data.load("mnist", split, 32, directory) for split in ("train", "validation"))
  assert (len(train), len(held_out)) == (57_000, 3_000)
  assert train[0]["image"].shape == (32, 32, 1)
  cifar = data.load("cifar10", "test", 32, directory)
  assert cifar[0]["image"].shape == (32, 32, 3) and cifar[0]["label"] in range(10)


def test_celeb_a_of_tfds(tmp_path, monkeypatch):
  """Tests the code path of TFDS's own CelebA on examples of its features."""

  class Builder:
    info = tfds.builder("celeb_a", data_dir=str(tmp_path)).info

    def download_and_prepare(self):
      pass

    def as_data_source(self, split):
      attributes = {name: name == "Smiling" for name in self.info.features["attributes"]}
      return [{"image": np.zeros((218, 178, 3), np.uint8), "attributes": attributes}] * 3

  builder = Builder()
  monkeypatch.setattr(type(builder.info), "splits", {"train": 1, "validation": 1, "test": 1})
  monkeypatch.setattr(tfds, "builder", lambda *args, **kwargs: builder)
  source = data.load("celeb_a", "test", 64)
  example = source[0]
  assert len(source.attributes) == 40 and example["image"].shape == (64, 64, 3)
  assert example["label"].sum() == 1
  assert example["label"][source.attributes.index("Smiling")] == 1


@pytest.mark.parametrize(
  "name,size,classes,label", [("cifar100", 32, 100, ()), ("celeb_a", 64, 40, (40,))]
)
def test_sets_that_need_a_download_on_tfds_mocks(name, size, classes, label, tmp_path, monkeypatch):
  monkeypatch.setattr(tfds.core.DatasetInfo, "splits", {"train": 1, "validation": 1, "test": 1})
  with tfds.testing.mock_data(num_examples=40):
    source = data.load(name, "train", size, str(tmp_path))
    assert len(source) == 40 and source.classes == classes
    batch = next(data.train_batches(source, 8, seed=0))
  assert batch["image"].shape == (8, size, size, 3) and batch["image"].dtype == np.uint8
  assert batch["label"].shape == (8, *label)
  assert 0 <= batch["label"].min() and batch["label"].max() < (2 if label else classes)


def test_only_celeba_has_aligned_faces(monkeypatch):
  """Another picture with the proportions of CelebA's is cropped to its centre."""
  monkeypatch.setattr(tfds.core.DatasetInfo, "splits", {"train": 1, "test": 1})
  with tfds.testing.mock_data(num_examples=2):
    source = data.load("oxford_flowers102", "test", 64)
    monkeypatch.setattr(
      type(source._examples), "__getitem__",
      lambda self, i: {"image": np.arange(218 * 178 * 3, dtype=np.uint8).reshape(218, 178, 3)},
    )  # fmt: skip
    assert "frame" not in source[0] and source[0]["image"].shape == (64, 64, 3)


def test_a_refused_celeba_download_tells_of_folders(tmp_path, monkeypatch):
  def refuse(self, **kwargs):
    raise tfds.download.DownloadError("Google Drive: quota exceeded")

  monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", refuse)
  with pytest.raises(data.DataError, match=r"quota exceeded.*dataset=folder:PATH"):
    data.load("celeb_a", "train", 64, str(tmp_path))


@pytest.mark.parametrize("name", ["no_such_set", "folders:x"])
def test_an_unknown_name(name):
  with pytest.raises(data.DataError, match="unknown data set"):
    data.load(name, "train", 64)


@pytest.mark.parametrize("split", ["dev", "all"])
def test_an_unknown_split(split):
  """The toy faces are as many as one wants, so there is no `all`."""
  with pytest.raises(data.DataError, match=f"'{split}'"):
    data.load("toy_faces", split, 64)


def test_one_attribute_as_the_label():
  source = data.load("toy_faces", "test", 32)
  smiling = data.load("toy_faces", "test", 32, label="Smiling")
  assert len(smiling) == len(source)
  index = toy_faces.ATTRIBUTES.index("Smiling")
  for i in range(20):
    assert smiling[i]["label"].ndim == 0 and smiling[i]["label"] == source[i]["label"][index]
  assert {int(smiling[i]["label"]) for i in range(20)} == {0, 1}
  with pytest.raises(data.DataError, match="'Hats'; it must be one of the attributes"):
    data.load("toy_faces", "test", 32, label="Hats")


def test_a_set_without_attributes_has_no_such_label(tmp_path):
  from PIL import Image

  for i in range(4):
    Image.new("RGB", (16, 16), (i, 0, 0)).save(tmp_path / f"{i}.png")
  with pytest.raises(data.DataError, match="attributes of this data set: none"):
    data.load(f"folder:{tmp_path}", "train", 16, str(tmp_path / "tfds"), label="Smiling")


def test_whole_pictures_that_cannot_be(tmp_path):
  Image.new("L", (40, 5)).save(tmp_path / "a.png")
  whole = lambda name, split="all": data.load_pictures(name, split, framing.whole, str(tmp_path))
  with pytest.raises(data.DataError, match="toy_faces has no whole pictures"):
    whole("toy_faces")
  with pytest.raises(data.DataError, match="needs a path"):
    whole("folder")
  with pytest.raises(data.DataError, match="no test split"):
    whole(f"folder:{tmp_path}", "test")
  with pytest.raises(ValueError, match="a picture has 40x5 pixels"):
    whole(f"folder:{tmp_path}")[0]


def test_grey_pictures_of_tfds_are_cut_out_as_rgb(monkeypatch):
  monkeypatch.setattr(tfds.core.DatasetInfo, "splits", {"train": 1, "test": 1})
  with tfds.testing.mock_data(num_examples=4):
    source = data.load_pictures("mnist", "test", framing.Framing(16))
    assert source[0]["image"].shape == (16, 16, 3)


def test_a_set_that_tfds_prepared_in_another_format(monkeypatch):
  def builder(*args, **kwargs):
    raise ValueError("File format is already set to FileFormat.TFRECORD. Got array_record.")

  monkeypatch.setattr(tfds, "builder", builder)
  with pytest.raises(data.DataError, match="in another format"):
    data.load("mnist", "train", 28)
