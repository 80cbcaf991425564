"""The web page: `gan-restore app` (needs the extra `app`)."""

import functools

import jax
import numpy as np
from PIL import Image

from gan_restore import restorers, tasks
from gan_restore.data import images
from gan_restore.restorers import classical

SIZE = 64  # Of the prior's faces.
METHODS = {  # {what the page calls it: name}.
  "one pass (any damage)": "denoiser",
  "latent search (any damage)": "map",
  "one pass, U-Net GAN (inpaint)": "unet_gan",
  "one pass, cDCGAN (inpaint)": "cdcgan",
  "one pass, ResGAN (coarsen)": "resgan:celeba",
}
SHOWN = 320  # Pixels on a side of the pictures on the page.


def restore(
  editor: dict, task: str, method: str, simulate: bool, crop_face: bool, steps: int, seed: int
):
  """What the button does.

  Args:
    editor: Gradio's image editor: `background`, the picture, and `layers`, what was drawn on it:
      the hole, for the task `inpaint`.
    task: One of `tasks.ALL`.
    method: One of the values of `METHODS`.
    simulate: Whether the picture is clean and is damaged first.
    crop_face: Whether the face in it is looked for; else its centre is taken.
    steps: Of the search, for the method `map`.
    seed: Of latents and noise.

  Returns:
    (damaged, restored): pictures.

  Raises:
    ValueError: What the user can mend, in a sentence.
  """
  if not editor or editor.get("background") is None:
    raise ValueError("Put in a picture first.")
  picture = images.to_rgb(Image.fromarray(np.asarray(editor["background"])))
  box = images.find_face(picture) if crop_face else None
  if crop_face and box is None:
    raise ValueError("No frontal face was found; without the tick the picture's centre is taken.")
  x = images.to_float(images.crop_and_resample(picture, SIZE, box))[None]
  task = (
    tasks.get(task, mask=_hole(editor, picture.size, box)) if task == "inpaint" else tasks.get(task)
  )
  key = jax.random.key(seed)
  y, A = task.corrupt(x, key)
  if not simulate:
    y = A(x)
  options = {"steps": int(steps), "seed": int(seed)} if method == "map" else {}
  result = _restorer(method)(y, A, **options)
  show = lambda image: Image.fromarray(images.to_uint8(image[0])).resize((SHOWN, SHOWN), 0)
  return show(classical.damaged(y, A).image), show(result.image)


@functools.cache
def _restorer(method: str):
  return restorers.load(method)


def _hole(editor: dict, size: tuple[int, int], box) -> np.ndarray:
  """The mask [64, 64] of what was drawn on the picture; a pixel is missing if any part of it is."""
  drawn = np.zeros(size[::-1], bool)
  for layer in editor.get("layers", []):
    drawn |= np.asarray(layer)[..., 3] > 0
  mask = Image.fromarray(np.where(drawn, np.uint8(255), np.uint8(0)))
  return np.asarray(images.crop_and_resample(mask, SIZE, box)) > 0


def build():
  """The page, a `gradio.Blocks`."""
  import gradio as gr

  def run(*arguments):
    try:
      return restore(*arguments)
    except ValueError as error:
      raise gr.Error(str(error)) from error

  with gr.Blocks(title="gan_restore") as page:
    gr.Markdown(
      "# gan_restore\nPut in a picture of a face. To fill a hole, draw over it. The result is the"
      " 64x64 face that explains what is left of the picture."
    )
    with gr.Row():
      editor = gr.ImageEditor(label="Picture", image_mode="RGBA")
      damaged = gr.Image(label="What is given", interactive=False)
      restored = gr.Image(label="Restored", interactive=False)
    with gr.Row():
      task = gr.Dropdown(list(tasks.ALL), value="inpaint", label="Damage")
      method = gr.Dropdown(list(METHODS.items()), value="denoiser", label="Method")
      simulate = gr.Checkbox(True, label="The picture is clean: damage it first")
      crop_face = gr.Checkbox(True, label="Find the face")
      steps = gr.Slider(10, 1000, 200, step=10, label="Steps of a search")
      seed = gr.Number(0, precision=0, label="Seed")
    button = gr.Button("Restore", variant="primary")
    button.click(run, [editor, task, method, simulate, crop_face, steps, seed], [damaged, restored])
  return page
