"""The classifier that measures restorations."""

import jax
import numpy as np
import pytest
from helpers import drawn_faces, untrained

from gan_restore import hub
from gan_restore.data import toy_faces
from gan_restore.degradations import operators
from gan_restore.models import classifier
from gan_restore.training import weights


@pytest.mark.slow
def test_the_classifier_learns(learned_classifier):
  """The balanced accuracy rises from 0.5, that of guessing, to at least 0.57."""
  source = toy_faces.ToyFaces("test", 16)
  fresh = learned_classifier.replace(
    variables=classifier.init(learned_classifier.config, jax.random.key(0))
  )
  balanced = lambda trained: dict(classifier.evaluate(trained, source, 128))["balanced_accuracy"]
  assert balanced(learned_classifier) > max(0.57, balanced(fresh) + 0.05)


def test_a_classifier_restores_nothing():
  fresh = untrained("classifier")
  with pytest.raises(operators.UnsupportedOperatorError, match="classifier"):
    fresh.family.restore(fresh, np.zeros((1, 16, 16, 3), np.float32), operators.denoise())


def test_it_is_no_restorer_and_no_prior(tmp_path):
  path = tmp_path / "classifier.safetensors"
  weights.save(path, untrained("classifier"))
  for load in (hub.load, hub.load_prior):
    with pytest.raises(ValueError, match=r"holds a classifier, which does not restore images"):
      load(path)


def test_a_judge_reduces_larger_images_by_the_means_of_blocks(tmp_path):
  path = tmp_path / "classifier.safetensors"
  weights.save(path, untrained("classifier"))
  large = drawn_faces(3, 32)
  small = large.reshape(3, 16, 2, 16, 2, 3).mean((2, 4))
  judge = hub.load_judge(path)
  of_large, of_small = judge(large, large), judge(small, small)
  assert of_large["frechet_judge"].std(0).max() > 0
  np.testing.assert_allclose(of_large["frechet_judge"], of_small["frechet_judge"], atol=1e-4)
  for wrong in (large[:, :24, :24], large[:, :16], large[..., :1]):
    with pytest.raises(ValueError, match=r"measures images of .16, 16, 3., or of a multiple"):
      judge(wrong, wrong)
