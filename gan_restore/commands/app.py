"""`gan-restore app`: the web page (needs the extra `app`)."""

import argparse
import functools
from typing import Any

import jax
import numpy as np
from PIL import Image

from gan_restore import hub
from gan_restore.commands import options
from gan_restore.data import images
from gan_restore.degradations import operators, tasks
from gan_restore.photos import crops, faces, restoration
from gan_restore.photos.damage import Damage

SHOWN = 320  # Smaller pictures are enlarged to about this side on the page.


def add_arguments(p: argparse.ArgumentParser) -> None:
  """Adds the arguments of the command to its parser `p`."""
  p.add_argument("--port", type=int, default=7860, help="1 to 65535 (default 7860)")


def run(arguments: argparse.Namespace) -> int:
  """Serves a web page that restores pictures, on this machine only (needs the extra `app`)."""
  if not 0 < arguments.port < 2**16:
    raise ValueError(f"--port is {arguments.port}; it must be between 1 and 65535")
  try:
    page = build()
  except ImportError as error:
    raise ValueError(
      f"{error}; pip install 'gan_restore[app]' installs what the page needs"
    ) from error
  page.launch(server_port=arguments.port)
  return 0


def restore(
  editor: dict | None, task: str, method: str, simulate: bool, crop: str, seed: int
) -> tuple[Image.Image, Image.Image]:
  """Restores a picture of the page.

  Args:
    editor: The value of Gradio's image editor: `background` is the picture, and `layers` are the
      drawings on it, which mark the hole for the task `inpaint`.
    task: A name of `tasks.get`.
    method: The name of a restorer, as in `--method`.
    simulate: Whether the picture is clean and is damaged first.
    crop: What to restore, one of `crops.CROPS`. Methods of a fixed size restore the centre instead
      of the whole picture.
    seed: Random seed of latents and noise.

  Returns:
    (damaged, restored): pictures.

  Raises:
    ValueError: If the picture cannot be restored; the message is a sentence for the user.
  """
  if not editor or editor.get("background") is None:
    raise ValueError("Choose a picture first.")
  restorer = _restorer(method, int(seed))
  task = tasks.with_factor(task, restorer.factor)
  picture = images.to_rgb(Image.fromarray(np.asarray(editor["background"])))
  if restorer.size and crop == "whole":
    crop = "center"
  box = crops.choose_box(picture, crop)
  hole = "inpaint" in tasks.parts(task)
  plain = task.replace("inpaint", "inpaint:center") if hole else task
  general = Damage(plain, simulate=simulate)
  shape = restoration.shapes(restorer, general, crop)(box)
  mask = _hole(editor, picture.size, shape[:2], box) if hole else None
  damage, key = tasks.get(task, mask=mask), jax.random.key(int(seed))
  size = general.picture_size(shape)
  part = crops.crop_picture(picture, size, shape[2], box)[None]
  if simulate:
    y, A = damage.corrupt(part, key)
  else:
    A = damage.operator(key, (1, *shape))
    y = operators.observe(A, part, (1, *shape))
  if crop == "whole" and restorer.takes_frame:
    find = faces.find_faces if faces.available() else restoration.find_none
    result, _ = restoration.restore_whole(restorer, y, A, (1, *shape), find)
  else:
    result = restorer(y, A, frame="celeba" if crop == "face" else None)
  return _show(operators.show(A, y)), _show(result.image)


def _show(batch) -> Image.Image:
  """The one image of a batch; small ones are enlarged without smoothing."""
  pixels = images.to_uint8(batch[0])
  shown = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
  factor = max(1, SHOWN // max(shown.size))
  return shown.resize([factor * side for side in shown.size], Image.Resampling.NEAREST)


@functools.lru_cache(maxsize=16)
def _restorer(method: str, seed: int) -> hub.Restorer:
  return options.method(method, seed)


def _hole(editor, size, shape, box) -> np.ndarray:
  """The mask [H, W, 1] of what was drawn on the picture."""
  drawn = np.zeros(size[::-1], bool)
  for layer in editor.get("layers", []):
    drawn |= np.asarray(layer)[..., 3] > 0
  if not drawn.any():
    raise ValueError("Draw over the part of the picture that is to be filled.")
  return crops.crop_mask(Image.fromarray(np.where(drawn, np.uint8(255), np.uint8(0))), shape, box)


def methods() -> list[tuple[str, str]]:
  """(label on the page, name) of every restorer with shipped weights."""
  return [(f"{name}, for {task or 'any damage'}", name) for name, task in hub.shipped().items()]


def build() -> Any:
  """The page, a `gradio.Blocks`.

  Raises:
    ImportError: If the extra `app` is not installed.
  """
  import gradio as gr

  def run(*arguments):
    try:
      return restore(*arguments)
    except ValueError as error:
      raise gr.Error(str(error), print_exception=False) from error

  with gr.Blocks(title="gan_restore") as page:
    gr.Markdown(
      "# gan_restore\nChoose a picture. To fill a hole, draw over it. The method for any damage"
      " restores pictures of any size; the others restore a 64x64 face."
    )
    with gr.Row():
      editor = gr.ImageEditor(label="Picture", image_mode="RGBA")
      damaged = gr.Image(label="Damaged", interactive=False)
      restored = gr.Image(label="Restored", interactive=False)
    with gr.Row():
      task = gr.Dropdown(
        [*tasks.ALL, "denoise:auto"],
        value="inpaint",
        label="Damage (or several: denoise:0.05+jpeg:40)",
        allow_custom_value=True,
      )
      method = gr.Dropdown(methods(), value=hub.PICTURES, label="Method")
      simulate = gr.Checkbox(False, label="The picture is clean: damage it first")
      crop = gr.Radio(crops.CROPS, value="whole", label="Restore")
      seed = gr.Number(0, precision=0, label="Seed")
    button = gr.Button("Restore", variant="primary")
    button.click(run, [editor, task, method, simulate, crop, seed], [damaged, restored])
  return page
