"""`gan-restore app`: the web page (needs the extra `app`)."""

import argparse
import dataclasses
import functools
import math
import pathlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from gan_restore import hub
from gan_restore.commands import options
from gan_restore.data import images
from gan_restore.degradations import tasks
from gan_restore.photos import batches, crops, faces, files, photograph, scratches
from gan_restore.photos.damage import Damage

MAX_BYTES = 40_000_000  # Of an uploaded file.
MAX_PIXELS = 16_000_000  # Of an uploaded picture.
MAX_SECONDS = 600  # Of a restoration.
MAX_QUEUE = 8  # People who wait at a time.
EDITOR = 1200  # Larger pictures are painted on at this size of the longer side.
DAMAGES = {
  "Find out automatically": tasks.UNKNOWN,
  "Parts are missing: paint over them": "inpaint",
  "Noise": "denoise:auto",
  "JPEG compression": "jpeg:auto",
  "A shaken camera (motion_blur:LENGTH@ANGLE)": "motion_blur:7@0+denoise:0.01",
  "Out of focus (defocus:RADIUS)": "defocus:2+denoise:0.01",
  "Grey: it needs colours": "colorize:luma",
  "Too small: double its size": "super_resolve:2",
  "Much too small: enlarge it by a factor of 4": "super_resolve:4",
}


def add_arguments(p: argparse.ArgumentParser) -> None:
  """Adds the arguments of the command to its parser `p`."""
  p.add_argument("--port", type=int, default=7860, help="1 to 65535 (default 7860)")
  p.add_argument(
    "--host",
    default="127.0.0.1",
    help="the address to listen on (default 127.0.0.1, this machine only; 0.0.0.0 for all)",
  )


def run(arguments: argparse.Namespace) -> int:
  """Serves a web page that restores photographs (needs the extra `app`)."""
  if not 0 < arguments.port < 2**16:
    raise ValueError(f"--port is {arguments.port}; it must be between 1 and 65535")
  with tempfile.TemporaryDirectory(prefix="gan_restore-") as own:
    try:
      page = build(pathlib.Path(own))
    except ImportError as error:
      raise ValueError(
        f"{error}; pip install 'gan_restore[app]' installs what the page needs"
      ) from error
    page.queue(max_size=MAX_QUEUE, default_concurrency_limit=1)
    page.launch(
      server_name=arguments.host, server_port=arguments.port, max_file_size=MAX_BYTES,
      footer_links=[],
    )  # fmt: skip
  return 0


# --- Without the page's components ----------------------------------------------------------------


class CancelledError(Exception):
  """The restoration was cancelled."""


