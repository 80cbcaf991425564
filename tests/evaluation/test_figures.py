import numpy as np
from helpers import picture_size
from PIL import Image

from gan_restore.evaluation import figures


def test_a_grid_goes_row_by_row():
  pictures = np.stack([np.full((2, 3, 1), i / 10) for i in range(5)])
  sheet = figures.grid(pictures, columns=3)
  assert sheet.shape == (4, 9, 1)
  np.testing.assert_allclose(sheet[::2, ::3, 0], [[0, 0.1, 0.2], [0.3, 0.4, 1]], atol=1e-6)
  assert figures.grid(pictures, 3, scale=4).shape == (16, 36, 1)


def test_files(tmp_path):
  figures.write_grid(tmp_path / "g.png", np.zeros((4, 8, 8, 3)))
  assert picture_size(tmp_path / "g.png") == (16, 16)
  rows = [{"step": 1, "a_loss": 2.0, "x": 1.0}, {"step": 2, "a_loss": 1.0, "b_loss": 3.0}]
  figures.plot_losses(tmp_path / "l.png", rows)
  assert picture_size(tmp_path / "l.png") == (700, 400)


def test_panels_share_a_picture(tmp_path):
  curve = [(1, 2.0), (2, 1.0)]
  panels = {title: {"a": curve, "b": curve[:1], "none yet": []} for title in "wxyz"}
  figures.plot_curves(tmp_path / "c.png", panels)
  assert picture_size(tmp_path / "c.png") == (1400, 800)


def test_a_place_without_a_panel_stays_white(tmp_path):
  figures.plot_curves(tmp_path / "c.png", {title: {"a": [(1, 2.0), (2, 1.0)]} for title in "xyz"})
  picture = np.asarray(Image.open(tmp_path / "c.png").convert("L"))
  assert (picture[410:, 710:] == 255).all() and not (picture[410:, :690] == 255).all()
