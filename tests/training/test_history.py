"""The history of a run."""

import numpy as np
import pytest
from helpers import small_config

from gan_restore.training import history, loop
from gan_restore.training.checkpoints import Checkpoints


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
  """The run uses a normal learning rate for five steps.

  It is then resumed with an extremely large one.
  """
  loop.train(small_config(steps=4), tmp_path)
  config = small_config(steps=40, learning_rate=1e30)
  message = r"the (generator|discriminator)'s loss is (nan|inf|-inf) at step \d+; .* of step 4$"
  with pytest.raises(history.NonFiniteLossError, match=message):
    loop.train(config, tmp_path)
  assert Checkpoints(tmp_path).steps() == [4]


def test_rows_after_the_step_from_which_a_run_resumes_are_dropped(tmp_path):
  """A metric that is missing at a step leaves its cell empty."""
  first = history.History(tmp_path, 0)
  for step in (2, 4, 6):
    first.write(step, {"a_loss": 0.5 * step} | ({"accuracy": 0.25} if step == 4 else {}))
  again = history.History(tmp_path, 4)
  again.write(5, {"a_loss": 7.0})
  rows = history.read_metrics(tmp_path)
  assert rows == [
    {"step": 2.0, "a_loss": 1.0},
    {"step": 4.0, "a_loss": 2.0, "accuracy": 0.25},
    {"step": 5.0, "a_loss": 7.0},
  ]
  assert history.read_metrics(tmp_path / "nowhere") == []


def test_the_average_is_over_the_steps_that_have_a_metric(tmp_path):
  saved = Checkpoints(tmp_path)
  pending = [(1, {"a_loss": np.float32(1)}), (2, {"a_loss": np.float32(3), "b": np.float32(8)})]
  assert history.average(pending, saved) == {"a_loss": 2.0, "b": 8.0}
  saved.close()