def restore(
  path: str | None,
  editor: dict | None,
  task: str,
  folder: pathlib.Path,
  *,
  method: str = hub.PICTURES,
  crop: str = "whole",
  simulate: bool = False,
  seed: int = 0,
  sample: int = 0,
  deadline: float = math.inf,
  stop: threading.Event | None = None,
) -> tuple[Image.Image, Image.Image, pathlib.Path, list[str]]:
  """Restores an uploaded photograph.

  Args:
    path: Its file.
    editor: The value of Gradio's image editor: `layers` are the drawings on the photograph, which
      mark its missing parts, after any other damage.
    task: A name of `tasks.get`, or 'auto'.
    folder: The folder of this run's files.
    method: The name of a restorer, as in `--method`.
    crop: What to restore, one of `crops.CROPS`. Methods of a fixed size restore the centre instead
      of the whole photograph.
    simulate: Whether the photograph is clean and is damaged first.
    seed: Random seed of latents and noise.
    sample: The number of the sample to return; 0 for the mean.
    deadline: The time of `time.monotonic` at which the restoration is given up.
    stop: Ends the restoration when it is set.

  Returns:
    (the damaged picture, the restored one, its file in the format of the photograph, sentences on
    what was done).

  Raises:
    ValueError: If the photograph cannot be restored; the message is a sentence for the user.
    CancelledError: If the restoration was cancelled.
  """
  if not path:
    raise ValueError("Choose a photograph first.")
  photo = photograph.read(path)
  _check_size("photograph", photo.pixels.shape[:2])
  mask = painted(editor, photo.pixels.shape[:2])
  if mask is None and "inpaint" in tasks.parts(task):
    raise ValueError("Paint over the parts of the photograph that are missing.")
  if mask is not None and task != tasks.UNKNOWN and "inpaint" not in tasks.parts(task):
    task += "+inpaint"  # What is painted over is missing, whatever else is damaged.
  for part in tasks.parts(task):
    if part.startswith("blur_kernel"):  # Its argument would be a file of the server.
      raise ValueError(f"{part} is not available on the page; it is in the command line.")
  restorer = _restorer(method, int(seed or 0))
  restorer = restorer.sample(sample) if sample else restorer
  if restorer.size and crop == "whole":
    crop = "center"
  task = tasks.with_factor(task, restorer.factor)
  damage = Damage(task, mask, simulate, int(seed or 0))
  if crop == "whole":
    _check_size("result", damage.image_size(photo.pixels.shape[:2], 3))
  out = pathlib.Path(tempfile.mkdtemp(dir=folder))
  checked = functools.partial(_unless_stopped, stop or threading.Event(), deadline)
  sentences: list[str] = []
  _, failures, _ = batches.restore_files(
    dataclasses.replace(restorer, function=checked(restorer.function)),
    damage,
    [path],
    batches.Outputs(out, compare=True),
    crop=crop,
    find=checked(faces.finder()),
    say=sentences.append,
  )
  if failures:
    raise ValueError(failures[0].removeprefix(f"{path}: "))
  (name,) = files.name_outputs([pathlib.Path(path)], out, ("sheet",))
  (file,) = (
    f for f in out.iterdir() if f.is_file() and f.stem == name.name and f.suffix != ".json"
  )
  with Image.open(batches.beside(file, "compare")) as both:
    before, after = _halves(both)
  tidy = [sentence.removeprefix(f"{path}: ").partition("wrote ")[0] for sentence in sentences]
  return before, after, file, [sentence.strip(" ;") for sentence in tidy if sentence]


def _halves(both) -> tuple[Image.Image, Image.Image]:
  """The pictures before and after of a comparison."""
  width = both.width // 2
  left, right = (both.crop((x, 0, x + width, both.height)) for x in (0, width))
  return left, right


def between(
  mean: pathlib.Path, sample: pathlib.Path, fidelity: float, folder: pathlib.Path
) -> tuple[Image.Image, pathlib.Path]:
  """The restoration between the mean and a sample.

  Args:
    mean: The file of the mean.
    sample: The file of the sample.
    fidelity: 0 for the sample, 1 for the mean, or a number in between.
    folder: The folder of the session.

  Returns:
    (the picture, its file). For 0 and 1 it is the file of the sample or of the mean.
  """
  if fidelity in (0, 1):
    file = mean if fidelity else sample
    return photograph.read(file).picture, file
  first, second = (photograph.read(file) for file in (sample, mean))
  start = first.to_float()
  blended = first.restored(start + np.float32(fidelity) * (second.to_float() - start))
  file = folder / "between" / sample.name  # It replaces the one before.
  file.parent.mkdir(exist_ok=True)
  photograph.write(file, blended)
  return blended.picture, file


def _check_size(what, size) -> None:
  pixels = size[0] * size[1]
  if pixels > MAX_PIXELS:
    raise ValueError(f"The {what} has {pixels:,} pixels; at most {MAX_PIXELS:,} are allowed.")


def _unless_stopped(stop, deadline, function) -> Callable:
  """A function that ends the restoration if it is stopped, or time is up."""

  @functools.wraps(function)
  def checked(*arguments, **named):
    if stop.is_set():
      raise CancelledError
    if time.monotonic() > deadline:
      raise ValueError(f"The restoration took more than {MAX_SECONDS} seconds.")
    return function(*arguments, **named)

  return checked


