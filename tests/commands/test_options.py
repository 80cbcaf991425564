"""Options that several commands share."""

import inspect

import ml_collections
import pytest

from gan_restore.commands import options
from gan_restore.restorers import latent_search


def test_a_method_with_options():
  restorer = options.method("denoiser:num_samples=8:choice=mean", seed=3)
  assert restorer.function.keywords == {"seed": 3, "num_samples": 8, "choice": "mean"}
  assert restorer.size == (64, 64) and restorer.channels == 3
  assert options.method("denoiser:pictures:num_samples=2").size is None
  assert options.method("denoiser:seed=5", seed=3).function.keywords["seed"] == 5
  assert "seed" not in options.method("tv:tv_weight=0.1", seed=3).function.keywords


def test_every_option_of_a_search_can_be_given():
  """Except the size of the images, which is for functions of one's own."""
  parameters = inspect.signature(latent_search.restore).parameters.values()
  given = [p for p in parameters if p.kind == p.KEYWORD_ONLY and p.name != "shape"]
  text = ":".join(["map", *(f"{p.name}={p.default}" for p in given)])
  assert options.method(text).function.keywords == {p.name: p.default for p in given}


@pytest.mark.parametrize(
  "text,message",
  [
    ("denoiser:steps=9", "the method denoiser has no option steps; its options are num_samples"),
    ("bicubic:factor=2", "the method bicubic has no option factor; it has no options"),
    ("map:weighted=7", "weighted is 7; it must be true or false"),
    ("tv:tv_weight=abc", "tv_weight is 'abc'; it must be a number"),
    ("map:num_steps=true", "num_steps is True; it must be a number"),
    ("magic", "magic: no such weights file or training workdir"),
  ],
)
def test_methods_that_there_are_not(text, message):
  with pytest.raises(ValueError, match=message):
    options.method(text)


def test_options_that_may_be_none():
  restorer = options.method("denoiser:num_iterations=0:fidelity=0.5")
  assert restorer.function.keywords == {"num_iterations": 0, "fidelity": 0.5, "seed": 0}


def test_a_path_may_hold_a_colon():
  """Options start at the colon before NAME=."""
  with pytest.raises(ValueError, match="a:b/c: no such weights file"):
    options.method("a:b/c:seed=1")


def test_fields_of_a_config():
  config = ml_collections.ConfigDict({"steps": 1, "rate": 0.5, "flip": True, "name": "x"})
  options.configure(config, ["steps=7", "flip=false", "name=y"], rate=None)
  assert config.to_dict() == {"steps": 7, "rate": 0.5, "flip": False, "name": "y"}
  for setting, message in (
    ("step=7", "step=7: the config has no field step"),
    ("steps=many", "steps='many': "),
    ("steps", "steps: it must be FIELD=VALUE"),
  ):
    with pytest.raises(ValueError, match=message):
      options.configure(config, [setting])
