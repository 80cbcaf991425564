"""Training checkpoints: the complete state of a run, written asynchronously by Orbax."""

import pathlib
from typing import Any

import jax
import orbax.checkpoint as ocp
from absl import logging


class MismatchError(ValueError):
  """A checkpoint of another architecture."""


class Checkpoints:
  """The checkpoints of a workdir.

  Args:
    workdir: The workdir; the checkpoints are in `workdir/checkpoints/STEP`.
    max_to_keep: Number of the newest checkpoints to keep.
    keep_period: Checkpoints at multiples of this step are kept as well; 0 for none.
    read_only: Whether the folder stays as it is.
  """

  def __init__(
    self,
    workdir: str | pathlib.Path,
    max_to_keep: int = 2,
    keep_period: int = 0,
    *,
    read_only: bool = False,
  ):
    self._folder, self._read_only = pathlib.Path(workdir).resolve() / "checkpoints", read_only
    if read_only and not self._folder.is_dir():
      raise ValueError(f"{workdir}: a training workdir without a checkpoint yet")
    self._manager = ocp.CheckpointManager(
      self._folder,
      options=ocp.CheckpointManagerOptions(
        max_to_keep=max_to_keep, keep_period=keep_period or None, enable_async_checkpointing=True,
        read_only=read_only, create=not read_only,
      ),
      item_names=("state", "position"),
    )  # fmt: skip

  def steps(self) -> list[int]:
    """The steps of the existing checkpoints, in ascending order."""
    return sorted(self._manager.all_steps())

  def save(self, step: int, state: Any, data: dict) -> None:
    """Starts writing a checkpoint: a tree of arrays, and the data position as JSON."""
    if step in self._manager.all_steps():
      return
    position = {"data": data, "shapes": _shapes(state)}
    items = {"state": ocp.args.StandardSave(state), "position": ocp.args.JsonSave(position)}
    self._manager.save(step, args=ocp.args.Composite(**items), force=True)

  def wait(self) -> None:
    """Returns when all checkpoints are on the disk."""
    self._manager.wait_until_finished()

  def restore(self, step: int, like: Any) -> tuple[Any, dict]:
    """(state, data) of a step.

    Args:
      step: One of `steps()`.
      like: A tree of arrays of the same shapes.

    Raises:
      MismatchError: If the checkpoint holds arrays with other names, shapes or types.
    """
    items = {"position": ocp.args.JsonRestore()}
    position = self._manager.restore(step, args=ocp.args.Composite(**items)).position
    theirs, ours = position["shapes"], _shapes(like)
    differing = sorted(k for k in {*theirs, *ours} if theirs.get(k) != ours.get(k))
    if differing:
      name = differing[0]
      raise MismatchError(
        f"checkpoint {step} belongs to another config: {name} is {theirs.get(name, 'absent')};"
        f" it must be {ours.get(name, 'absent')}"
      )
    abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
    items = {"state": ocp.args.StandardRestore(abstract)}
    return self._manager.restore(step, args=ocp.args.Composite(**items)).state, position["data"]

  def restore_newest(self, like: Any) -> tuple[Any, dict] | None:
    """The newest checkpoint that can be read, or None if there are no checkpoints.

    A damaged checkpoint is reported, and the previous one is tried. If that can be read, and the
    folder is not only read, the damaged one is moved aside.

    Raises:
      MismatchError: If the checkpoints belong to another config.
      ValueError: If there are checkpoints but none can be read.
    """
    steps = self.steps()
    broken: list[int] = []
    for step in reversed(steps):
      try:
        found = self.restore(step, like)
        self._move_aside([] if self._read_only else broken)
        return found
      except MismatchError:
        raise
      except Exception as error:  # A damaged file can raise any type of exception.
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        logging.error("Checkpoint %d cannot be read (%s); trying the previous one.", step, reason)
      broken.append(step)
    if steps:  # Perhaps it is not their fault: nothing is moved.
      raise ValueError(f"{self._folder}: none of the checkpoints {steps} can be read")
    return None

  def _move_aside(self, broken: list[int]) -> None:
    """Renames damaged checkpoints."""
    for step in broken if jax.process_index() == 0 else []:
      there, number = self._folder.parent / f"broken_checkpoint_{step}", 2
      while there.exists():
        there = there.with_name(f"broken_checkpoint_{step}-{number}")
        number += 1
      (self._folder / str(step)).rename(there)
    if broken:
      self._manager.reload()

  def close(self) -> None:
    self._manager.close()


def _shapes(tree: Any) -> dict[str, str]:
  leaves = jax.tree_util.tree_leaves_with_path(tree)
  return {jax.tree_util.keystr(path): f"{x.dtype}{list(x.shape)}" for path, x in leaves}
