import jax
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from gan_restore import hub
from gan_restore.data import toy_faces
from gan_restore.degradations import operators, tasks
from gan_restore.evaluation import metrics
from gan_restore.restorers import fitted


@pytest.fixture(scope="module")
def training():
  source = toy_faces.ToyFaces("train", 64)
  return np.stack([source[i]["image"] for i in range(200)]).astype(np.float32) / 255


def test_the_mean_fills_the_hole_and_nothing_else(faces):
  y, A = tasks.get("inpaint").corrupt(faces, jax.random.key(0))
  result = fitted.mean(faces)(y, A)
  hole = np.asarray(A.mask[0, ..., 0]) == 1
  np.testing.assert_array_equal(np.asarray(result.image)[:, ~hole], faces[:, ~hole])
  np.testing.assert_allclose(result.image[3][hole], faces.mean(0)[hole], atol=1e-6)


def test_the_regression_is_scikit_learns(faces, training):
  blocks = lambda x: x.reshape(len(x), 16, 4, 16, 4, -1).mean((2, 4))
  v = training.max(-1, keepdims=True)
  ratio = blocks(training) / np.maximum(blocks(v), 1e-3)
  model = Ridge(10.0).fit(blocks(v).reshape(200, -1), ratio.reshape(200, -1))
  y = faces.max(-1, keepdims=True)
  wanted = model.predict(blocks(y).reshape(len(y), -1)).reshape(-1, 16, 16, 3)
  image = fitted.color_regression(training)(y, operators.colorize()).image
  np.testing.assert_allclose(
    image[:, 2, 2], y[:, 2, 2] * np.clip(_at(wanted, 2, 2), 0, 1), atol=2e-3
  )


def _at(x, row, column):
  """Linear interpolation of blocks of 4x4 at a pixel."""
  where = [(p + 0.5) / 4 - 0.5 for p in (row, column)]
  (i, di), (j, dj) = ((int(p), p - int(p)) for p in where)
  upper = (1 - dj) * x[:, i, j] + dj * x[:, i, j + 1]
  lower = (1 - dj) * x[:, i + 1, j] + dj * x[:, i + 1, j + 1]
  return (1 - di) * upper + di * lower


def test_colours_are_better_than_grey_by_three_db(faces, training):
  y, A = tasks.get("colorize").corrupt(faces, jax.random.key(0))
  score = lambda image: metrics.psnr(image, faces).mean()
  grey = score(hub.load("damaged")(y, A).image)
  assert score(fitted.color_regression(training)(y, A).image) > grey + 3


@pytest.mark.parametrize("name", fitted.FITTED)
def test_other_operators_are_refused(name, faces):
  with pytest.raises(operators.UnsupportedOperatorError, match=f"{name} restores only "):
    fitted.FITTED[name](faces)(faces, operators.denoise())


@pytest.mark.parametrize(
  "name,A", [("mean", operators.inpaint(np.eye(64))), ("color_regression", operators.colorize())]
)
def test_bad_pixels_are_refused_in_a_sentence(name, A, faces, training):
  restore = fitted.FITTED[name](training)
  y = np.asarray(A(faces))
  with pytest.raises(ValueError, match=r"y has values in"):
    restore(y + 7, A)
  with pytest.raises(ValueError, match="y has shape"):
    restore(y[:, :32], A)
