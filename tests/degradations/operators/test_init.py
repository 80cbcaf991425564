"""What every operator must satisfy: gradients, adjoints, projections, noise of compositions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

from gan_restore.degradations import operators, tasks

KEY = jax.random.key(0)
MASK = np.zeros((16, 16), np.float32)
MASK[3:9, 4:12] = 1
LINEAR = {
  "inpaint": operators.inpaint(MASK),
  "colorize luma": operators.colorize("luma"),
  "demosaic": operators.demosaic("GRBG"),
  "super_resolve box": operators.super_resolve(2),
  "super_resolve bicubic": operators.super_resolve(2, "bicubic"),
  "super_resolve lanczos": operators.super_resolve(4, "lanczos"),
  "coarsen": operators.coarsen(4),
  "blur": operators.blur(1.0),
  "motion_blur": operators.motion_blur(5, 20),
  "motion_blur cut": operators.motion_blur(5, 20, "cut"),
  "defocus": operators.defocus(1.5),
  "jpeg": operators.jpeg(50),
  "jpeg whole chroma": operators.jpeg(50, "4:4:4"),
  "denoise": operators.denoise(0.1),
  "poisson": operators.poisson(50),
  "poisson_gaussian": operators.poisson_gaussian(50, 0.05),
  "speckle": operators.speckle(0.1),
  "salt_and_pepper": operators.salt_and_pepper(0.1),
  "quantize": operators.quantize(5),
}


@pytest.mark.parametrize("name", LINEAR)
def test_gradients_and_adjoints(name):
  """The gradient is that of finite differences, and <A x, u> = <x, A' u>."""
  A = LINEAR[name]
  x = jax.random.uniform(KEY, (1, 16, 16, 3))
  check_grads(A, (x,), order=1, modes=["fwd", "rev"], eps=1e-2, atol=5e-3, rtol=5e-3)
  y, pull = jax.vjp(A, x)
  _, push = jax.jvp(A, (x,), (x,))
  u = jax.random.normal(KEY, y.shape)
  there, back = jnp.sum(push * u), jnp.sum(x * pull(u)[0])
  np.testing.assert_allclose(there, back, rtol=1e-3, atol=1e-3)
  other = jax.random.uniform(jax.random.key(1), x.shape)
  np.testing.assert_allclose(A(0.3 * x + 0.7 * other), 0.3 * y + 0.7 * A(other), atol=1e-4)


@pytest.mark.parametrize("name", LINEAR)
def test_projections(name):
  """They agree with y where it is exact, change nothing a second time, and lead closer to x."""
  A = LINEAR[name]
  x = 0.3 + 0.4 * jax.random.uniform(KEY, (2, 16, 16, 3))
  guess = jnp.clip(x + 0.05 * jax.random.normal(jax.random.key(1), x.shape), 0, 1)
  y = A.corrupt(x, jax.random.key(2))
  A = operators.given(A, y, x.shape)
  found = operators.project(A, guess, y)
  assert jnp.mean((found - x) ** 2) <= jnp.mean((guess - x) ** 2) + 1e-9
  np.testing.assert_allclose(operators.project(A, found, y), found, atol=1e-4)
  if name.startswith(("super", "demosaic", "colorize", "coarsen", "inpaint")):
    np.testing.assert_allclose(A(found), y, atol=1e-4)


def test_kernels_of_super_resolution_are_pillows(faces):
  from PIL import Image

  for name, kernel in (
    ("bicubic", Image.Resampling.BICUBIC),
    ("lanczos", Image.Resampling.LANCZOS),
  ):
    A = operators.super_resolve(4, name)
    for channel in range(3):
      picture = Image.fromarray(faces[0, ..., channel])  # Mode F: not rounded.
      wanted = np.asarray(picture.resize((16, 16), kernel))
      np.testing.assert_allclose(A(faces)[0, ..., channel], wanted, atol=1e-4)


@pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_a_bayer_filter(pattern, faces):
  y = np.asarray(operators.demosaic(pattern)(faces))[..., 0]
  for i, channel in enumerate(pattern):
    row, column = divmod(i, 2)
    wanted = faces[:, row::2, column::2, "RGB".index(channel)]
    np.testing.assert_array_equal(y[:, row::2, column::2], wanted)
  shown = operators.show(operators.demosaic(pattern), jnp.asarray(y[..., None]))
  assert shown.shape == faces.shape and np.abs(shown - faces).mean() < 0.05


def test_luma_is_restored_from_luma(faces):
  A = operators.colorize("luma")
  y = A(faces)
  np.testing.assert_allclose(A(operators.project(A, faces * 0.9, y)), y, atol=1e-5)
  assert operators.read(A, jnp.asarray(faces)).shape == y.shape


# --- Random compositions ------------------------------------------------------------------------

_NOISE = st.sampled_from(
  [
    operators.denoise(0.007),
    operators.poisson(1e4),
    operators.poisson_gaussian(2e4, 0.005),
    operators.speckle(0.0135),
  ]
)
_LATER = {
  "blur": operators.blur(0.8),
  "motion_blur": operators.motion_blur(3, 30),
  "defocus": operators.defocus(1.3),
  "super_resolve": operators.super_resolve(2),
  "super_resolve bicubic": operators.super_resolve(2, "bicubic"),
  "coarsen": operators.coarsen(2),
  "colorize": operators.colorize(),
  "luma": operators.colorize("luma"),
  "demosaic": operators.demosaic(),
  "noise": operators.denoise(0.005),
  "jumble": lambda x: x[:, ::-1],
}


