import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gan_restore.configs import cdcgan as script
from helpers import Constant, drawn_faces, gradients, hole_psnr, losses, small_config, untrained

from gan_restore.data import toy_faces
from gan_restore.degradations import operators
from gan_restore.degradations.operators import UnsupportedOperatorError
from gan_restore.models import Trained, cdcgan
from gan_restore.training import history, loop, weights
from gan_restore.training.checkpoints import Checkpoints
from gan_restore.training.state import init_state


@pytest.fixture(scope="module")
def fresh():
  """Untrained networks for 32x32."""
  return untrained("cdcgan", image_size=32)


def make_batch(config, n=8):
  key = jax.random.key(1)
  size = config.image_size
  label = jax.random.bernoulli(key, 0.5, (n, config.classes)).astype(np.uint8)
  return {"image": jax.random.uniform(key, (n, size, size, 3), minval=-1), "label": label}


# --- Networks -----------------------------------------------------------------------------------


def test_the_generator_is_that_of_table_1():
  config = script.get_config()
  config.image_size = 128
  shapes = jax.eval_shape(lambda key: cdcgan.init(config, key), jax.random.key(0))
  g = jax.tree.map(lambda x: x.shape, shapes["generator"]["params"])
  assert g["Conv_0"]["kernel"] == (3, 3, 4, 64)  # RGB and the mask.
  for i, (features, out) in enumerate([(64, 64), (64, 128), (128, 256)]):
    block = g[f"ResidualBlock_{i}"]
    assert block["Conv_0"]["kernel"] == (3, 3, features, out)
    assert block["Conv_1"]["kernel"] == (1, 1, features, out)  # The shortcut.
    assert block["Conv_2"]["kernel"] == (3, 3, out, out)
  assert g["Conv_1"]["kernel"] == (1, 1, 256, 1024)
  dilated = [g[f"Conv_{i}"]["kernel"] for i in (2, 3, 4, 5)]
  assert dilated == [(3, 3, 1024, 1024)] * 3 + [(1, 1, 1024, 1024)]  # Rate 16 on a map of 16.
  for i, (features, out) in enumerate([(1024, 256), (256, 128), (128, 64)], 3):
    block = g[f"ResidualBlock_{i}"]
    assert block["ConvTranspose_0"]["kernel"] == (4, 4, out, features)
    assert block["Conv_0"]["kernel"] == (1, 1, features, out)
    assert block["Conv_1"]["kernel"] == (3, 3, out, out)
  laterals = [g[f"Conv_{i}"]["kernel"] for i in (6, 7, 8)]
  assert laterals == [(1, 1, 128, 256), (1, 1, 64, 128), (1, 1, 64, 64)]
  assert g["Conv_9"]["kernel"] == (4, 4, 64, 32)
  levels = [g[f"Conv_{i}"]["kernel"] for i in (10, 11, 12)]
  assert levels == [(1, 1, 1024, 32), (1, 1, 256, 32), (1, 1, 128, 32)]
  assert g["Conv_13"]["kernel"] == (3, 3, 32, 32)
  assert g["Conv_14"]["kernel"] == (3, 3, 32, 3)


def test_the_variants_differ_in_what_their_names_say():
  def parts(variant):
    config = small_config("cdcgan", variant, image_size=64)
    shapes = jax.eval_shape(lambda key: cdcgan.init(config, key), jax.random.key(0))
    g, d = shapes["generator"]["params"], shapes["discriminator"]["params"]
    one = [g[f"Conv_{i}"]["kernel"].shape[0] for i in (2, 3, 4, 5)]
    return len([name for name in g if name.startswith("Conv_")]), one, "local" in d

  assert parts("simple") == (9, [3, 3, 3, 3], False)
  assert parts("pyramid") == (15, [3, 3, 3, 3], False)
  assert parts("dilated") == (15, [3, 3, 1, 1], False)
  assert parts("full") == (15, [3, 3, 1, 1], True)
  with pytest.raises(ValueError, match="unknown variant 'none'; there are: simple, pyramid"):
    script.get_config("none")


