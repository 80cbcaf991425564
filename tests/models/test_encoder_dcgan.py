"""Tests the seven rules on the network, and compares the losses with NumPy."""

import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gan_restore.configs import encoder_dcgan as script
from helpers import Constant, losses, small_config, untrained

from gan_restore.models import encoder_dcgan
from gan_restore.nn import layers
from gan_restore.training.state import init_state
from gan_restore.training.step import make_step, parallel, place, shard

GENERATOR = encoder_dcgan.Generator(width=4)
DISCRIMINATOR = encoder_dcgan.Discriminator(width=4)
IMAGE = jnp.zeros((2, 64, 64, 3))


def modules(network, *inputs):
  """The layers of a network in the order of their calls: [(type, output)]."""
  called = []

  def note(call, arguments, options, context):
    output = call(*arguments, **options)
    called.append((type(context.module), output.shape))
    return output

  with nn.intercept_methods(note):
    jax.eval_shape(lambda key: network.init(key, *inputs), jax.random.key(0))
  return called[:-1]  # The last is the network itself.


def traced(network, *inputs):
  """The network's program, as JAX prints it."""
  run = lambda key: network.init_with_output(key, *inputs)[0]
  return str(jax.make_jaxpr(run)(jax.random.key(0)))


BOTH = pytest.mark.parametrize(
  "network,inputs", [(GENERATOR, (IMAGE,)), (DISCRIMINATOR, (IMAGE, IMAGE))], ids=["G", "D"]
)


@BOTH
def test_rules_1_and_3_no_pooling_no_dense_layer(network, inputs):
  kinds = {kind for kind, _ in modules(network, *inputs)}
  allowed = {layers.Conv, layers.ConvTranspose, nn.BatchNorm}
  assert kinds <= allowed and layers.Conv in kinds
  program = str(
    jax.make_jaxpr(lambda key: network.init_with_output(key, *inputs)[0])(jax.random.key(0))
  )
  assert "reduce_window" not in program and "dot_general" not in program


def test_rule_1_strided_and_transposed():
  shapes = [shape[1] for kind, shape in modules(GENERATOR, IMAGE) if kind != nn.BatchNorm]
  assert shapes == [32, 16, 8, 4, 4, 8, 16, 32, 64]
  shapes = [shape for kind, shape in modules(DISCRIMINATOR, IMAGE, IMAGE) if kind == layers.Conv]
  assert [shape[1] for shape in shapes] == [32, 16, 8, 4, 1]


@BOTH
def test_rule_2_batch_norm_after_each_convolution_but_the_last(network, inputs):
  called = [kind for kind, _ in modules(network, *inputs)]
  convolutions = [i for i, kind in enumerate(called) if kind != nn.BatchNorm]
  assert convolutions[-1] == len(called) - 1
  assert all(called[i + 1] == nn.BatchNorm for i in convolutions[:-1])


@BOTH
def test_rule_4_vectors_stay_in_blocks(network, inputs):
  """No layer outputs a flat array [N, features]."""
  assert all(len(shape) == 4 for _, shape in modules(network, *inputs))


def slopes(network, *inputs):
  """The activations in its program: (names, whether there is a tanh)."""
  text = str(
    jax.make_jaxpr(lambda key: network.init_with_output(key, *inputs)[0])(jax.random.key(0))
  )
  return set(re.findall(r"name=(leaky_relu|relu|sigmoid|silu|gelu)\b", text)), "tanh" in text


def test_rules_5_and_6_relu_in_d_leaky_relu_and_tanh_in_g():
  assert slopes(GENERATOR, IMAGE) == ({"leaky_relu"}, True)
  assert slopes(DISCRIMINATOR, IMAGE, IMAGE) == ({"relu"}, False)


def test_rule_7_the_discriminator_gets_the_pair_and_the_generator_the_broken_image():
  key = jax.random.key(0)
  image = jax.random.uniform(key, (2, 16, 16, 3), minval=-1)
  broken = image.at[:, 4:12, 4:12].set(0)
  variables = DISCRIMINATOR.init(key, broken, image)
  logits = lambda *pair: DISCRIMINATOR.apply(variables, *pair)
  assert float(abs(logits(broken, image) - logits(image, image)).max()) > 0
  trained = untrained("encoder_dcgan")
  mask = jnp.zeros((2, 16, 16, 1)).at[:, 4:12, 4:12].set(1)
  generator, _ = encoder_dcgan.networks(trained.config)
  wanted = generator.apply(trained.variables["generator"], broken)
  found = encoder_dcgan.complete(trained, (image + 1) / 2, mask)
  np.testing.assert_allclose(found, (wanted + 1) / 2, atol=1e-5)


