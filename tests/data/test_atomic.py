"""Files that are complete or not there."""

import threading

import pytest

from gan_restore.data import atomic


def test_the_new_file_replaces_the_old_one(tmp_path):
  file = tmp_path / "a.txt"
  file.write_text("old")
  with atomic.replacing(file) as partial:
    partial.write_text("new")
    assert file.read_text() == "old"
  assert file.read_text() == "new" and list(tmp_path.iterdir()) == [file]


def test_after_an_error_everything_is_as_before(tmp_path):
  file = tmp_path / "a.txt"
  file.write_text("old")
  with pytest.raises(OSError, match="full"), atomic.replacing(file) as partial:
    partial.write_text("half of the n")
    raise OSError("the disk is full")
  assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path):
  path = tmp_path / ("x" * 251 + ".txt")
  with atomic.replacing(path) as partial:
    partial.write_text("complete")
  assert path.read_text() == "complete"


def test_two_threads_write_the_same_file(tmp_path):
  file = tmp_path / "a.txt"
  other = threading.Thread(target=lambda: write("second"))

  def write(text):
    with atomic.replacing(file) as partial:
      partial.write_text(text)

  with atomic.replacing(file) as partial:
    partial.write_text("first")
    other.start()
    other.join()
    assert file.read_text() == "second"
  assert file.read_text() == "first" and list(tmp_path.iterdir()) == [file]
