import numpy as np
import pytest

from gan_restore.data import toy_faces


def test_a_face_is_a_function_of_its_index():
  a, b = toy_faces.ToyFaces(), toy_faces.ToyFaces()
  np.testing.assert_array_equal(a[5]["image"], b[5]["image"])
  assert (a[5]["image"] != a[6]["image"]).any()
  assert (a[5]["image"] != toy_faces.ToyFaces("test")[5]["image"]).any()
  assert (a[5]["image"] != toy_faces.ToyFaces(seed=1)[5]["image"]).any()
  with pytest.raises(IndexError):
    a[len(a)]


def test_attributes_vary_and_are_named_as_celebas(real_data):
  labels = np.stack([toy_faces.ToyFaces()[i]["label"] for i in range(300)])
  assert len(toy_faces.ATTRIBUTES) >= 8
  assert (labels.mean(0) > 0.05).all() and (labels.mean(0) < 0.95).all()
  table = (real_data / "celeba" / "list_attr_celeba.txt").read_text().splitlines()
  assert set(toy_faces.ATTRIBUTES) <= set(table[1].split())


def test_an_attribute_is_drawn():
  """On average over many faces, glasses and hats change the picture where they are drawn."""
  source = toy_faces.ToyFaces()
  examples = [source[i] for i in range(400)]
  images = np.stack([e["image"] for e in examples]).astype(float).mean(-1)
  labels = np.stack([e["label"] for e in examples])
  for name, rows in (("Eyeglasses", slice(25, 35)), ("Wearing_Hat", slice(0, 12))):
    has = labels[:, toy_faces.ATTRIBUTES.index(name)] == 1
    difference = np.abs(images[has].mean(0) - images[~has].mean(0))
    assert difference[rows, 16:48].mean() > 2 * difference[55:, 16:48].mean()


@pytest.mark.parametrize("size", [7, 48, 512])
def test_refuses_sizes_it_cannot_draw(size):
  with pytest.raises(ValueError, match=str(size)):
    toy_faces.ToyFaces(image_size=size)


def test_refuses_an_unknown_split():
  with pytest.raises(ValueError, match="'dev'"):
    toy_faces.ToyFaces("dev")
