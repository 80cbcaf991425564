import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import small_config, untrained
from scipy.special import expit

from gan_restore import models
from gan_restore.data import toy_faces
from gan_restore.degradations import operators
from gan_restore.models import Trained, resgan
from gan_restore.training import history, loop, weights
from gan_restore.training.state import init_state


def test_eq_6_term_by_term():
  rng = np.random.default_rng(0)
  on_real, on_fake = rng.normal(size=(2, 6, 4))
  y = rng.integers(0, 2, (6, 4))
  d, g = expit(on_real), expit(on_fake)
  wanted = 0.0
  for i, k in np.ndindex(6, 4):
    if y[i, k]:
      wanted += np.log(d[i, k]) + np.log(1 - g[i, k])
    else:
      wanted += np.log(1 - d[i, k]) + np.log(g[i, k])
  np.testing.assert_allclose(resgan.objective(on_real, on_fake, y), wanted / 6, rtol=1e-5)


def test_gradients_on_a_linear_model_are_eqs_7_and_8():
  """f = sigmoid(theta X), g = phi c: dJ/dtheta and dJ/dphi as the paper derives them."""
  rng = np.random.default_rng(0)
  x, c, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), rng.integers(0, 2, (5, 4))
  theta, phi = rng.normal(size=(3, 4)), rng.normal(size=(2, 3))
  j = lambda theta, phi: 5 * resgan.objective(x @ theta, (c @ phi) @ theta, y)
  by_theta, by_phi = jax.grad(j, argnums=(0, 1))(jnp.array(theta), jnp.array(phi))
  g = c @ phi
  real, fake = y - expit(x @ theta), 1 - y - expit(g @ theta)
  np.testing.assert_allclose(by_theta, x.T @ real + g.T @ fake, rtol=1e-4)  # Eq. 7.
  np.testing.assert_allclose(by_phi, c.T @ (fake @ theta.T), rtol=1e-4)  # Eq. 8.


@pytest.mark.parametrize("family", ["resgan", "gan", "wgan", "cgan"])
@pytest.mark.parametrize("size,channels,factor", [(28, 1, 4), (28, 1, 7), (32, 3, 4), (64, 3, 8)])
def test_sizes(family, size, channels, factor):
  changes = {"image_size": size, "channels": channels, "factor": factor}
  config = small_config(family, **changes)
  module = models.get(config.family)

  def run(key):
    x = jnp.zeros((2, size, size, channels))
    label = jnp.zeros((2,), int)
    trained = Trained(module.init(config, key), config)
    return module.generate(trained, operators.coarsen(config.factor)(x), label)

  assert jax.eval_shape(run, jax.random.key(0)).shape == (2, size, size, channels)


@pytest.mark.parametrize("join", ["concatenate", "add"])
def test_the_coarse_image_passes_through(join):
  """If g outputs 0, f still gets the coarse image: X_g = f(X_r)."""
  trained = untrained("resgan", image_size=32, join=join)
  params = trained.variables["generator"]["params"]
  last = max((n for n in params if n.startswith("Conv_")), key=lambda n: int(n[5:]))
  g = f"Conv_{int(last[5:]) - 2}"
  assert params[g]["kernel"].shape[-1] == 3
  first = f"Conv_{int(last[5:]) - 1}"
  assert params[first]["kernel"].shape[2] == (6 if join == "concatenate" else 3)
  silent = {**params, g: jax.tree.map(jnp.zeros_like, params[g])}
  variables = {"generator": {**trained.variables["generator"], "params": silent}}
  x = jax.random.uniform(jax.random.key(1), (1, 32, 32, 3))
  out = lambda x: resgan.generate(trained.replace(variables=variables), x)
  assert float(jnp.abs(out(x) - out(1 - x)).max()) > 0


def test_rounds_alternate():
  config = small_config("resgan", discriminator_round=2, generator_round=3)
  players = [resgan.active_players(config, step)[0][0] for step in range(11)]
  assert "".join(players) == "ddgggddgggd"
  assert all(len(resgan.active_players(config, step)) == 1 for step in range(11))


@pytest.mark.slow
def test_it_learns_to_restore(trained):
  """100 steps on toy faces, 75 of them of the generator, raise the PSNR by 2 dB or more."""
  workdir = trained(
    "resgan", steps=100, width=16, checkpoint_every=100, ema_decay=0.9, learning_rate=1e-3
  )
  learned = weights.load(workdir)
  fresh = learned.replace(variables=init_state(learned.config).variables)
  source = toy_faces.ToyFaces("test", 16)
  psnr = lambda trained: dict(resgan.evaluate(trained, source, n=32))["psnr"]
  assert psnr(learned) > psnr(fresh) + 2


@pytest.mark.slow
def test_one_attribute_as_the_class(tmp_path):
  config = small_config(
    "resgan", label="Smiling", classes=2, exclusive=True, steps=1, log_every=1, image_size=16
  )
  loop.train(config, tmp_path)
  assert np.isfinite(history.read_metrics(tmp_path)[-1]["generator_loss"])
