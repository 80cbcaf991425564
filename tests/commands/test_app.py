"""Tests the function behind the web page, and the page itself if Gradio is installed."""

import sys

import numpy as np
import pytest
from helpers import run
from PIL import Image
from skimage import data

from gan_restore import hub
from gan_restore.commands import app


@pytest.fixture
def editor():
  """The portrait with a stroke over the left eye, in the form that Gradio's editor returns."""
  picture = data.astronaut()
  layer = np.zeros((*picture.shape[:2], 4), np.uint8)
  layer[90:120, 190:230] = 255
  return {"background": picture, "layers": [layer]}


def pixels(image):
  return np.asarray(image.resize((64, 64), Image.Resampling.BOX)).astype(int)


@pytest.mark.parametrize("method", ["denoiser", "map:num_steps=2", "cdcgan"])
def test_what_is_drawn_is_the_hole(method, editor):
  damaged, restored = app.restore(editor, "inpaint", method, False, "face", 0)
  assert damaged.size == restored.size == (app.SHOWN, app.SHOWN)
  hole = (pixels(damaged) == 0).all(-1)
  assert 0.02 < hole.mean() < 0.2
  np.testing.assert_allclose(pixels(restored)[~hole], pixels(damaged)[~hole], atol=2)
  assert pixels(restored)[hole].mean() > 50


@pytest.mark.parametrize("simulate", [True, False])
@pytest.mark.parametrize("task", ["colorize", "super_resolve", "denoise"])
def test_other_damage(task, simulate, editor):
  damaged, _ = app.restore(editor, task, "denoiser", simulate, "face", 0)
  spread = pixels(damaged).std(-1).max()
  assert spread == 0 if task == "colorize" else spread > 0


def test_a_whole_picture_keeps_its_size(editor):
  size = np.asarray(editor["background"]).shape[1::-1]
  damaged, restored = app.restore(editor, "inpaint", "tv:iterations=2", False, "whole", 0)
  assert damaged.size == restored.size == size
  damaged, _ = app.restore(editor, "inpaint", "mirror", True, "center", 0)
  assert damaged.size == (app.SHOWN, app.SHOWN)


def test_from_8x8_pixels(editor):
  damaged, restored = app.restore(editor, "coarsen", "resgan:celeba", True, "face", 0)
  assert len(np.unique(pixels(damaged).reshape(-1, 3), axis=0)) <= 64
  assert len(np.unique(pixels(restored).reshape(-1, 3), axis=0)) > 1000


def test_every_method_is_there():
  assert ("cdcgan, for inpaint", "cdcgan") in app.methods()
  assert {name for _, name in app.methods()} == set(hub.shipped())


def test_refusals(editor):
  with pytest.raises(ValueError, match="Choose a picture"):
    app.restore(None, "denoise", "denoiser", True, "face", 0)
  with pytest.raises(ValueError, match="Draw over the part of the picture"):
    app.restore({**editor, "layers": []}, "inpaint", "map", True, "face", 0)
  with pytest.raises(ValueError, match="no face found"):
    black = {"background": np.zeros((90, 90, 3), np.uint8)}
    app.restore(black, "denoise", "denoiser", True, "face", 0)
  with pytest.raises(ValueError, match="cdcgan restores only inpaint"):
    app.restore(editor, "denoise", "cdcgan", True, "face", 0)


def test_a_method_of_small_grey_images(editor, digits):
  damaged, restored = app.restore(editor, "coarsen", digits, True, "face", 0)
  assert damaged.mode == restored.mode == "L" and restored.size == (308, 308)


def test_a_port_that_there_is_not(capsys):
  status, _, error = run(capsys, "app", "--port", "99999")
  assert status == 2 and "--port is 99999; it must be between 1 and 65535" in error


def test_the_page_is_built():
  pytest.importorskip("gradio", reason="needs the extra app")
  assert app.build().title == "gan_restore"


def test_without_gradio_it_says_what_to_install(capsys, monkeypatch):
  monkeypatch.setitem(sys.modules, "gradio", None)
  status, _, error = run(capsys, "app")
  assert status == 2 and "pip install 'gan_restore[app]'" in error and "Traceback" not in error
