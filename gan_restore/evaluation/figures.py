"""Pictures of results: grids of images and curves."""

import os

import jax
import numpy as np

from gan_restore.data import atomic, images


def grid(pictures: np.ndarray, columns: int | None = None, scale: int = 1) -> np.ndarray:
  """Tiles images [N, H, W, C] in [0, 1] into one image, row by row; empty places are white.

  Args:
    pictures: The images.
    columns: Images per row; the default is about the square root of N.
    scale: Each pixel becomes `scale` x `scale`.

  Returns:
    One image [H', W', C].

  Examples:
    >>> grid(np.zeros((5, 8, 8, 3)), columns=3).shape
    (16, 24, 3)
  """
  n, height, width, channels = pictures.shape
  columns = columns or int(np.ceil(np.sqrt(n)))
  rows = -(-n // columns)
  sheet = np.ones((rows * columns, height, width, channels), np.float32)
  sheet[:n] = pictures
  sheet = sheet.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
  sheet = sheet.reshape(rows * height, columns * width, channels)
  return sheet.repeat(scale, 0).repeat(scale, 1)


def write_grid(
  path: str | os.PathLike,
  pictures: jax.Array | np.ndarray,
  columns: int | None = None,
  scale: int = 1,
) -> None:
  """Writes the image that `grid` makes from pictures as a PNG.

  Args:
    path: The file.
    pictures: Images [N, H, W, C] in [0, 1].
    columns: As in `grid`.
    scale: As in `grid`.
  """
  images.write_png(path, grid(np.asarray(pictures), columns, scale))


def plot_losses(path: str | os.PathLike, rows: list[dict[str, float]]) -> None:
  """Plots every `*_loss` of a run's history against the step.

  Args:
    path: The picture.
    rows: The history, from `training.history`: the metrics of each logged step.
  """
  names = dict.fromkeys(name for row in rows for name in row if name.endswith("_loss"))
  curves = {
    name.removesuffix("_loss"): [(row["step"], row[name]) for row in rows if name in row]
    for name in names
  }
  plot_curves(path, {"loss": curves})


def plot_curves(
  path: str | os.PathLike,
  panels: dict[str, dict[str, list[tuple[float, float]]]],
  marks: dict[str, float] | None = None,
  over: str = "step",
) -> None:
  """Plots curves in panels side by side.

  Args:
    path: The picture.
    panels: {title: {label: [(x, y), ...]}}.
    marks: {title of a panel: the x of a vertical line in it}.
    over: The name of the x axis.
  """
  from matplotlib.backends.backend_agg import FigureCanvasAgg
  from matplotlib.figure import Figure

  columns = min(2, len(panels))
  rows = -(-len(panels) // columns)
  figure = Figure(figsize=(7 * columns, 4 * rows), layout="constrained")
  FigureCanvasAgg(figure)
  grid = figure.subplots(rows, columns, squeeze=False)
  for spare in grid.flat[len(panels) :]:
    spare.set_axis_off()
  for axes, (title, curves) in zip(grid.flat, panels.items()):
    for label, points in curves.items():
      # A curve without points still uses up its colour, but is not in the legend.
      axes.plot(*zip(*points) if points else ((), ()), label=label if points else None)
    if marks and title in marks:
      axes.axvline(marks[title], color="black", linestyle=":", label=f"{over} {marks[title]:.0f}")
    axes.set(xlabel=over, ylabel=title)
    axes.grid(alpha=0.3)
    axes.legend()
  with atomic.replacing(path) as partial:
    figure.savefig(partial, dpi=100, format="png")
