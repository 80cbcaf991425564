import logging

import jax.numpy as jnp
import numpy as np
import pytest

from gan_restore.training.checkpoints import Checkpoints, MismatchError


def tree(step):
  return {"a": jnp.full((3, 4), float(step)), "step": jnp.int32(step)}


@pytest.fixture
def saved(tmp_path):
  checkpoints = Checkpoints(tmp_path, max_to_keep=3)
  for step in (1, 2, 3):
    checkpoints.save(step, tree(step), {"next_index": step})
    checkpoints.wait()
  return checkpoints


def damage(tmp_path, step):
  files = [p for p in (tmp_path / "checkpoints" / str(step) / "state").rglob("*") if p.is_file()]
  for path in files:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_newest(saved):
  state, position = saved.restore_newest(tree(0))
  assert int(state["step"]) == 3 and position == {"next_index": 3}
  np.testing.assert_array_equal(state["a"], tree(3)["a"])


def test_none(tmp_path):
  assert Checkpoints(tmp_path).restore_newest(tree(0)) is None


def test_a_broken_newest_falls_back_to_the_one_before(saved, tmp_path, caplog):
  damage(tmp_path, 3)
  caplog.set_level(logging.ERROR)
  state, _ = Checkpoints(tmp_path, max_to_keep=3).restore_newest(tree(0))
  assert int(state["step"]) == 2
  assert "Checkpoint 3 cannot be read" in caplog.text
  assert (tmp_path / "broken_checkpoint_3").is_dir()


def test_reading_changes_nothing(saved, tmp_path):
  damage(tmp_path, 3)
  before = sorted(tmp_path.rglob("*"))
  state, _ = Checkpoints(tmp_path, read_only=True).restore_newest(tree(0))
  assert int(state["step"]) == 2 and sorted(tmp_path.rglob("*")) == before
  with pytest.raises(ValueError, match="without a checkpoint yet"):
    Checkpoints(tmp_path / "other", read_only=True)
  assert not (tmp_path / "other").exists()


def test_the_step_of_a_broken_one_can_be_saved_again(saved, tmp_path):
  damage(tmp_path, 3)
  checkpoints = Checkpoints(tmp_path, max_to_keep=3)
  checkpoints.restore_newest(tree(0))
  checkpoints.save(3, tree(30), {})
  checkpoints.wait()
  state, _ = checkpoints.restore_newest(tree(0))
  assert int(state["step"]) == 30


def test_all_broken(saved, tmp_path):
  for step in (1, 2, 3):
    damage(tmp_path, step)
  with pytest.raises(ValueError, match=r"none of the checkpoints \[1, 2, 3\] can be read"):
    Checkpoints(tmp_path, max_to_keep=3).restore_newest(tree(0))
  assert Checkpoints(tmp_path).steps() == [1, 2, 3]  # The next start does not begin at step 0.


def test_a_step_may_break_twice(saved, tmp_path):
  (tmp_path / "broken_checkpoint_3").mkdir()
  (tmp_path / "broken_checkpoint_3" / "file").touch()
  damage(tmp_path, 3)
  state, _ = Checkpoints(tmp_path, max_to_keep=3).restore_newest(tree(0))
  assert int(state["step"]) == 2 and (tmp_path / "broken_checkpoint_3-2").is_dir()


def test_another_configs_checkpoints_are_refused_and_kept(saved, tmp_path):
  other = {"a": jnp.zeros((3, 5)), "step": jnp.int32(0)}
  with pytest.raises(MismatchError, match=r"\['a'\] is float32\[3, 4\]; it must be float32\[3, 5"):
    saved.restore_newest(other)
  assert saved.steps() == [1, 2, 3]


def test_what_is_kept(tmp_path):
  checkpoints = Checkpoints(tmp_path, max_to_keep=1, keep_period=2)
  for step in range(1, 6):
    checkpoints.save(step, tree(step), {})
    checkpoints.wait()
  assert checkpoints.steps() == [2, 4, 5]
