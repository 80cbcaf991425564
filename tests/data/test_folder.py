"""Folders of images: CelebA's layout and any other."""

import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from gan_restore import data
from gan_restore.data import folder, images


def write_images(path, count, size=(40, 30)):
  path.mkdir(parents=True)
  rng = np.random.default_rng(0)
  for i in range(count):
    array = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(array).save(path / f"{i:06}.png")


def write_celeba(path, count=6, size=(178, 218)):
  write_images(path / "img_align_celeba", count, size)
  rows = [f"{i:06}.png {'1 -1' if i % 2 else '-1 1'}" for i in range(count)]
  (path / "list_attr_celeba.txt").write_text("\n".join([str(count), "Smiling Male", *rows]) + "\n")
  rows = [f"{i:06}.png {min(i // 2, 2)}" for i in range(count)]
  (path / "list_eval_partition.txt").write_text("\n".join(rows) + "\n")


def load(path, split, tmp_path, size=16):
  return data.load(f"folder:{path}", split, size, str(tmp_path / "prepared"))


def test_any_folder(tmp_path):
  write_images(tmp_path / "pictures" / "deep", 60)
  sources = [load(tmp_path / "pictures", split, tmp_path) for split in folder.SPLITS]
  assert [len(source) for source in sources] == [54, 3, 3]
  with Image.open(tmp_path / "pictures" / "deep" / "000000.png") as image:
    wanted = np.asarray(image.resize((16, 16), Image.Resampling.BOX, box=(5, 0, 35, 30)))
  every = [source[i]["image"] for source in sources for i in range(len(source))]
  assert any((x == wanted).all() for x in every)
  assert "label" not in sources[0][0]
  together = load(tmp_path / "pictures", "all", tmp_path)
  pixels = lambda images: sorted(x.tobytes() for x in images)
  assert pixels(together[i]["image"] for i in range(len(together))) == pixels(every)


def test_the_order_is_that_of_the_names_wherever_the_folder_lies(tmp_path):
  orders = []
  for place in ("here", "there/deep"):
    write_images(tmp_path / place / "pictures", 20)
    source = load(tmp_path / place / "pictures", "train", tmp_path)
    orders.append([source[i]["image"].tobytes() for i in range(len(source))])
  assert orders[0] == orders[1]


def test_celebas_layout(tmp_path):
  write_celeba(tmp_path / "c")
  sizes = [len(load(tmp_path / "c", split, tmp_path)) for split in folder.SPLITS]
  assert sizes == [2, 2, 2]
  source = load(tmp_path / "c", "validation", tmp_path)
  assert source.attributes == ("Smiling", "Male")
  got = {tuple(source[i]["label"]): source[i]["image"] for i in range(2)}
  assert set(got) == {(0, 1), (1, 0)}
  with Image.open(tmp_path / "c" / "img_align_celeba" / "000003.png") as image:
    wanted = image.resize((16, 16), Image.Resampling.BOX, box=(25, 50, 153, 178))
  np.testing.assert_array_equal(got[1, 0], np.asarray(wanted))


def test_real_celeba_at_half_size_needs_no_resampling(tmp_path, real_data):
  (tmp_path / "c" / "img_align_celeba").mkdir(parents=True)
  for i in range(1, 7):
    name = f"img_align_celeba/{i:06}.jpg"
    (tmp_path / "c" / name).write_bytes((real_data / "celeba" / name).read_bytes())
  for name in ("list_attr_celeba.txt", "list_eval_partition.txt"):
    (tmp_path / "c" / name).write_text((real_data / "celeba" / name).read_text())
  source = load(tmp_path / "c", "train", tmp_path, 64)
  assert len(source) == 6 and len(source.attributes) == 40
  with Image.open(tmp_path / "c" / "img_align_celeba" / "000001.jpg") as image:
    wanted = np.asarray(image)[25:89, 12:76]
  assert any((source[i]["image"] == wanted).all() for i in range(6))