def painted(editor: dict | None, size: tuple[int, int]) -> np.ndarray | None:
  """The mask [H, W, 1] of what was painted, at the size (H, W) of the photograph; None if nothing
  was."""
  layers = [np.asarray(layer)[..., 3] > 0 for layer in (editor or {}).get("layers", [])]
  drawn = np.any(layers, 0) if layers else np.zeros((1, 1), bool)
  if not drawn.any():
    return None
  mask = images.mask_picture(drawn)
  return (np.asarray(mask.resize(size[::-1], Image.Resampling.NEAREST))[..., None] > 0).astype(
    np.float32
  )


def scratches_on(path: str | None, editor: dict | None = None) -> dict | None:
  """The value of the image editor for a photograph: what is painted on it, and the scratches that
  are found.

  Raises:
    ValueError: If the file is no picture, or no scratch is found.
  """
  if not path:
    raise ValueError("Choose a photograph first.")
  picture = photograph.read(path).picture
  _check_size("photograph", picture.size)
  found = scratches.find(picture)[..., 0]
  if not found.any():
    raise ValueError("No scratch is found. Paint over what is missing.")
  drawn = painted(editor, found.shape)
  if drawn is not None:
    found = np.maximum(found, drawn[..., 0])
  return to_paint_on(path, images.mask_picture(found))


def to_paint_on(path: str | None, mask: str | Image.Image | None = None) -> dict | None:
  """The value of the image editor for a photograph, with its mask, if it has one, painted on it.

  Args:
    path: The photograph.
    mask: The path of the mask; or the mask, mode L, 255 where a pixel is missing.

  Returns:
    The value, or None if there is no photograph.

  Raises:
    ValueError: If a file is no picture, or the mask has another size.
  """
  if not path:
    return None
  picture = photograph.read(path).picture
  layers = []
  if mask:
    drawn = crops.read_mask(mask, picture) if isinstance(mask, str) else mask
    layer = Image.new("RGBA", picture.size)
    layer.paste((255, 0, 0, 255), mask=drawn)
    layers = [_reduced(layer, Image.Resampling.NEAREST)]
  shown = _reduced(picture, Image.Resampling.BOX)
  composite = shown.convert("RGBA")
  for layer in layers:
    composite.alpha_composite(layer)
  return {"background": shown, "layers": layers, "composite": composite}


def _reduced(picture, resampling, longest=EDITOR) -> Image.Image:
  factor = min(1.0, longest / max(picture.size))
  size = [max(1, round(factor * side)) for side in picture.size]
  return picture if factor == 1 else picture.resize(size, resampling)


@functools.lru_cache(maxsize=16)
def _restorer(method: str, seed: int) -> hub.Restorer:
  return options.method(method, seed)


def methods() -> list[tuple[str, str]]:
  """(label on the page, name) of every restorer with shipped weights."""
  return [(f"{name}, for {task or 'any damage'}", name) for name, task in hub.shipped().items()]


def examples(folder: pathlib.Path) -> list[str]:
  """Files of damaged pictures in the public domain, written to a folder."""
  from skimage import data  # Slow to import.

  portrait = Image.fromarray(data.astronaut()).crop((64, 0, 384, 288))
  rng = np.random.default_rng(0)
  noisy = np.asarray(portrait) + rng.normal(0, 25, (288, 320, 3))
  grey = np.asarray(portrait.convert("L")) + rng.normal(0, 20, (288, 320))
  portrait.save(folder / "compressed.jpg", quality=12)
  pictures = {
    "noisy.png": Image.fromarray(noisy.clip(0, 255).astype(np.uint8)),
    "grey.png": Image.fromarray(grey.clip(0, 255).astype(np.uint8)),
  }
  for name, picture in pictures.items():
    picture.save(folder / name)
  return [str(folder / name) for name in ("compressed.jpg", *pictures)]


# --- The page -------------------------------------------------------------------------------------