@pytest.mark.slow
@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(
  st.sampled_from([None, "blur", "super_resolve", "motion_blur"]),
  _NOISE,
  st.lists(st.sampled_from(sorted(_LATER)), min_size=1, max_size=2, unique=True),
)
def test_the_noise_of_random_compositions(before, noise, later):
  """Over 1,000 draws, at an image whose channels differ by several standard deviations: in each
  channel of y within 5%, and within 15% at 9 of 10 pixels that are not near the border."""
  x = jnp.broadcast_to(jnp.array([0.46, 0.52, 0.48]), (1, 48, 48, 3))
  A, channels = (noise if before is None else operators.compose(noise, _LATER[before])), 3
  for name in later:
    if channels == 1 and name in ("colorize", "luma", "demosaic"):
      continue  # They take three channels.
    A = operators.compose(_LATER[name], A)
    channels = A(x).shape[-1]
  corrupt = functools.partial(operators.corrupt, A, x)
  drawn = jax.jit(jax.vmap(corrupt))(jax.random.split(KEY, 1000))
  measured = np.std(drawn, axis=0)
  known = operators.given(A, drawn[0], x.shape)
  stated = np.broadcast_to(operators.noise(known, x.shape), measured.shape)
  margin = measured.shape[1] // 8
  inside = (stated / measured)[:, margin:-margin, margin:-margin]
  assert np.all(abs(np.median(inside, (0, 1, 2)) - 1) < 0.05)
  assert np.quantile(abs(inside - 1), 0.9) < 0.15


@pytest.mark.parametrize(
  "subsampling", ["4:2:0", pytest.param("4:2:2", marks=pytest.mark.slow), "4:4:4"]
)
def test_the_noise_of_jpeg_and_of_what_was_before(subsampling):
  """Over 1,000 draws, likewise, and after what mixes pixels and channels. The image is a gradient,
  so that the roundings err like chance."""
  row, column = np.mgrid[:32, :32] / 31 - 0.5
  slopes = np.stack([row + 0.3 * column, column - 0.5 * row, 0.7 * row - 0.6 * column], -1)
  x = jnp.float32(0.5 + 0.04 * slopes)[None]
  A = operators.compose(operators.jpeg(100, subsampling), operators.denoise(0.007))
  drawn = jax.jit(jax.vmap(functools.partial(A.corrupt, x)))(jax.random.split(KEY, 1000))
  known = operators.given(A, drawn[0], x.shape)
  for later in (None, operators.coarsen(2), operators.blur(0.8), operators.colorize("luma")):
    measured = np.std(drawn if later is None else jax.vmap(later)(drawn), axis=0)
    whole = known if later is None else operators.compose(later, known)
    stated = operators.noise(whole, x.shape)
    ratio = np.asarray(stated / measured)[:, 6:-6, 6:-6]
    assert np.all(abs(np.median(ratio, (0, 1, 2)) - 1) < 0.05)
    assert np.quantile(abs(ratio - 1), 0.9) < (0.15 if later is None else 0.25)


@pytest.mark.parametrize(
  "name",
  [
    "inpaint:pixels", "colorize", "demosaic", "quantize", "denoise:0.1", "poisson", "speckle",
    "salt_and_pepper", "coarsen:8", "super_resolve:4", "super_resolve:2+denoise:0.1+inpaint:pixels",
    "inpaint:pixels+super_resolve:4+quantize", "jpeg:50@4:4:4",
  ],
)  # fmt: skip
def test_a_tile_of_y_is_the_damage_of_a_tile(name):
  """Of y, of its noise, and of the mask of what is missing."""
  x = np.random.default_rng(0).random((2, 64, 96, 3)).astype(np.float32)
  y, A = tasks.get(name).corrupt(x, jax.random.key(0))
  A = operators.given(A, y, x.shape)
  tile = np.s_[:, 16:64, 32:80]
  part, own = operators.crop(A, y, (16, 32, 48, 48), x.shape)
  assert isinstance(own, type(A)) and part.shape == own(x[tile]).shape
  f = A.reduction
  small = np.s_[:, 16 // f : 64 // f, 32 // f : 80 // f]
  np.testing.assert_array_equal(part, y[small])
  np.testing.assert_allclose(own(x[tile]), np.asarray(A(x))[small], atol=1e-6)
  whole, ours = operators.noise(A, x.shape), operators.noise(own, x[tile].shape)
  whole = np.broadcast_to(whole, y.shape)[small]
  np.testing.assert_allclose(np.broadcast_to(ours, part.shape), whole, rtol=1e-5)
  hidden = operators.missing(A, x.shape)
  if hidden is not None:
    np.testing.assert_array_equal(
      operators.missing(own, x[tile].shape), np.broadcast_to(hidden, (2, 64, 96, 1))[tile]
    )


@pytest.mark.parametrize(
  "name,reduction",
  [
    ("super_resolve:2+jpeg:50", None),  # Tiles would begin at every 8th pixel of y.
    ("super_resolve:2+jpeg:50@4:4:4", 2),
    ("super_resolve:2+coarsen:8", 2),
    ("super_resolve:4+coarsen:8", None),
    ("super_resolve:8+demosaic", 8),
    ("super_resolve:16+demosaic", None),
    ("jpeg:50+super_resolve:2", 2),
  ],
)
def test_tiles_do_not_cut_blocks(name, reduction):
  A = tasks.get(name).operator(jax.random.key(0), (1, 256, 256, 3))
  assert A.reduction == reduction


@pytest.mark.parametrize(
  "name", ["blur", "motion_blur", "super_resolve:2@bicubic", "super_resolve:3"]
)
def test_damages_without_tiles(name):
  A = tasks.get(name).operator(jax.random.key(0), (1, 48, 48, 3))
  assert A.reduction is None
  assert operators.compose(operators.denoise(0.1), A).reduction is None
  assert operators.compose(operators.denoise(0.1), lambda x: x).reduction is None