def test_celebas_layout_without_attributes_has_no_labels(tmp_path):
  write_celeba(tmp_path / "c")
  (tmp_path / "c" / "list_attr_celeba.txt").unlink()
  source = load(tmp_path / "c", "validation", tmp_path)
  assert len(source) == 2 and source.attributes == () and source.classes == 0
  assert set(source[0]) == {"image", "frame"}
  with Image.open(tmp_path / "c" / "img_align_celeba" / "000003.png") as image:
    wanted = image.resize((16, 16), Image.Resampling.BOX, box=(25, 50, 153, 178))
  assert any((source[i]["image"] == np.asarray(wanted)).all() for i in range(2))


def test_who_it_is(tmp_path):
  """People are numbered, those of the training split first; `classes` is the number of these."""
  write_celeba(tmp_path / "c")
  who = [9, 5, 7, 3, 3, 7]  # Two images in each split.
  rows = [f"{i:06}.png {person}" for i, person in enumerate(who)]
  (tmp_path / "c" / "identity_CelebA.txt").write_text("\n".join(rows) + "\n")
  name, prepared = f"folder:{tmp_path / 'c'}", str(tmp_path / "prepared")
  labels = {}
  for split in folder.SPLITS:
    source = data.load(name, split, 16, prepared, label="person")
    assert source.classes == 2 and source.attributes == ()
    labels[split] = sorted(int(source[i]["label"]) for i in range(2))
  assert labels == {"train": [0, 1], "validation": [2, 3], "test": [2, 3]}
  assert len(load(tmp_path / "c", "train", tmp_path)[0]["label"]) == 2


@pytest.mark.parametrize(
  "text,message",
  [
    ("000000.png x\n", "line 1 is not a file name and the number of a person"),
    ("000000.png 1\n", "no row for 5 of the images, the first 000001.png"),
  ],
)
def test_malformed_people(tmp_path, text, message):
  write_celeba(tmp_path / "c")
  (tmp_path / "c" / "identity_CelebA.txt").write_text(text)
  with pytest.raises(data.DataError, match=message):
    load(tmp_path / "c", "train", tmp_path)


def test_without_people(tmp_path):
  write_celeba(tmp_path / "c")
  with pytest.raises(data.DataError, match="does not tell who its faces are"):
    data.load(f"folder:{tmp_path / 'c'}", "train", 16, str(tmp_path / "prepared"), label="person")


def test_real_celeba_without_attributes(tmp_path, real_data):
  (tmp_path / "c" / "img_align_celeba").mkdir(parents=True)
  partition = (real_data / "celeba128" / "list_eval_partition.txt").read_text()
  (tmp_path / "c" / "list_eval_partition.txt").write_text(partition)
  paths = sorted((real_data / "celeba128" / "img_align_celeba").iterdir())[:20]
  for path in paths:
    (tmp_path / "c" / "img_align_celeba" / path.name).write_bytes(path.read_bytes())
  split = folder.SPLITS[int(dict(map(str.split, partition.splitlines()))[paths[0].name])]
  source = load(tmp_path / "c", split, tmp_path, 128)
  with Image.open(paths[0]) as image:
    wanted = np.asarray(image)[50:178, 25:153]
  assert any((source[i]["image"] == wanted).all() for i in range(len(source)))


def test_whole_pictures_are_the_files_own(tmp_path):
  """A JPEG keeps its bytes, unless it must be turned or is grey; other files become PNG."""
  rng = np.random.default_rng(0)
  pixels = rng.integers(0, 256, (6, 8, 3), np.uint8).repeat(4, 0).repeat(4, 1)
  (tmp_path / "p").mkdir()
  Image.fromarray(pixels).save(tmp_path / "p" / "plain.jpg", quality=80)
  turned = Image.Exif()
  turned[images.ORIENTATION] = 6
  Image.fromarray(pixels).save(tmp_path / "p" / "turned.jpg", exif=turned)
  Image.fromarray(pixels[..., 0]).save(tmp_path / "p" / "grey.jpg")
  Image.fromarray(pixels).save(tmp_path / "p" / "other.webp", lossless=True)
  keep = lambda picture, rng: {"image": picture}
  sources = [
    data.load_pictures(f"folder:{tmp_path / 'p'}", split, keep, str(tmp_path / "prepared"))
    for split in folder.SPLITS
  ]
  got = [source[i]["image"] for source in sources for i in range(len(source))]
  wanted = [np.asarray(images.read_image(path)) for path in sorted((tmp_path / "p").iterdir())]
  assert len(got) == 4
  for picture in wanted:
    assert any(x.shape == picture.shape and (x == picture).all() for x in got)
  builder = folder.Folder(str(tmp_path / "p"), None, str(tmp_path / "prepared"))
  raw = {"image": tfds.decode.SkipDecoding()}
  stored = [
    bytes(example["image"])
    for split in folder.SPLITS
    for example in builder.as_data_source(split=split, decoders=raw)
  ]
  assert sorted(x[:4] == b"\x89PNG" for x in stored) == [False, True, True, True]
  assert (tmp_path / "p" / "plain.jpg").read_bytes() in stored


