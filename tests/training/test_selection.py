import json

import jax
import numpy as np
import pytest
from helpers import small_config

from gan_restore.models import dcgan
from gan_restore.training import loop, selection, weights
from gan_restore.training.checkpoints import Checkpoints
from gan_restore.training.state import state_shapes


def test_a_run_is_scored_and_its_best_checkpoint_exported(tmp_path, monkeypatch):
  config = small_config(steps=8, keep_period=4)
  loop.train(config, tmp_path)
  values = iter([20.0, 10.0])
  monkeypatch.setattr(dcgan, "evaluate", lambda *args: iter([("psnr", next(values)), ("x", 1.0)]))
  got = selection.export_best(config, tmp_path)
  assert got == {"4": {"psnr": 20.0, "x": 1.0}, "8": {"psnr": 10.0, "x": 1.0}}
  assert json.loads((tmp_path / "evaluation.json").read_text())["scores"] == got

  def exported(step):
    state, _ = Checkpoints(tmp_path).restore(step, state_shapes(config))
    best = weights.load(tmp_path / "weights.safetensors")
    for a, b in zip(jax.tree.leaves(state.ema), jax.tree.leaves(best.variables)):
      np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)

  exported(4)
  selection.export_best(
    config, tmp_path
  )  # The scores are stored, so `evaluate` is not called again.
  config.export_step = 8  # Chosen by eye.
  config.learning_rate = 0.5  # The file has the config of the run, which has another one.
  selection.export_best(config, tmp_path)
  exported(8)
  stored = weights.load(tmp_path / "weights.safetensors").config
  assert stored.learning_rate == small_config().learning_rate
  own = small_config().dataset  # The data of the training, whatever the checkpoints are scored on.
  assert weights.read_config(tmp_path / "weights.safetensors").dataset == own
  config.update(export_step=0, dataset="folder:elsewhere")
  with pytest.raises(ValueError, match="no such folder"):  # Scores of other data are not reused.
    selection.export_best(config, tmp_path)
  config.update(export_step=6, dataset="toy_faces")
  with pytest.raises(ValueError, match=r"config\.export_step is 6; .* has checkpoints of \[4, 8\]"):
    selection.export_best(config, tmp_path)


def test_a_run_of_another_family(tmp_path):
  loop.train(small_config(steps=2), tmp_path)
  with pytest.raises(ValueError, match="holds a dcgan, and the config is that of a unet_gan"):
    selection.export_best(small_config("unet_gan"), tmp_path)


def test_a_run_without_checkpoints(tmp_path):
  with pytest.raises(ValueError, match="without a checkpoint yet"):
    selection.export_best(small_config(), tmp_path)
  assert not list(tmp_path.iterdir())