# --- Losses -------------------------------------------------------------------------------------


def make_batch():
  return {"image": jax.random.uniform(jax.random.key(1), (4, 16, 16, 3), minval=-1)}


def test_the_generators_loss_is_the_weighted_sum():
  changes = {"content_weight": 2.0, "gradient_weight": 3.0, "generator_weight": 0.3}
  values, (_, m) = losses(untrained("encoder_dcgan", **changes, prior_weight=0.7), make_batch())
  wanted = 2 * m["l_content"] + 3 * m["l_gradient"] + 0.3 * m["l_g"] + 0.7 * m["l_prior"]
  np.testing.assert_allclose(values["generator"], wanted, rtol=1e-5)
  np.testing.assert_allclose(values["discriminator"], m["l_d"], rtol=1e-6)


def test_each_loss_in_numpy():
  """Uses networks whose outputs are fixed: G returns 0, and D's logits are 0.5, -1 and 2 in turn.

  The losses apply the sigmoid of rule 5 to these logits.
  """
  logits = iter((0.5, -1.0, 2.0))
  config = small_config("encoder_dcgan", masks="center", known_weight=0.1)

  networks = encoder_dcgan.networks
  encoder_dcgan.networks = lambda config: (
    Constant(lambda broken, train: jnp.zeros_like(broken)),
    Constant(lambda broken, image, train: jnp.full(len(image), next(logits))),
  )
  try:
    image = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)
    nobody = {"generator": {}, "discriminator": {}}
    _, (_, m) = encoder_dcgan.compute_losses(
      config, nobody, {"image": jnp.asarray(image)}, jax.random.key(0), encoder_dcgan.PLAYERS
    )
  finally:
    encoder_dcgan.networks = networks
  d = lambda logit: 1 / (1 + np.exp(-logit))
  real, raw, stitched = d(0.5), d(-1.0), d(2.0)
  wanted_d = -np.log(real) - 0.5 * np.log(1 - raw) - 0.5 * np.log(1 - stitched)
  np.testing.assert_allclose(m["l_d"], wanted_d, rtol=1e-5)
  np.testing.assert_allclose(m["l_g"], -np.log(raw), rtol=1e-5)
  np.testing.assert_allclose(m["l_prior"], -np.log(stitched), rtol=1e-5)
  hole = np.zeros((16, 16), bool)
  hole[4:12, 4:12] = True
  content = abs(image)[:, hole].mean() + 0.1 * abs(image)[:, ~hole].mean()
  np.testing.assert_allclose(m["l_content"], content, rtol=1e-5)
  seen = image.copy()
  seen[:, hole] = 0
  down = (seen[:, 1:] - seen[:, :-1]) - (image[:, 1:] - image[:, :-1])
  right = (seen[:, :, 1:] - seen[:, :, :-1]) - (image[:, :, 1:] - image[:, :, :-1])
  np.testing.assert_allclose(m["l_gradient"], abs(down).mean() + abs(right).mean(), rtol=1e-5)


def test_the_variants_of_table_1():
  kinds = {}
  for variant in script.VARIANTS:
    config = small_config("encoder_dcgan", variant)
    generator, _ = encoder_dcgan.networks(config)
    kinds[variant] = type(generator).__name__, encoder_dcgan.active_players(config, 0)
  assert kinds == {
    "cnn": ("Generator", ("generator",)),
    "gan": ("DenseGenerator", encoder_dcgan.PLAYERS),
    "dcgan": ("Generator", encoder_dcgan.PLAYERS),
  }
  with pytest.raises(ValueError, match="unknown variant 'vae'; there are: cnn, gan, dcgan"):
    script.get_config("vae")


@pytest.mark.slow
@pytest.mark.parametrize("variant", script.VARIANTS)
def test_a_step_changes_the_players_that_are_active(variant):
  config = small_config("encoder_dcgan", variant)
  before = init_state(config)
  batch = {"image": np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), np.uint8)}
  active = encoder_dcgan.active_players(config, 0)
  after, _ = parallel(make_step(config))(place(before), shard(batch), 1.0, active)
  leaves = lambda state, player: jax.tree.leaves(state.variables[player])
  changed = {
    player
    for player in encoder_dcgan.PLAYERS
    if any((a != b).any() for a, b in zip(leaves(before, player), leaves(after, player)))
  }
  assert changed == set(active)