def test_unusable_files_are_skipped_and_named(tmp_path):
  write_images(tmp_path / "p", 40)
  (tmp_path / "p" / "empty.png").touch()
  (tmp_path / "p" / "text.jpg").write_text("no picture")
  for _ in range(2):  # It appears when the set is prepared and each time it is used again.
    builder = folder.Folder(tmp_path / "p", 16, str(tmp_path / "prepared"))
    builder.prepare()
    first, second = sorted(builder.info.metadata["skipped"])
    assert "empty.png: the file is empty" in first and "text.jpg: cannot be decoded" in second
  assert sum(len(load(tmp_path / "p", split, tmp_path)) for split in folder.SPLITS) == 40


@pytest.mark.parametrize("overtaken", ["before", "meanwhile"])
def test_two_processes_may_prepare_it_at_once(tmp_path, overtaken, monkeypatch):
  write_images(tmp_path / "p", 40)
  first, second = (folder.Folder(tmp_path / "p", 16, tmp_path / "prepared") for _ in range(2))
  if overtaken == "before":
    first.prepare()
  else:
    to_rgb = images.to_rgb

    def late(image):
      monkeypatch.setattr(images, "to_rgb", to_rgb)
      first.prepare()
      return to_rgb(image)

    monkeypatch.setattr(images, "to_rgb", late)
  second.prepare()
  counts = [builder.info.splits["train"].num_examples for builder in (first, second)]
  assert counts[0] == counts[1] > 30
  assert second.info.metadata["attributes"] == []


def test_a_changed_folder_is_prepared_anew(tmp_path):
  write_images(tmp_path / "p", 40)
  before = len(load(tmp_path / "p", "train", tmp_path))
  for path in sorted((tmp_path / "p").iterdir())[:20]:
    path.unlink()
  assert len(load(tmp_path / "p", "train", tmp_path)) < before


@pytest.mark.parametrize(
  "damage,message",
  [
    (lambda p: (p / "list_eval_partition.txt").unlink(), "list_eval_partition.txt: not found"),
    (
      lambda p: (p / "list_attr_celeba.txt").write_text("1\nSmiling Male\n000000.png 1 1\n"),
      "no row for 5 of the images, the first 000001.png",
    ),
    (
      lambda p: (p / "list_attr_celeba.txt").write_text("1\nSmiling Male\n000000.png 1\n"),
      "line 3 does not hold 2 values",
    ),
    (
      lambda p: (p / "list_eval_partition.txt").write_text("000000.png 7\n"),
      "line 1 is not a file name and 0, 1 or 2",
    ),
  ],
)
def test_tables_that_do_not_fit(tmp_path, damage, message):
  write_celeba(tmp_path / "c")
  damage(tmp_path / "c")
  with pytest.raises(data.DataError, match=message):
    load(tmp_path / "c", "train", tmp_path)


def test_empty_and_missing_folders(tmp_path):
  (tmp_path / "empty").mkdir()
  with pytest.raises(data.DataError, match="no images there"):
    load(tmp_path / "empty", "train", tmp_path)
  with pytest.raises(data.DataError, match="no such folder"):
    load(tmp_path / "nowhere", "train", tmp_path)
  with pytest.raises(data.DataError, match="needs a path"):
    data.load("folder:", "train", 64)


def test_a_folder_of_nothing_usable(tmp_path):
  (tmp_path / "p").mkdir()
  (tmp_path / "p" / "text.jpg").write_text("no picture")
  with pytest.raises(data.DataError, match=r"(?s)No examples.*text.jpg"):
    load(tmp_path / "p", "train", tmp_path)


def test_no_tensorflow():
  assert "tensorflow" not in sys.modules
