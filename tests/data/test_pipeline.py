import json

import jax
import numpy as np
import pytest
import tensorflow_datasets as tfds
from gan_restore.configs import denoiser
from PIL import Image

from gan_restore import data
from gan_restore.data import framing, toy_faces


class Numbers:
  """Image i is filled with i. Its left column is 255, so that a flip can be detected."""

  def __len__(self):
    return 20

  def __getitem__(self, i):
    image = np.full((4, 4, 1), i, np.uint8)
    image[:, 0] = 255
    return {"image": image, "label": np.int64(i)}


def test_batches_are_deterministic_and_resume_where_they_were():
  one, two = (data.train_batches(Numbers(), 8, seed=3) for _ in range(2))
  first = [next(one) for _ in range(7)]
  for batch in first:
    np.testing.assert_array_equal(batch["image"], next(two)["image"])
  position = one.get_state()
  ahead = [next(one) for _ in range(3)]
  fresh = data.train_batches(Numbers(), 8, seed=3)
  fresh.set_state(position)
  for batch in ahead:
    np.testing.assert_array_equal(batch["image"], next(fresh)["image"])
  other = next(data.train_batches(Numbers(), 8, seed=4))
  assert (other["label"] != first[0]["label"]).any()


@pytest.mark.slow
def test_several_processes_feed_an_accelerator(tmp_path, monkeypatch):
  """The batches are deterministic and resume where they were; an epoch has every image once."""
  monkeypatch.setattr("jax.default_backend", lambda: "gpu")
  monkeypatch.setattr("os.cpu_count", lambda: 4)  # 2 processes.
  for i in range(16):
    (tmp_path / "images").mkdir(exist_ok=True)
    Image.new("RGB", (8, 8), (i, 0, 0)).save(tmp_path / "images" / f"{i:02}.png")
  source = data.load(f"folder:{tmp_path / 'images'}", "train", 8, str(tmp_path / "prepared"))
  assert len(source) == 14
  batches = data.train_batches(source, 7, seed=0)
  first = [next(batches)["image"] for _ in range(2)]
  position = batches.get_state()
  ahead = [next(batches)["image"] for _ in range(3)]
  assert len({x[0, 0, 0] for batch in first for x in batch}) == 14
  again = data.train_batches(source, 7, seed=0)
  np.testing.assert_array_equal(next(again)["image"], first[0])
  again.set_state(position)
  for batch in ahead:
    np.testing.assert_array_equal(next(again)["image"], batch)


def test_an_epoch_has_every_image_once_and_the_next_another_order():
  batches = data.train_batches(Numbers(), 10, seed=0)
  epochs = [np.concatenate([next(batches)["label"] for _ in range(2)]) for _ in range(2)]
  for epoch in epochs:
    assert sorted(epoch) == list(range(20))
  assert (epochs[0] != epochs[1]).any()


def test_flips_are_half_of_the_images():
  batches = data.train_batches(Numbers(), 20, seed=0)
  flipped = np.mean([next(batches)["image"][:, 0, -1, 0] == 255 for _ in range(20)])
  assert 0.4 < flipped < 0.6
  batches = data.train_batches(Numbers(), 20, seed=0, flip=False)
  assert not (next(batches)["image"][:, 0, -1, 0] == 255).any()


def test_processes_see_disjoint_shares(monkeypatch):
  seen = []
  monkeypatch.setattr("jax.process_count", lambda: 2)
  for process in range(2):
    monkeypatch.setattr("jax.process_index", lambda process=process: process)
    batches = data.train_batches(Numbers(), 10, seed=0)
    seen.append(set(next(batches)["label"]))
  assert len(seen[0]) == len(seen[1]) == 10 and not seen[0] & seen[1]


def test_evaluation_counts_every_image_once():
  batches = list(data.evaluation_batches(Numbers(), 8))
  assert [batch["image"].shape for batch in batches] == [(8, 4, 4, 1)] * 3
  labels = np.concatenate([batch["label"][batch["valid"] == 1] for batch in batches])
  np.testing.assert_array_equal(labels, np.arange(20))
  (batch,) = data.evaluation_batches(Numbers(), 8, limit=5)  # A single batch is not padded.
  assert len(batch["valid"]) == 5


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


@pytest.fixture
def framed_config(tmp_path):
  """Photographs of one colour each, red and green, in two folders."""
  for color in ("red", "green"):
    (tmp_path / color).mkdir()
    for i in range(4):
      Image.new("RGB", (80, 70), color).save(tmp_path / color / f"{i}.png")
  config = denoiser.get_config()
  config.image_size, config.data_dir, config.large_every = 16, str(tmp_path / "tfds"), 3
  config.pictures = tuple(f"folder:{tmp_path / color}" for color in ("red", "green"))
  config.picture_shares, config.picture_margins = (0.25, 0.75), (0.0, 0.0)
  return config


def test_batches_of_several_data_sets(framed_config):
  """Mixed by their shares; every third batch has larger images; the position can be restored."""
  count = 4 * jax.local_device_count()
  batches = data.framed_batches(framed_config, "train", count)
  found = [next(batches) for _ in range(6)]
  shapes = [batch["image"].shape for batch in found]
  small, large = (count, 16, 16, 3), (count // 4, 32, 32, 3)
  assert shapes == [small, small, large] * 2
  assert all(batch["frame"].shape == (len(batch["image"]), 2, 3) for batch in found)
  red = np.mean([image[0, 0, 0] > 200 for batch in found for image in batch["image"]])
  assert 0.15 < red < 0.35
  state = batches.get_state()
  wanted = [next(batches) for _ in range(3)]
  again = data.framed_batches(framed_config, "train", count)
  again.set_state(json.loads(json.dumps(state)))
  for ours, theirs in zip([next(again) for _ in range(3)], wanted):
    np.testing.assert_array_equal(ours["image"], theirs["image"])


def test_a_position_of_other_readers_is_refused(framed_config, monkeypatch):
  """Threads and processes, another number of processes, one size and two sizes."""
  batches = lambda: data.framed_batches(framed_config, "train", 4 * jax.local_device_count())
  two_sizes = batches().get_state()
  framed_config.large_every = 0
  threads = batches().get_state()
  for state in (two_sizes, {**threads, "reader": "8 processes"}, {"next_index": 3}):
    with pytest.raises(ValueError, match="here they come from threads"):
      batches().set_state(state)
  framed_config.large_every = 3
  with pytest.raises(ValueError, match="came from threads; here they come from two sizes"):
    batches().set_state(threads)


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


def test_framed_sources(framed_config):
  """One source for each data set, whose images are the same each time."""
  red, green = data.framed_sources(framed_config, "validation")
  for source, channel in ((red, 0), (green, 1)):
    assert len(source) >= 1
    assert source[0]["image"].shape == (16, 16, 3)
    assert np.argmax(source[0]["image"].mean((0, 1))) == channel
    np.testing.assert_array_equal(source[0]["image"], source[0]["image"])


def test_framed_batches_that_cannot_be(framed_config):
  with pytest.raises(ValueError, match="divisible by 4 times"):
    data.framed_batches(framed_config, "train", 2)
  framed_config.picture_shares = (1.0,)
  with pytest.raises(ValueError, match="must be equally long"):
    data.framed_batches(framed_config, "train", 16)