@pytest.mark.parametrize("size,width,channels", [(64, 4, 3), (128, 2, 3), (16, 2, 1)])
def test_sizes(size, width, channels):
  config = small_config("cdcgan", image_size=size, width=width, channels=channels)

  def run(key):
    variables = cdcgan.init(config, key)
    image, mask = jnp.zeros((2, size, size, channels)), jnp.ones((2, size, size, 1))
    _, discriminator, classifier = cdcgan.networks(config)
    completed = cdcgan.complete(Trained(variables, config), image, mask)
    return (
      completed,
      discriminator.apply(variables["discriminator"], completed, mask),
      classifier.apply(variables["classifier"], completed),
    )

  shapes = [x.shape for x in jax.eval_shape(run, jax.random.key(0))]
  assert shapes == [(2, size, size, channels), (2,), (2, 10)]


def test_the_whole_image_is_seen_from_every_pixel_of_the_hole(fresh):
  """With dilation, the completion of one corner depends on the opposite corner."""
  image = jax.random.uniform(jax.random.key(1), (1, 32, 32, 3), minval=-1)
  mask = jnp.zeros((1, 32, 32, 1)).at[:, :8, :8].set(1)
  corner = lambda x: cdcgan.complete(fresh, x, mask)[0, 0, 0, 0]
  gradient = jax.jit(jax.grad(corner))(image)
  assert float(jnp.abs(gradient[0, -4:, -4:]).max()) > 0
  assert float(jnp.abs(gradient[0, :8, :8]).max()) == 0  # The hole itself is set to 0.


def test_blocks_halve_and_double():
  x = jnp.zeros((1, 16, 16, 3))
  for up, size in ((False, 8), (True, 32)):
    block = cdcgan.ResidualBlock(5, up)
    assert block.init_with_output(jax.random.key(0), x)[0].shape == (1, size, size, 5)


def test_the_local_window_follows_each_mask_and_stays_inside():
  rng = np.random.default_rng(0)
  size, window = 32, 24
  x = rng.normal(size=(6, size, size, 2)).astype(np.float32)
  mask = np.zeros((6, size, size, 1), np.float32)
  mask[0, :8, :8] = mask[1, -8:, -8:] = mask[2, :8, -8:] = mask[3, 12:20, 10:26] = 1
  mask[4, 2, 3] = mask[4, 30, 25] = 1  # Two holes: the window is at their middle.
  starts = [(0, 0), (8, 8), (0, 8), (4, 6), (4, 2), (0, 0)]  # The last mask has no hole.
  got = jax.jit(cdcgan.local_window)(x, mask)
  for i, (row, column) in enumerate(starts):
    wanted = x[i, row : row + window, column : column + window]
    np.testing.assert_array_equal(got[i], wanted, err_msg=str(i))


# --- Losses and stages --------------------------------------------------------------------------


def gradients_for(**weights):
  """The gradients with these weights of the generator's losses, and 0 for the others."""
  names = "reconstruction_weight", "known_weight", "adversarial_weight", "generator_class_weight"
  trained = untrained("cdcgan")
  weights = weights or {name: trained.config[name] for name in names}
  return gradients(
    trained, make_batch(trained.config), **{name: weights.get(name, 0) for name in names}
  )


@pytest.mark.slow
@pytest.mark.parametrize(
  "weights",
  [
    {},  # Those of the config.
    {"reconstruction_weight": 1},
    {"adversarial_weight": 1},
    {"generator_class_weight": 1},
  ],
  ids=["all", "reconstruction", "adversarial", "class"],
)
def test_gradients_flow_through_every_branch(weights):
  """Each loss alone must reach the whole generator."""
  found = gradients_for(**weights)
  for player, gradient in found.items():
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
      assert float(jnp.abs(leaf).max()) > 0, (player, jax.tree_util.keystr(path))


