"""Shared fixtures.

The tests use two CPU devices, so that averaging over devices is tested. All tests, the processes
that they start, and later runs share one compilation cache."""

import fcntl
import hashlib
import os
import pathlib
import time

os.environ["XLA_FLAGS"] = (
  os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
)
os.environ.setdefault(
  "JAX_COMPILATION_CACHE_DIR", str(pathlib.Path(__file__).parent.parent / ".pytest_cache" / "jax")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")

import jax
import ml_collections
import numpy as np
import pytest
from helpers import drawn_faces, filled_with_white, small_config, untrained
from PIL import Image

from gan_restore import hub
from gan_restore.data import images
from gan_restore.models import Trained
from gan_restore.training import loop, weights

ROOT = pathlib.Path(__file__).parent.parent


def pytest_runtest_setup(item):
  """Skips slow tests that have not begun at a time, in seconds since 1970: a run on a slow machine
  then ends in time."""
  until = float(os.environ.get("GAN_RESTORE_SLOW_TESTS_UNTIL", "inf"))
  if item.get_closest_marker("slow") and time.time() > until:
    pytest.skip("no time is left for slow tests: GAN_RESTORE_SLOW_TESTS_UNTIL")


@pytest.fixture
def config() -> ml_collections.ConfigDict:
  return small_config()


@pytest.fixture(scope="session")
def tiny_prior() -> Trained:
  """An untrained prior for 32x32 images, with kernels that are large enough for varied pictures."""
  prior = untrained("dcgan", image_size=32)
  return prior.replace(
    variables=jax.tree.map(lambda x: 10 * x if x.ndim > 1 else x, prior.variables)
  )


def _saved(trained, path) -> str:
  weights.save(path, trained)
  return str(path)


@pytest.fixture(scope="session")
def prior(tmp_path_factory) -> str:
  """A file with an untrained prior of the size that the command line restores."""
  path = tmp_path_factory.mktemp("prior") / "prior.safetensors"
  return _saved(untrained("dcgan", image_size=64), path)


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> str:
  """A file with an untrained ResGAN of 28x28 grey images, factor 4."""
  path = tmp_path_factory.mktemp("digits") / "digits.safetensors"
  return _saved(untrained("resgan", "mnist", image_size=28, channels=1, factor=4), path)


@pytest.fixture(scope="session")
def faces() -> np.ndarray:
  """Eight toy faces [8, 64, 64, 3] in [0, 1]."""
  return drawn_faces(8)


@pytest.fixture
def photos(tmp_path, faces) -> pathlib.Path:
  """A folder of three pictures of different sizes: 0.png, 1.png, 2.png."""
  folder = tmp_path / "photos"
  folder.mkdir()
  for i in range(3):
    Image.fromarray(images.to_uint8(faces[i])).resize((80 + 10 * i, 100)).save(folder / f"{i}.png")
  return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
  """A function that trains a small run once, for all processes of the tests: (name, **changes) ->
  its workdir."""
  own = tmp_path_factory.getbasetemp()
  shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

  def train(name: str, variant: str = "", **changes) -> pathlib.Path:
    config = small_config(name, variant, **changes)
    digest = hashlib.sha256(config.to_json(sort_keys=True).encode()).hexdigest()[:16]
    workdir = shared / f"{name}-{digest}"
    with open(shared / f"{workdir.name}.lock", "w") as lock:
      fcntl.flock(lock, fcntl.LOCK_EX)  # The other processes wait until it is trained.
      if not workdir.exists():
        loop.train(config, workdir)
    return workdir

  return train


@pytest.fixture(scope="session")
def learned_classifier(trained) -> Trained:
  """A classifier of toy faces, trained for 200 steps."""
  workdir = trained(
    "classifier", steps=200, batch_size=16, checkpoint_every=200, ema_decay=0.9, learning_rate=3e-3
  )
  return weights.load(workdir)


@pytest.fixture(scope="session")
def real_data() -> pathlib.Path:
  """The folder of real data sets. Skips the test if there is none."""
  folder = os.environ.get("GAN_RESTORE_DATA")
  if not folder:
    pytest.skip("needs real images: GAN_RESTORE_DATA is not set")
  return pathlib.Path(folder)


@pytest.fixture
def whole():
  """A restorer of images of any size, like the prior of pictures."""
  return hub.Restorer(lambda y, A, *, frame=None: filled_with_white(y, A), channels=3)
