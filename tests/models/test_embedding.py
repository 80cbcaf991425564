"""The face embedding that measures whether a restored face is still the same person's."""

import json

import jax
import numpy as np
import pytest
from helpers import drawn_faces, losses, run, small_config, untrained
from PIL import Image

from gan_restore import data, hub, models
from gan_restore.data import images
from gan_restore.degradations import operators
from gan_restore.evaluation import metrics
from gan_restore.models import embedding
from gan_restore.training import loop, weights


def test_it_embeds_on_the_unit_sphere():
  fresh, x = untrained("embedding"), drawn_faces(3, 16)
  vectors = embedding.embed(fresh, x)
  assert vectors.shape == (3, 4)
  np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_loss_is_that_of_cosface():
  """Against equation 4, in float64, of the cosines that the network returns."""
  fresh = untrained("embedding", margin=0.3, scale=7.0, augment="")
  x, label = drawn_faces(4, 16), np.array([0, 1, 1, 0])
  network = embedding.network(fresh.config)

  def cosines(image):
    return network.apply(fresh.variables["embedding"], image, True, mutable=["batch_stats"])[0][1]

  image = np.float32(2 * x - 1)
  found = np.asarray(jax.vmap(cosines, axis_name="batch")(image[None])[0], np.float64)
  own = 7 * (found[np.arange(4), label] - 0.3)
  others = 7 * found[np.arange(4), 1 - label]
  wanted = -np.mean(own - np.log(np.exp(own) + np.exp(others)))
  values, _ = losses(fresh, {"image": image, "label": label})
  np.testing.assert_allclose(values["embedding"], wanted, rtol=1e-4)


def test_it_restores_nothing():
  fresh = untrained("embedding")
  assert not models.restores(fresh.family)
  with pytest.raises(operators.UnsupportedOperatorError, match="an embedding restores nothing"):
    fresh.family.restore(fresh, np.zeros((1, 16, 16, 3), np.float32), operators.denoise())


def test_as_a_judge(tmp_path):
  """The cosine is 1 for the original; images of twice the side are reduced by means of blocks."""
  path = tmp_path / "embedding.safetensors"
  weights.save(path, untrained("embedding"))
  judge = hub.load_judge(path)
  x = drawn_faces(3, 32)
  same = judge(x, x)
  np.testing.assert_allclose(same["identity"], 1, atol=1e-5)
  other = judge(x[::-1], x)
  np.testing.assert_allclose(
    other["identity"], np.sum(np.asarray(same["found"][::-1]) * same["found"], 1), atol=1e-5
  )
  small = x.reshape(3, 16, 2, 16, 2, 3).mean((2, 4))
  np.testing.assert_allclose(judge(small, small)["found"], same["found"], atol=1e-4)


def test_only_networks_that_measure_are_judges(tmp_path):
  path = tmp_path / "gan.safetensors"
  weights.save(path, untrained("dcgan"))
  with pytest.raises(ValueError, match="holds weights of dcgan; a judge is a classifier or an"):
    hub.load_judge(path)


def test_the_evaluation_compares_all_pairs():
  """Also those of the last, padded batch."""
  fresh = untrained("embedding")
  source = data.load("toy_faces", "test", 16, label=fresh.config.label)
  scores = dict(embedding.evaluate(fresh, source, 70))
  x = np.stack([source[i]["image"] for i in range(70)]) / np.float32(255)
  vectors, label = embedding.embed(fresh, x), np.array([source[i]["label"] for i in range(70)])
  pairs = [(i, j) for i in range(70) for j in range(i)]
  cosines = np.array([vectors[i] @ vectors[j] for i, j in pairs])
  same = np.array([label[i] == label[j] for i, j in pairs])
  wanted = metrics.verification(cosines, same)
  np.testing.assert_allclose(list(scores.values()), wanted, atol=1e-3)
  assert list(scores) == ["auc", "accuracy"]


def test_it_measures_in_a_table(capsys, tmp_path):
  """With an interval for the cosine."""
  path = tmp_path / "embedding.safetensors"
  weights.save(path, untrained("embedding"))
  command = ["evaluate", "--dataset", "toy_faces", "--size", "16", "--limit", "4"]
  command += ["--tasks", "denoise", "--methods", "damaged", "--judge", path, "--out", tmp_path]
  assert run(capsys, *command)[0] == 0
  (row,) = json.loads((tmp_path / "table.json").read_text())
  assert row["identity_low"] <= row["identity"] <= row["identity_high"] < 1
  assert row["found"] in (0, 0.25, 0.5, 0.75, 1)


def write_people(folder):
  """A data set of 30 people, 20 of them for training: toy faces, 12 of each, in random colours."""
  (folder / "img_align_celeba").mkdir(parents=True)
  rng, people, splits = np.random.default_rng(0), [], []
  for person, face in enumerate(drawn_faces(30, 32)):
    for number in range(12):
      name = f"{person:02}{number:02}.png"
      image = np.clip(face * rng.uniform(0.4, 1.4, 3), 0, 1)
      Image.fromarray(images.to_uint8(image)).save(folder / "img_align_celeba" / name)
      people.append(f"{name} {person}")
      splits.append(f"{name} {int(person >= 20)}")
  (folder / "identity_CelebA.txt").write_text("\n".join(people))
  (folder / "list_eval_partition.txt").write_text("\n".join(splits))


@pytest.mark.slow
def test_it_learns_to_tell_pairs_apart(tmp_path):
  """The area under the ROC curve for people who are not in the training set rises by 0.1."""
  write_people(tmp_path / "people")
  config = small_config(
    "embedding", dataset=f"folder:{tmp_path / 'people'}", data_dir=str(tmp_path / "prepared"),
    label="person", classes=20, image_size=32, features=32, steps=300, batch_size=16,
    checkpoint_every=300, ema_decay=0.9, learning_rate=3e-3,
  )  # fmt: skip
  loop.train(config, tmp_path / "run")
  learned = weights.load(tmp_path / "run")
  source = data.load(config.dataset, "validation", 32, config.data_dir, "person")
  auc = lambda trained: dict(embedding.evaluate(trained, source))["auc"]
  fresh = learned.replace(variables=embedding.init(learned.config, jax.random.key(0)))
  assert auc(learned) > auc(fresh) + 0.1


def test_toy_faces_are_nobodys(tmp_path):
  with pytest.raises(ValueError, match="toy_faces does not tell who its faces are"):
    loop.train(small_config("embedding", label="person"), tmp_path / "run")
