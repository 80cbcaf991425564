import json
import types

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
import safetensors.numpy
from helpers import small_config, untrained

from gan_restore import models
from gan_restore.models import Trained
from gan_restore.training import weights
from gan_restore.training.checkpoints import Checkpoints
from gan_restore.training.state import init_state


@pytest.fixture
def file(tiny_prior, tmp_path):
  weights.save(tmp_path / "prior.safetensors", tiny_prior, "for a test")
  return tmp_path / "prior.safetensors"


def test_round_trip_within_half_precision(tiny_prior, file):
  loaded = weights.load(file)
  assert loaded.config.to_dict() | {"dataset": 0} == tiny_prior.config.to_dict() | {"dataset": 0}
  for a, b in zip(jax.tree.leaves(tiny_prior.variables), jax.tree.leaves(loaded.variables)):
    assert b.dtype == np.float32
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
  z = jax.random.uniform(jax.random.key(0), (4, 16), minval=-1, maxval=1)
  images = [t.family.generate(t, z) for t in (tiny_prior, loaded)]
  np.testing.assert_allclose(*images, atol=5e-3)


def test_weights_that_are_first_loaded_while_jax_traces_a_function(file):
  """They are arrays, which the next call can use as well."""
  loaded = []
  jax.make_jaxpr(lambda x: (loaded.append(weights.load(file)), x)[1])(1.0)
  assert all(isinstance(x, jax.Array) for x in jax.tree.leaves(loaded))
  assert not any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(loaded))


def test_a_key_that_holds_a_slash_comes_back(tmp_path, monkeypatch):
  class Critic(nn.Module):
    @nn.compact
    def __call__(self, x):
      return nn.SpectralNorm(nn.Dense(1))(x, update_stats=False)

  variables = {"critic": Critic().init(jax.random.key(0), jnp.zeros((1, 3)))}
  family = types.SimpleNamespace(PLAYERS=("critic",), init=lambda config, key: variables)
  monkeypatch.setattr(models, "get", lambda name: family)
  config = ml_collections.FrozenConfigDict({"family": "spectral", "dataset": "toy_faces"})
  weights.save(tmp_path / "w", Trained(variables, config))
  loaded = weights.load(tmp_path / "w").variables
  assert jax.tree.structure(loaded) == jax.tree.structure(variables)
  x = jnp.ones((2, 3))
  outputs = [Critic().apply(v["critic"], x) for v in (variables, loaded)]
  np.testing.assert_allclose(*outputs, rtol=2e-3)


def test_no_path_of_the_machine_is_written(tiny_prior, tmp_path):
  paths = {
    "dataset": "folder:/home/me/faces", "data_dir": "/home/me/data", "init_from": "/home/me/w",
    "pictures": ("folder:/home/me/faces", "folder:/home/me/photographs"),
  }  # fmt: skip
  config = ml_collections.FrozenConfigDict(tiny_prior.config.to_dict() | paths)
  weights.save(tmp_path / "w", Trained(tiny_prior.variables, config))
  assert b"/home/me" not in (tmp_path / "w").read_bytes()


def test_a_workdir_is_loaded_with_its_averaged_weights(tmp_path):
  config = small_config()
  state = init_state(config)
  state = state.replace(ema=jax.tree.map(lambda x: x + 1, state.ema))
  saved = Checkpoints(tmp_path)
  saved.save(3, state, {})
  saved.close()
  (tmp_path / "config.json").write_text(config.to_json())
  loaded = weights.load(tmp_path, family="dcgan")
  for a, b in zip(jax.tree.leaves(state.ema), jax.tree.leaves(loaded.variables)):
    np.testing.assert_array_equal(a, b)