@pytest.mark.slow
def test_without_any_weight_the_generator_gets_no_gradient():
  """Checks that the previous test can fail."""
  found = gradients_for(adversarial_weight=0)
  assert all(float(jnp.abs(x).max()) == 0 for x in jax.tree.leaves(found["generator"]))


def test_the_losses_are_eqs_2_to_5():
  trained = untrained("cdcgan", class_real_weight=2.0, class_fake_weight=3.0)
  values, (_, m) = losses(trained, make_batch(trained.config))
  m = {name: float(value) for name, value in m.items()}
  parts = 1.0 * m["l_rec"] + 0.005 * m["l_g"] + 0.005 * m["l_c_fake"]
  np.testing.assert_allclose(values["generator"], parts, rtol=1e-5)
  np.testing.assert_allclose(values["discriminator"], m["l_d"], rtol=1e-6)
  np.testing.assert_allclose(values["classifier"], 2 * m["l_c_real"] + 3 * m["l_c_fake"], rtol=1e-5)


@pytest.mark.parametrize("first_loss,term", [("l1", "l_rec"), ("l_g", "l_g")])
def test_the_loss_of_the_first_stage(first_loss, term):
  """It has no weight, so that the generator learns whatever the weights of the last stage are."""
  trained = untrained("cdcgan", first_loss=first_loss, reconstruction_weight=0.0)
  values, (stats, metrics) = losses(trained, make_batch(trained.config), active=("generator",))
  assert set(values) == {"generator"} and "generator" in stats
  np.testing.assert_allclose(values["generator"], metrics[term], rtol=1e-6)


def test_the_losses_in_numpy(monkeypatch):
  """G returns 0. The logits of D and C are 0.5 and 1 for the real images, and -1 and -2 for
  others."""
  config = small_config("cdcgan", masks="center")
  batch = make_batch(config)
  real = lambda x: jnp.all(x == batch["image"], (1, 2, 3))
  networks = (
    Constant(lambda x, mask, train: jnp.zeros_like(x)),
    Constant(lambda x, mask, train: jnp.where(real(x), 0.5, -1.0)),
    Constant(lambda x, train: jnp.where(real(x), 1.0, -2.0)[:, None] * jnp.ones(config.classes)),
  )
  monkeypatch.setattr(cdcgan, "networks", lambda config: networks)
  nobody = {player: {} for player in cdcgan.PLAYERS}
  values, (_, found) = cdcgan.compute_losses(
    config, nobody, batch, jax.random.key(0), cdcgan.PLAYERS
  )
  p = lambda logit: 1 / (1 + np.exp(-logit))
  label = np.asarray(batch["label"])
  by_class = lambda logit: -np.mean(np.where(label == 1, np.log(p(logit)), np.log(1 - p(logit))))
  np.testing.assert_allclose(values["discriminator"], -np.log(p(0.5)) - np.log(1 - p(-1.0)), 1e-5)
  np.testing.assert_allclose(found["l_g"], -np.log(p(-1.0)), 1e-5)
  np.testing.assert_allclose(found["l_c_real"], by_class(1.0), 1e-5)
  np.testing.assert_allclose(found["l_c_fake"], by_class(-2.0), 1e-5)


def test_stages_begin_where_algorithm_1_says():
  config = small_config("cdcgan", generator_steps=10, discriminator_steps=5)
  stage = lambda step: cdcgan.active_players(config, step)
  assert stage(0) == stage(9) == ("generator",)
  assert stage(10) == stage(14) == ("discriminator", "classifier")
  assert stage(15) == stage(10**6) == cdcgan.PLAYERS
  joint = small_config("cdcgan", generator_steps=0, discriminator_steps=0)
  assert cdcgan.active_players(joint, 0) == cdcgan.PLAYERS


