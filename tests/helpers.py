"""Functions that several test modules share."""

import functools
import importlib

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from PIL import Image

from gan_restore import cli, models
from gan_restore.data import toy_faces
from gan_restore.degradations import operators, tasks
from gan_restore.evaluation import scoring
from gan_restore.models import Trained
from gan_restore.restorers import result

# For programs that take longer to compile than to run.
UNOPTIMISED = {"xla_backend_optimization_level": 0}

_COARSE = {"channels": 3, "width": 8, "classes": 10, "factor": 4, "exclusive": False}
_SMALL = {
  "dcgan": {"width": 8, "latent_dim": 16},
  "autoencoder_gan": {"width": 8, "latent_dim": 16},
  "cdcgan": {
    "width": 4,
    "classes": 10,
    "generator_steps": 3,
    "discriminator_steps": 3,
    "learning_rate": 1e-3,
  },
  "encoder_dcgan": {"width": 4},
  "unet_gan": {"width": 4},
  "unet_gan_large": {"width": 4},
  "denoiser": {"width": 4},
  "sampler": {
    "width": 4,
    "depth": 2,
    "discriminator_width": 4,
    "discriminator_steps": 1,
    "noise": 2,
  },
  **dict.fromkeys(("resgan", "gan", "wgan", "cgan", "classifier"), _COARSE),
  "scratch_finder": {"width": 4},
  "embedding": {"width": 8, "features": 4, "label": "Black_Hair", "classes": 2},
}


def small_config(name: str = "dcgan", variant: str = "", **changes) -> ml_collections.ConfigDict:
  """A config of `configs/`, made small enough for a test."""
  script = importlib.import_module(f"gan_restore.configs.{name}")
  config = script.get_config(*filter(None, [variant]))
  config.update(dataset="toy_faces", image_size=16, batch_size=8, steps=8, log_every=2)
  config.update(sample_every=1_000, checkpoint_every=4, keep_period=0)
  config.update(_SMALL[name] | changes)
  return config


def untrained(name: str = "dcgan", variant: str = "", **changes) -> Trained:
  """A family with its initial, untrained weights."""
  config = ml_collections.FrozenConfigDict(small_config(name, variant, **changes))
  return Trained(_init(config), config)


@functools.cache
def _init(config):
  init = functools.partial(models.get(config.family).init, config)
  return jax.jit(init, compiler_options=UNOPTIMISED)(jax.random.key(0))


def drawn_faces(n: int, size: int = 64) -> np.ndarray:
  """Toy faces [n, size, size, 3] in [0, 1]."""
  source = toy_faces.ToyFaces("test", size)
  return np.stack([source[i]["image"] for i in range(n)]).astype(np.float32) / 255


def picture_size(path) -> tuple[int, int]:
  """(width, height) of a picture file."""
  with Image.open(path) as picture:
    return picture.size


def run(capsys, *arguments) -> tuple[int, str, str]:
  """Runs `gan-restore` with these arguments; returns its exit status, output and error output."""
  status = cli.main([str(a) for a in arguments])
  return status, *capsys.readouterr()


def on_one_device(function, *arguments):
  """Runs a per-device function, jitted, on one device."""
  batched = jax.tree.map(lambda x: x[None], arguments)
  run = jax.jit(jax.vmap(function, axis_name="batch"), compiler_options=UNOPTIMISED)
  return jax.tree.map(lambda x: x[0], run(*batched))


class Constant:
  """A network without variables, whose output is a given function of its inputs."""

  def __init__(self, output):
    self._output = output

  def apply(self, variables, *inputs, mutable=False):
    output = self._output(*inputs)
    return (output, {}) if mutable else output


def losses(trained: Trained, batch, active=None):
  """`compute_losses` on one device, with the key 2."""
  active = active or trained.family.PLAYERS
  compute = lambda variables, batch: trained.family.compute_losses(
    trained.config, variables, batch, jax.random.key(2), active
  )
  return on_one_device(compute, trained.variables, batch)


def gradients(trained: Trained, batch, **weights: float) -> dict:
  """{player: gradient of its own loss}, on one device, as a training step takes them. `weights`
  replace weights of losses in the config; calls that differ only in them share one compiled
  program."""
  family = trained.family

  def compute(params, batch, weights):
    config = ml_collections.ConfigDict({**trained.config, **weights})

    def losses(params):
      own = {p: {**v, "params": params[p]} for p, v in trained.variables.items()}
      return family.compute_losses(config, own, batch, jax.random.key(2), family.PLAYERS)

    values, pullback, _ = jax.vjp(losses, params, has_aux=True)
    one = lambda player: {p: jnp.float32(p == player) for p in values}
    return {player: pullback(one(player))[0][player] for player in family.PLAYERS}

  params = {p: v["params"] for p, v in trained.variables.items()}
  return on_one_device(compute, params, batch, jax.tree.map(jnp.float32, weights))


def hole_psnr(trained: Trained) -> float:
  """PSNR of the centre hole of 32 toy faces that a completion network fills."""
  source = toy_faces.ToyFaces("test", trained.config.image_size)
  restorer = functools.partial(trained.family.restore, trained)
  scores = scoring.evaluate(restorer, tasks.get("inpaint"), source, limit=32)
  return scores["composited/psnr_hole"]


def filled_with_white(y, A):
  """A restorer that fills holes with 1, and knows nothing of other damage."""
  hole = operators.missing(A, y.shape)
  image = y if hole is None else jnp.where(hole > 0, 1.0, y)
  return result.Result(image=image, generated=image)
