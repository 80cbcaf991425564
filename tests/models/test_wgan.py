"""WGAN as a baseline of ResGAN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import Constant, losses, small_config, untrained

from gan_restore.models import wgan
from gan_restore.training import loop


@pytest.mark.slow
def test_wgans_critic_is_clipped_and_learns_five_times_as_often(tmp_path):
  config = small_config("wgan", clip=0.01, steps=8, learning_rate=1e-2)
  stages = [wgan.active_players(config, step) for step in range(12)]
  assert stages == ([("critic",)] * 5 + [("generator",)]) * 2
  state = loop.train(config, tmp_path)
  critic = np.concatenate(
    [np.ravel(x) for x in jax.tree.leaves(state.variables["critic"]["params"])]
  )
  assert abs(critic).max() <= 0.01 + 1e-8 and (abs(critic) > 0.0099).mean() > 0.05
  generator = jax.tree.leaves(state.variables["generator"]["params"])
  assert max(abs(x).max() for x in generator) > 0.02
  assert "batch_stats" not in state.variables["critic"]  # No batch norm.


def test_the_losses_in_numpy(monkeypatch):
  """G returns 0. The critic returns 0.5 for the real images, and -1 for others."""
  image = jax.random.uniform(jax.random.key(1), (4, 16, 16, 3), minval=-1)
  critic = lambda x, train: jnp.where(jnp.all(x == image, (1, 2, 3)), 0.5, -1.0)[:, None]
  networks = Constant(lambda x, train: jnp.zeros_like(image)), Constant(critic)
  monkeypatch.setattr(wgan, "networks", lambda config: networks)
  config = small_config("wgan", reconstruction_weight=0.0)
  nobody = {"generator": {}, "critic": {}}
  values, _ = wgan.compute_losses(config, nobody, {"image": image}, jax.random.key(0), wgan.PLAYERS)
  assert float(values["critic"]) == -1.5 and float(values["generator"]) == 1


def test_the_gradient_penalty_is_of_the_slopes_between():
  """The penalty adds 10 (slope - 1)^2 to the critic's loss.

  The slope is the norm of the critic's gradient.
  """
  trained = untrained("wgan", gradient_penalty_weight=10.0, clip=0.0)
  image = jax.random.uniform(jax.random.key(1), (4, 16, 16, 3), minval=-1)
  loss = lambda trained: losses(trained, {"image": image})[0]["critic"]
  excess = loss(trained) - loss(untrained("wgan"))
  _, critic = wgan.networks(trained.config)
  variables = trained.variables
  slope = jax.grad(lambda x: critic.apply(variables["critic"], x[None])[0, 0])
  norms = np.array([np.linalg.norm(slope(x)) for x in image])
  assert (
    norms.max() < 0.1
  )  # An untrained critic is nearly flat everywhere, so the penalty is near 10.
  np.testing.assert_allclose(excess, 10 * (1 - norms.mean()) ** 2, rtol=0.02)
