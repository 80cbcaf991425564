"""Batches of examples (see `sources`), for training and for evaluation."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from absl import flags

from gan_restore.data import framing
from gan_restore.data.sources import Source, load_pictures, whole_pictures

if TYPE_CHECKING:
  import grain


def framed_batches(config: Any, split: str, batch_size: int) -> "grain.DatasetIterator":
  """Endless batches of images that are cut out of the pictures of several data sets.

  In every `large_every`-th batch there are a quarter as many images, of twice the side.

  Args:
    config: A run with `pictures`; see configs/common.py.
    split: As in `load`.
    batch_size: Images in a batch of this process.

  Returns:
    An iterator like that of `train_batches`, of batches: `image` uint8 [B, S, S, C], `frame`
    float32 [B, 2, 3], as in `framing`.

  Raises:
    DataError: As `load_pictures`.
    ValueError: If the numbers of data sets, shares and margins differ, or the larger images cannot
      be divided among the devices.
  """
  import grain  # Slow to import.

  lengths = {len(config[f"picture{name}"]) for name in ("s", "_shares", "_margins")}
  if len(lengths) > 1:
    raise ValueError("config.pictures, picture_shares and picture_margins must be equally long")
  if config.large_every and batch_size % (4 * jax.local_device_count()):
    raise ValueError(
      f"{batch_size} images a process; with config.large_every the number must be divisible by 4"
      f" times its {jax.local_device_count()} devices"
    )
  pictures = [whole_pictures(name, split, config.data_dir) for name in config.pictures]

  def batches(size, count, seed):
    parts = []
    for i, (source, margin) in enumerate(zip(pictures, config.picture_margins)):
      part = grain.MapDataset.source(source).seed(seed + i)
      if jax.process_count() > 1:
        part = part[jax.process_index() :: jax.process_count()]
      parts.append(part.shuffle().repeat().random_map(_framing(config, size, margin)))
    mixed = grain.MapDataset.mix(parts, config.picture_shares)
    return _batches(mixed, count, num_threads=4)

  first = batches(config.image_size, batch_size, config.seed)
  if not config.large_every:
    return first
  large = batches(2 * config.image_size, batch_size // 4, config.seed + 1000)
  return _Alternating(first, large, config.large_every)


def framed_sources(config: Any, split: str) -> tuple[Source, ...]:
  """The images that are cut out of the pictures of each data set of a run: one of each picture.

  Args:
    config: As in `framed_batches`.
    split: As in `load`.

  Returns:
    A source for each of `config.pictures`. It gives the same images each time.

  Raises:
    DataError: As `load_pictures`.
  """
  return tuple(
    load_pictures(name, split, _framing(config, config.image_size, margin), config.data_dir)
    for name, margin in zip(config.pictures, config.picture_margins)
  )


def _framing(config, size, margin) -> framing.Framing:
  return framing.Framing(
    size, config.aligned_share, tuple(config.face_scales), config.close_share, config.roll,
    config.shift, config.known_share, tuple(config.photograph_scales), config.flip, margin,
  )  # fmt: skip


class _Alternating:
  """Batches of the first iterator, and in every n-th place one of the second."""

  def __init__(self, first, second, every):
    self._first, self._second, self._every, self._count = first, second, every, 0

  def __iter__(self):
    return self

  def __next__(self):
    self._count += 1
    return next(self._second if self._count % self._every == 0 else self._first)

  def get_state(self) -> dict:
    return {
      "reader": "two sizes",
      "first": self._first.get_state(),
      "second": self._second.get_state(),
      "count": self._count,
    }

  def set_state(self, state: dict) -> None:
    _check_reader(state, "two sizes")
    self._first.set_state(state["first"])
    self._second.set_state(state["second"])
    self._count = state["count"]


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
  return _batches(data, batch_size, num_threads=8)


def _batches(data, batch_size, num_threads):
  """An iterator of batches that are prepared ahead: by threads, and for an accelerator, which eats
  more than one process can prepare, by several processes."""
  import grain  # Slow to import.

  options = grain.ReadOptions(num_threads=num_threads, prefetch_buffer_size=4 * batch_size)
  batches = data.to_iter_dataset(options).batch(batch_size, drop_remainder=True)
  if jax.default_backend() != "cpu":
    if not flags.FLAGS.is_parsed():
      flags.FLAGS.mark_as_parsed()  # Grain reads its own flags.
    workers = max(1, min((os.cpu_count() or 1) // 2, 8))
    batches = batches.mp_prefetch(grain.MultiprocessingOptions(workers, per_worker_buffer_size=4))
    return _Batches(iter(batches), f"{workers} processes")
  return _Batches(iter(batches), "threads")


class _Batches:
  """Batches of a reader, whose position another kind of reader cannot take over."""

  def __init__(self, batches, reader: str):
    self._batches, self._reader = batches, reader

  def __iter__(self):
    return self

  def __next__(self):
    return next(self._batches)

  def get_state(self) -> dict:
    return {"reader": self._reader, "state": self._batches.get_state()}

  def set_state(self, state: dict) -> None:
    _check_reader(state, self._reader)
    self._batches.set_state(state["state"])


def _check_reader(state, ours) -> None:
  theirs = state.get("reader", "another version")
  if theirs != ours:
    raise ValueError(
      f"the position in the data was saved by a run whose batches came from {theirs}; here they"
      f" come from {ours}. Resume it with the same version, kind of device, number of cores,"
      " pictures and large_every; or start another run with its weights: init_from"
    )


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
