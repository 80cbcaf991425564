"""Tests what every family must have, and that a new family is one file."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn_faces, small_config

from gan_restore import hub, models
from gan_restore.commands import app
from gan_restore.degradations import operators
from gan_restore.training import loop, selection, weights

REQUIRED = (
  "PLAYERS", "CURVES", "REQUIREMENTS", "init", "active_players", "compute_losses", "samples",
  "evaluate", "restore",
)  # fmt: skip


@pytest.mark.parametrize("name", models.names())
def test_every_family_has_what_the_protocol_says(name):
  family = models.get(name)
  assert [part for part in REQUIRED if not hasattr(family, part)] == []
  assert set(models.exported_players(family)) <= set(family.PLAYERS)


def test_an_unknown_family_is_refused():
  assert "shared" not in models.names()
  with pytest.raises(ValueError, match=r"unknown family 'vae'; there are: .*dcgan"):
    models.get("vae")


FAMILY = '''
"""A linear map of each pixel's colours."""
import jax
import jax.numpy as jnp
from gan_restore.degradations import operators
from gan_restore.evaluation import metrics
from gan_restore.restorers.result import Result

PLAYERS = ("matrix",)
CURVES = {"matrix_loss": "squared error"}
REQUIREMENTS = {"noise": (lambda v: v > 0, "> 0")}
TASK = "denoise"


def init(config, key):
  return {"matrix": {"params": {"w": 0.1 * jax.random.normal(key, (3, 3))}}}


def active_players(config, step):
  return PLAYERS


def compute_losses(config, variables, batch, key, active):
  x = batch["image"]
  y = x + config.noise * jax.random.normal(key, x.shape)
  error = jnp.mean((y @ variables["matrix"]["params"]["w"] - x) ** 2)
  return {"matrix": error}, ({}, {})


def samples(trained, batch, key):
  return restore(trained, (batch["image"][:4] + 1) / 2, operators.denoise()).image


def evaluate(trained, source, n=8):
  x = jnp.stack([source[i]["image"] for i in range(n)]) / 255
  yield "psnr", float(metrics.psnr(restore(trained, x, operators.denoise()).image, x).mean())


def restore(trained, y, A, *, strength: float = 1.0):
  operators.expect("pixelwise", A, TASK)
  image = ((2 * y - 1) @ trained.variables["matrix"]["params"]["w"] + 1) / 2
  image = y + strength * (image - y)
  return Result(image=image, generated=image)
'''


@pytest.fixture
def new_family(tmp_path, monkeypatch):
  """A family that is one file, in its own folder."""
  folder = tmp_path / "families"
  folder.mkdir()
  (folder / "pixelwise.py").write_text(FAMILY)
  monkeypatch.setattr(models, "__path__", [*models.__path__, str(folder)])
  yield "pixelwise"
  sys.modules.pop("gan_restore.models.pixelwise", None)


def test_a_new_family_is_one_file(new_family, tmp_path):
  """It is listed, trained, evaluated, exported, loaded and restores, with no other edit."""
  assert new_family in models.names()
  config = small_config(steps=40, learning_rate=0.05, checkpoint_every=20)
  config.family = new_family
  config.noise = 0.1
  workdir = tmp_path / "run"
  loop.train(config, workdir)
  scores = selection.export_best(config, workdir)
  assert scores["40"]["psnr"] > 15
  path = workdir / "weights.safetensors"
  restorer = hub.load(path)
  assert (restorer.task, restorer.size, restorer.channels) == ("denoise", (16, 16), 3)
  x = drawn_faces(2, 16)
  image = restorer(jnp.asarray(x), operators.denoise(0.1)).image
  assert image.shape == x.shape and np.mean((image - x) ** 2) < 0.03
  with pytest.raises(weights.WeightsError, match="holds a pixelwise, which restores only denoise"):
    hub.load_prior(path)


def test_the_page_lists_what_is_shipped():
  assert {name for _, name in app.methods()} == set(hub.shipped())


# --- Accelerators -------------------------------------------------------------------------------

CONFIGS = [*models.names(), "cgan"]  # A config of every family, and of one that gets the label.


@pytest.mark.parametrize("name", CONFIGS)
def test_every_training_step_is_lowered_for_accelerators(name):
  """Without an accelerator, the test can only check that XLA accepts the program for one."""
  from gan_restore.training.state import state_shapes
  from gan_restore.training.step import make_step

  config = small_config(name)
  step = make_step(config)
  state = state_shapes(config)
  batch = {
    "image": jax.ShapeDtypeStruct((1, 4, 16, 16, 3), np.uint8),
    "label": jax.ShapeDtypeStruct((1, 4) if name == "embedding" else (1, 4, 10), np.uint8),
  }
  active = models.get(config.family).active_players(config, 10**6)
  one = lambda state, batch: jax.vmap(
    lambda batch: step(state, batch, 1.0, active), axis_name="batch"
  )(batch)
  exported = jax.export.export(jax.jit(one), platforms=["cuda", "tpu"])(state, batch)
  assert exported.platforms == ("cuda", "tpu")


@pytest.mark.parametrize(
  "name", [n for n in CONFIGS if n == "cgan" or models.restores(models.get(n))]
)
def test_every_restore_is_lowered_for_accelerators(name):
  from helpers import untrained

  trained = untrained(name)
  task = models.task(trained.family)
  hole = np.zeros((16, 16), np.float32)
  hole[4:8] = 1
  A = {"inpaint": operators.inpaint(hole), "coarsen": operators.coarsen(4)}.get(
    str(task), operators.denoise(0.1)
  )
  options = {"label": jnp.zeros(2, int)} if name == "cgan" else {}
  options |= {"num_steps": 2} if name in ("dcgan", "autoencoder_gan") else {}
  restore = lambda trained, y: trained.family.restore(trained, y, A, **options).image
  y = jax.ShapeDtypeStruct((2, 16, 16, 3), np.float32)
  exported = jax.export.export(jax.jit(restore), platforms=["cuda", "tpu"])(trained, y)
  assert exported.out_avals[0].shape == (2, 16, 16, 3)
