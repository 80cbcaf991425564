"""Batches."""

import json

import jax
import numpy as np
import pytest
from gan_restore.configs import denoiser
from PIL import Image

from gan_restore import data


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