@pytest.fixture(scope="session")
def workdir(trained):
  """A run on toy faces through all three stages, with checkpoints at steps 70, 80 and 100."""
  return trained(
    "cdcgan", image_size=32, width=8, steps=100, ema_decay=0.9, generator_steps=70,
    discriminator_steps=10, log_every=4, checkpoint_every=10, max_to_keep=4,
  )  # fmt: skip


@pytest.mark.slow
def test_in_each_stage_exactly_its_players_change(workdir):
  """Uses the shared loop, with a log window (4 steps) that spans a boundary (70 steps)."""
  rows = {int(row["step"]): row for row in history.read_metrics(workdir)}
  assert "l_rec" in rows[68] and "l_d" not in rows[68]
  assert "discriminator_loss" in rows[72] and "l_g" in rows[100]
  like = init_state(weights.load(workdir).config)
  checkpoints = Checkpoints(workdir, max_to_keep=4)
  states = [like] + [checkpoints.restore(step, like)[0] for step in (70, 80, 100)]
  checkpoints.close()

  def changed(before, after):
    differs = lambda player: any(
      (np.asarray(a) != np.asarray(b)).any()
      for a, b in zip(
        jax.tree.leaves(before.variables[player]), jax.tree.leaves(after.variables[player])
      )
    )
    return {player for player in cdcgan.PLAYERS if differs(player)}

  assert changed(*states[0:2]) == {"generator"}
  assert changed(*states[1:3]) == {"discriminator", "classifier"}
  assert changed(*states[2:4]) == set(cdcgan.PLAYERS)


@pytest.mark.slow
def test_it_learns_to_fill_holes(workdir):
  """100 steps raise the PSNR of the hole by 2 dB or more."""
  learned = weights.load(workdir)
  fresh = learned.replace(variables=init_state(learned.config).variables)
  after = hole_psnr(learned)
  assert after > hole_psnr(fresh) + 2 and after > 12.5


@pytest.mark.slow
def test_the_paper_s_width_learns(tmp_path):
  """With five times the learning rate the outputs saturate, and the loss stays near 1. With
  that of the config it falls from 0.93 to 0.52."""
  config = script.get_config()
  config.update(dataset="toy_faces", classes=10, batch_size=2, steps=24, log_every=4)
  loop.train(config, tmp_path)
  values = [float(row["l_rec"]) for row in history.read_metrics(tmp_path)]
  assert values[-1] < 0.6 * values[0]


@pytest.mark.slow
def test_a_class_label_is_classified_by_softmax():
  """The probabilities of the two classes of one image add up to 1."""
  trained = untrained("cdcgan", label="Smiling", classes=2)
  image = make_batch(trained.config, 1)["image"]
  losses_of = [losses(trained, {"image": image, "label": np.array([i])})[1][1] for i in (0, 1)]
  for name in ("l_c_real", "l_c_fake"):
    np.testing.assert_allclose(sum(np.exp(-float(m[name])) for m in losses_of), 1, rtol=1e-4)


@pytest.mark.parametrize(
  "changes,message",
  [
    ({"classes": 40}, "config.classes is 40; toy_faces has 10 classes or attributes"),
    ({"label": "Bald"}, "config.classes is 10; toy_faces has 2 classes or attributes"),
    ({"label": "Hats"}, "label is 'Hats'; it must be one of the attributes of this data set: Bald"),
    (
      {"masks": "center,square"},
      "config.masks is 'center,square'; it must be kinds of masks",
    ),
    ({"adversarial_weight": -1.0}, "config.adversarial_weight is -1.0; it must be >= 0"),
    ({"first_loss": "l2"}, "config.first_loss is 'l2'; it must be one of l1, l_g"),
    ({"image_size": 8}, "config.image_size is 8; it must be a power of two, at least 16"),
    ({"width": 3}, "config.width is 3; it must be an even number"),
  ],
)
def test_invalid_configs(changes, message, tmp_path):
  with pytest.raises(ValueError, match=message):
    loop.train(small_config("cdcgan", **changes), tmp_path)