def build(own: pathlib.Path) -> Any:
  """The page, a `gradio.Blocks`.

  Args:
    own: A folder for the files of the sessions. That of a session is removed when it ends.

  Raises:
    ImportError: If the extra `app` is not installed.
  """
  import gradio as gr

  def remove(folder):
    if folder:
      shutil.rmtree(folder, ignore_errors=True)

  def sentence(function):
    """A function whose errors are shown as a sentence."""

    @functools.wraps(function)
    def safe(*arguments):
      try:
        return function(*arguments)
      except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from error

    return safe

  def start() -> pathlib.Path:
    return pathlib.Path(tempfile.mkdtemp(dir=own))

  def cancel(folder):
    (folder / "cancelled").touch()
    return "Cancelled."

  def show(versions, number, fidelity, folder):
    """The slider and the download of one version: the mean, 0, or a sample."""
    with Image.open(versions[number]["compare"]) as both:
      before, _ = _halves(both)
    mean, chosen = (pathlib.Path(versions[k]["file"]) for k in (0, number))
    after, file = between(mean, chosen, fidelity if number else 1, folder)
    return (before, after), gr.update(value=str(file), interactive=True)

  def run(
    path, editor, task, samples, method, crop, simulate, seed, folder
  ) -> Iterator[tuple[Any, ...]]:
    if samples and not _restorer(method, int(seed or 0)).sampling:
      raise gr.Error(f"The method {method} draws no samples.", print_exception=False)
    cancelled, stop = folder / "cancelled", threading.Event()
    cancelled.unlink(missing_ok=True)
    files = folder / "restored"
    remove(files)  # Those of the run before.
    files.mkdir()
    begin = time.monotonic()
    versions: list[dict[str, Any]] = []  # The mean, and the samples.
    errors: list[Exception] = []

    def work():
      try:
        for sample in range(1 + int(samples)):
          _, after, file, sentences = restore(
            path, editor, task, files, method=method, crop=crop, simulate=simulate, seed=seed,
            sample=sample, deadline=begin + MAX_SECONDS, stop=stop,
          )  # fmt: skip
          small = _reduced(after, Image.Resampling.BOX, 320)
          own = {"file": str(file), "compare": str(batches.beside(file, "compare"))}
          versions.append(own | {"small": small, "sentences": sentences})
      except (ValueError, CancelledError) as error:
        errors.append(error)
      except Exception as error:
        errors.append(ValueError(f"The restoration failed: {error}"))

    def update(now):
      """The slider, the download, the gallery and the state, after new versions."""
      first = show(now, 0, 1, folder) if not shown else (gr.skip(), gr.skip())
      names = ("mean", *(f"sample {number}" for number in range(1, len(now))))
      small = [(version["small"], name) for version, name in zip(now, names)]
      return first, small if samples else gr.skip(), now

    nothing = (gr.skip(), gr.skip()), gr.skip(), gr.skip()
    page = lambda said, first, small, now: (*first, said, small, now, *[gr.skip()] * 3)
    shown = 0
    restart = (
      gr.update(visible=bool(samples)),
      0,
      gr.update(value=batches.FIDELITY, interactive=False),
    )
    yield (*nothing[0], "Restoring: 0 seconds.", [], [], *restart)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
      while thread.is_alive() and not cancelled.exists():
        thread.join(0.5)
        if not thread.is_alive():
          break
        now = list(versions)
        which = f" sample {len(now)} of {int(samples)}" if now and samples else ""
        said = f"Restoring{which}: {time.monotonic() - begin:.0f} seconds."
        yield page(said, *(update(now) if len(now) > shown else nothing))
        shown = len(now)
    finally:
      stop.set()  # It has ended, was cancelled, or the session is over.
    if shown:
      time.sleep(0.5)  # The page may lose an update that another one follows at once.
    now = list(versions)
    last = update(now) if len(now) > shown else nothing
    if cancelled.exists():
      yield page("Cancelled.", *last)
    elif errors and not now:
      raise gr.Error(str(errors[0]), print_exception=False)
    else:
      said = "; ".join([*now[0]["sentences"], f"{time.monotonic() - begin:.0f} seconds"])
      said += f". Sample {len(now)} failed: {errors[0]}" if errors else "."
      note = " What is filled in is a guess, not evidence." if "face" in said else ""
      yield page(f"Done: {said}{note}", *last)

  def choose(versions, fidelity, folder, event: gr.SelectData):
    if event.index >= len(versions):  # A picture of the run before.
      return [gr.skip()] * 4
    shown = show(versions, event.index, fidelity, folder)
    return *shown, event.index, gr.update(interactive=event.index > 0)

  def mix(versions, number, fidelity, folder):
    chosen = 0 < number < len(versions)
    return show(versions, number, fidelity, folder) if chosen else (gr.skip(), gr.skip())

  with gr.Blocks(title="gan_restore", analytics_enabled=False, delete_cache=(600, 3600)) as page:
    folder = gr.State(None, delete_callback=remove)
    versions, chosen = gr.State([]), gr.State(0)
    page.load(start, outputs=folder, queue=False)
    gr.Markdown(
      "# gan_restore\n1. Choose a photograph. 2. Paint over what is missing, if anything is."
      " 3. Say what else is wrong with it, or leave that to the program. 4. Restore."
    )
    with gr.Row():
      with gr.Column(min_width=300):
        upload = gr.File(label="Photograph", file_types=["image"], type="filepath", height=120)
        gr.Examples(examples(own), upload, label="Examples (public domain)")
        editor = gr.ImageEditor(
          label="Paint over what is missing", image_mode="RGBA", sources=(), transforms=(),
          layers=False, type="numpy", format="png",
          brush=gr.Brush(default_size=12, colors=["#ff0000"], color_mode="fixed"),
        )  # fmt: skip
        find = gr.Button("Find scratches")
      with gr.Column(min_width=300):
        task = gr.Dropdown(
          list(DAMAGES.items()), value=tasks.UNKNOWN, label="What is wrong with it?",
          info="or a damage of `gan-restore restore --help`, such as blur:1.5+denoise:0.02",
          allow_custom_value=True,
        )  # fmt: skip
        samples = gr.Slider(
          0, 4, value=0, step=1, label="Samples to choose from",
          info="The mean has the smallest error. Samples differ where much is missing, and are"
          " often sharper. Each of them takes time.",
        )  # fmt: skip
        with gr.Row():
          button = gr.Button("Restore", variant="primary")
          stop = gr.Button("Cancel", variant="stop")
        status = gr.Markdown()
        slider = gr.ImageSlider(label="Before and after", interactive=False, format="png")
        with gr.Column(visible=False) as choice:
          gallery = gr.Gallery(
            label="Choose one", columns=5, height=160, object_fit="contain", format="png",
            interactive=False,
          )  # fmt: skip
          fidelity = gr.Slider(
            0, 1, value=batches.FIDELITY, step=0.05, label="Fidelity",
            info="The chosen picture lies between the sample, 0, and the mean, 1.",
            interactive=False,
          )  # fmt: skip
        download = gr.DownloadButton("Download the restored photograph", interactive=False)
        with gr.Accordion("More options", open=False):
          mask = gr.File(
            label="A mask: white where pixels are missing", type="filepath", height=100
          )
          method = gr.Dropdown(methods(), value=hub.PICTURES, label="Method")
          crop = gr.Radio(crops.CROPS, value="whole", label="Part to restore")
          simulate = gr.Checkbox(False, label="The photograph is clean: damage it first")
          seed = gr.Number(0, precision=0, label="Seed")
    for changed in (upload, mask):
      changed.change(sentence(to_paint_on), [upload, mask], editor)
    find.click(sentence(scratches_on), [upload, editor], editor)
    running = button.click(
      run,
      [upload, editor, task, samples, method, crop, simulate, seed, folder],
      [slider, download, status, gallery, versions, choice, chosen, fidelity],
    )
    gallery.select(
      sentence(choose), [versions, fidelity, folder], [slider, download, chosen, fidelity]
    )
    fidelity.change(
      sentence(mix),
      [versions, chosen, fidelity, folder],
      [slider, download],
      trigger_mode="always_last",
    )
    stop.click(cancel, folder, status, cancels=[running], queue=False)
  return page