def test_another_family_starts_from_the_players_that_it_shares(tmp_path):
  """A denoiser from a sampler, and the other way round. A classifier shares none."""
  small = {"image_size": 32, "depth": 1, "width": 4}
  own, paths = {}, {}
  for name in ("sampler", "denoiser", "classifier"):
    trained = untrained(name, **(small if name != "classifier" else {}))
    own[name] = jax.tree.map(lambda x: jnp.round(x + 1), trained.variables)
    paths[name] = str(tmp_path / f"{name}.safetensors")
    weights.save(paths[name], trained.replace(variables=own[name]))
  alike = lambda a, b: jax.tree.all(jax.tree.map(lambda x, y: np.all(x == y), a, b))
  for here, there in (("sampler", "denoiser"), ("denoiser", "sampler")):
    fresh = init_state(small_config(here, **small))
    begun = weights.init_from(fresh, paths[there])
    assert alike(begun.variables["generator"], own[there]["generator"])
    assert alike(begun.ema["generator"], own[there]["generator"])
    assert not alike(fresh.variables["generator"], own[there]["generator"])
    for player in set(fresh.variables) - {"generator"}:
      assert alike(begun.variables[player], fresh.variables[player])
  with pytest.raises(ValueError, match="which holds classifier; it must hold one of generator"):
    weights.init_from(init_state(small_config("denoiser", **small)), paths["classifier"])


def test_refusals(file, tmp_path):
  whole = file.read_bytes()
  (tmp_path / "truncated").write_bytes(whole[: len(whole) // 2])
  (tmp_path / "text").write_text("hello")
  safetensors.numpy.save_file({"a": np.zeros(3)}, tmp_path / "foreign")
  (tmp_path / "folder").mkdir()
  for name, message in [
    ("nowhere", "no such weights file"),
    ("truncated", "not a readable weights file"),
    ("text", "not a readable weights file"),
    ("foreign", "of the format None; it must be 'gan_restore/2'"),
    ("folder", "not a training workdir"),
  ]:
    with pytest.raises(weights.WeightsError, match=message):
      weights.load(tmp_path / name)
  with pytest.raises(weights.WeightsError, match="holds a dcgan; it must hold a cdcgan"):
    weights.load(file, family="cdcgan")


@pytest.mark.parametrize(
  "change,message",
  [
    ({"width": 16}, "has another architecture: .* is .*; it must be"),
    ({"family": "nogan"}, "cannot be built from its config .*unknown family 'nogan'"),
  ],
)
def test_tensors_that_do_not_fit_the_config(file, change, message):
  with safetensors.safe_open(file, framework="numpy") as opened:
    metadata = opened.metadata()
    tensors = {name: opened.get_tensor(name) for name in opened.keys()}
  metadata["config"] = json.dumps(json.loads(metadata["config"]) | change)
  safetensors.numpy.save_file(tensors, file, metadata)
  with pytest.raises(weights.WeightsError, match=message):
    weights.load(file)


def test_numbers_that_do_not_fit_float16_stay_float32(tiny_prior, tmp_path):
  large = jax.tree.map(lambda x: 1e6 * x if x.ndim > 1 else x, tiny_prior.variables)
  weights.save(tmp_path / "w", tiny_prior.replace(variables=large))
  loaded = weights.load(tmp_path / "w").variables
  for a, b in zip(jax.tree.leaves(large), jax.tree.leaves(loaded)):
    assert np.isfinite(b).all()
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_not_written(tiny_prior, tmp_path, value):
  broken = jax.tree.map(lambda x: x.at[(0,) * x.ndim].set(value), tiny_prior.variables)
  with pytest.raises(weights.WeightsError, match=r"not written, as .* holds NaN or infinite"):
    weights.save(tmp_path / "w", tiny_prior.replace(variables=broken))
  assert not list(tmp_path.iterdir())


def test_a_config_is_read_without_its_weights(file, tmp_path):
  assert weights.read_config(file).family == "dcgan"
  (tmp_path / "text").write_text("hello")
  with pytest.raises(weights.WeightsError, match="not a readable weights file"):
    weights.read_config(tmp_path / "text")


def test_it_holds_the_players_that_restore(tmp_path):
  trained = untrained("cdcgan", image_size=32)
  weights.save(tmp_path / "w", trained)
  assert set(trained.variables) == {"generator", "discriminator", "classifier"}
  assert set(weights.load(tmp_path / "w").variables) == {"generator"}