# --- Restoring ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def damaged():
  x = drawn_faces(4, 32)
  mask = np.zeros((4, 32, 32, 1), np.float32)
  mask[0, 8:24, 8:24] = mask[1, :8, :8] = mask[2, -8:] = 1
  mask[3, 2:6, 2:6] = mask[3, 20:28, 4:10] = mask[3, 15, 30] = 1  # Several holes.
  return x, mask


def test_known_pixels_are_kept_and_the_hole_does_not_matter(fresh, damaged):
  x, mask = damaged
  A = operators.inpaint(mask)
  result = cdcgan.restore(fresh, x * (1 - mask), A)
  known = np.broadcast_to(mask, x.shape) == 0
  np.testing.assert_array_equal(np.asarray(result.image)[known], x[known])
  junk = cdcgan.restore(fresh, x * (1 - mask) + 0.7 * mask, A)
  np.testing.assert_array_equal(result.generated, junk.generated)
  assert result.generated.min() >= 0 and result.generated.max() <= 1


def test_a_completion_does_not_depend_on_its_batch(fresh, damaged):
  x, mask = damaged
  whole = cdcgan.restore(fresh, x, operators.inpaint(mask)).image
  for i in range(4):
    alone = cdcgan.restore(fresh, x[i : i + 1], operators.inpaint(mask[i])).image
    np.testing.assert_allclose(alone[0], whole[i], atol=1e-6)


def test_blends(fresh, damaged):
  x, mask = damaged
  A = operators.inpaint(mask)
  results = {b: cdcgan.restore(fresh, x, A, blend=b) for b in ("paste", "poisson", "none")}
  np.testing.assert_array_equal(results["none"].image, results["none"].generated)
  assert not np.allclose(results["paste"].image, results["poisson"].image)
  with pytest.raises(ValueError, match="blend is 'glue'; it must be one of"):
    cdcgan.restore(fresh, x, A, blend="glue")


@pytest.mark.parametrize(
  "A",
  [operators.denoise(), operators.colorize(), operators.super_resolve(), lambda x: x],
  ids=["denoise", "colorize", "super_resolve", "function"],
)
def test_other_operators_are_refused(A, fresh, damaged):
  with pytest.raises(UnsupportedOperatorError, match=r"^cdcgan restores only inpaint; A is "):
    cdcgan.restore(fresh, damaged[0], A)


@pytest.mark.parametrize("size", [16, 64])
def test_another_size_is_refused(size, fresh):
  A = operators.inpaint(np.eye(size))
  with pytest.raises(ValueError, match=r"A cannot be applied to images \[1, 32, 32, 3\]"):
    cdcgan.restore(fresh, np.zeros((1, size, size, 3), np.float32), A)


def test_the_score_of_a_checkpoint_counts_missing_sharpness(fresh):
  source = toy_faces.ToyFaces("test", 32)
  scores = dict(cdcgan.evaluate(fresh, source, n=2))
  assert next(iter(scores)) == "score"
  assert {"random/psnr_hole", "random/ssim", "center/ssim_hole"} <= set(scores)
  sharpness = scores["center/sharpness"]
  wanted = scores["center/psnr"] + min(0, 20 * np.log10(sharpness))
  np.testing.assert_allclose(scores["score"], wanted, rtol=1e-6)


def test_samples_are_rows_of_four(fresh):
  images = jax.random.uniform(jax.random.key(0), (20, 32, 32, 3), minval=-1)
  grid = jax.jit(cdcgan.samples)(fresh, {"image": images}, jax.random.key(1))
  assert grid.shape == (64, 32, 32, 3)
  np.testing.assert_allclose(grid[0], (images[0] + 1) / 2, atol=1e-6)
  known = np.asarray(grid[1] == grid[3]).all(-1).mean()
  assert 0.3 < known < 1  # The masked and the completed image share the known pixels.
