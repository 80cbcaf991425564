"""Shared fixtures. Two CPU devices, so that what is averaged over devices is tested as such; and
one cache of compiled programs for all tests, the processes they start, and the next run."""

import importlib
import os
import pathlib

os.environ["XLA_FLAGS"] = (
  os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
)

os.environ.setdefault(
  "JAX_COMPILATION_CACHE_DIR", str(pathlib.Path(__file__).parent.parent / ".pytest_cache" / "jax")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from PIL import Image

from gan_restore import cli, evaluation, models, tasks, weights
from gan_restore.data import images, toy_faces
from gan_restore.models import dcgan, resgan

ROOT = pathlib.Path(__file__).parent.parent

_OWN = {
  "dcgan": {"width": 8, "latent_dim": 16},
  "autoencoder_gan": {"width": 8, "latent_dim": 16},
  "cdcgan": {"width": 4, "classes": 10, "generator_steps": 3, "discriminator_steps": 3},
  "encoder_dcgan": {"width": 4},
  "unet_gan": {"width": 4},
  "denoiser": {"width": 4},
  **{
    name: {"channels": 3, "width": 8, "classes": 10, "factor": 4}
    for name in ("resgan", "gan", "wgan", "cgan", "classifier")
  },
}


def small_config(family: str = "dcgan", variant: str = "", **changes) -> ml_collections.ConfigDict:
  """A family's run, as in configs/, small enough for a test."""
  script = importlib.import_module(f"configs.{family}")
  config = script.get_config(*filter(None, [variant]))
  config.update(dataset="toy_faces", image_size=16, batch_size=8, steps=8, log_every=2)
  config.update(sample_every=4, checkpoint_every=4, keep_every=0)
  config.update(_OWN[family] | changes)
  return config


@pytest.fixture
def config():
  return small_config()


@pytest.fixture(scope="session")
def tiny_prior() -> weights.Trained:
  """An untrained prior for 32x32 images, its kernels large enough for varied pictures."""
  config = ml_collections.FrozenConfigDict(small_config(image_size=32))
  variables = dcgan.init(config, jax.random.key(0))
  variables = jax.tree.map(lambda x: 10 * x if x.ndim > 1 else x, variables)
  return weights.Trained(variables, config)


def _untrained(module, path, config) -> str:
  config = ml_collections.FrozenConfigDict(config)
  weights.save(path, weights.Trained(module.init(config, jax.random.key(0)), config))
  return str(path)


@pytest.fixture(scope="session")
def prior(tmp_path_factory) -> str:
  """A file with an untrained prior of the size the command line restores."""
  path = tmp_path_factory.mktemp("prior") / "prior.safetensors"
  return _untrained(dcgan, path, small_config(image_size=64))


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> str:
  """A file with an untrained ResGAN of 28x28 grey images, factor 4."""
  path = tmp_path_factory.mktemp("digits") / "digits.safetensors"
  config = small_config("resgan", "mnist", image_size=28, channels=1, factor=4)
  return _untrained(resgan, path, config)


@pytest.fixture(scope="session")
def faces() -> np.ndarray:
  """Eight toy faces [8, 64, 64, 3] in [0, 1]."""
  source = toy_faces.ToyFaces("test")
  return np.stack([source[i]["image"] for i in range(8)]).astype(np.float32) / 255


@pytest.fixture
def photos(tmp_path, faces) -> pathlib.Path:
  """A folder of three pictures of different sizes: 0.png, 1.png, 2.png."""
  folder = tmp_path / "photos"
  folder.mkdir()
  for i in range(3):
    Image.fromarray(images.to_uint8(faces[i])).resize((80 + 10 * i, 100)).save(folder / f"{i}.png")
  return folder


@pytest.fixture(scope="session")
def real_data() -> pathlib.Path:
  """The folder of real data sets; skips where there is none."""
  folder = os.environ.get("GAN_RESTORE_DATA")
  if not folder:
    pytest.skip("needs real images: GAN_RESTORE_DATA is not set")
  return pathlib.Path(folder)


def run(capsys, *arguments) -> tuple[int, str, str]:
  """`gan-restore` with these arguments: its exit status, and what it printed, also as an error."""
  status = cli.main([str(a) for a in arguments])
  return status, *capsys.readouterr()


def gradients(config, variables, batch, players) -> dict:
  """{player: gradient of its own loss}, on one device, as `train.make_step` takes them."""
  family = models.get(config.family)

  def run(params, batch):
    def play(params):
      own = {p: {**v, "params": params[p]} for p, v in variables.items()}
      return family.play(config, own, batch, jax.random.key(2), players)

    values, pullback, _ = jax.vjp(play, params, has_aux=True)
    one = lambda player: {p: jnp.float32(p == player) for p in values}
    return {player: pullback(one(player))[0][player] for player in players}

  params = {p: v["params"] for p, v in variables.items()}
  batched = jax.tree.map(lambda x: x[None], (params, batch))
  return jax.tree.map(lambda x: x[0], jax.jit(jax.vmap(run, axis_name="batch"))(*batched))


def hole_psnr(config, variables) -> float:
  """Of the centre hole of 32 toy faces, filled by a completion network."""
  trained = weights.Trained(variables, ml_collections.FrozenConfigDict(config))
  restorer = lambda y, A: trained.family.restore(trained, y, A)
  source = toy_faces.ToyFaces("test", config.image_size)
  scores = evaluation.evaluate(restorer, tasks.get("inpaint"), source, limit=32)
  return dict(scores)["composited/psnr_hole"]
