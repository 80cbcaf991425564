"""The page: its functions, and the page itself in a browser, if Gradio and Chromium are there."""

import io
import os
import pathlib
import shutil
import sys
import threading

import numpy as np
import pytest
from helpers import run
from PIL import Image
from scipy import ndimage
from skimage import data

from gan_restore import hub
from gan_restore.commands import app
from gan_restore.photos import photograph


@pytest.fixture
def portrait(tmp_path):
  """The file of the portrait."""
  path = tmp_path / "portrait.png"
  Image.fromarray(data.astronaut()).crop((96, 0, 352, 224)).save(path)
  return str(path)


@pytest.fixture
def editor():
  """A stroke over the eyes, as Gradio's editor returns it, at half the size of the portrait."""
  layer = np.zeros((112, 128, 4), np.uint8)
  layer[40:55, 47:75] = 255
  return {"layers": [layer]}


def restore(path, editor, task, folder, **options):
  return app.restore(path, editor, task, folder, **options)


def test_what_is_painted_is_the_hole(portrait, editor, tmp_path):
  """The other pixels are those of the file."""
  method = "tv:iterations=2"
  before, after, file, _ = restore(portrait, editor, "inpaint", tmp_path, method=method)
  given, restored = np.asarray(Image.open(portrait)), np.asarray(Image.open(file))
  np.testing.assert_array_equal(np.asarray(before), given)
  np.testing.assert_array_equal(np.asarray(after), restored)
  changed = np.any(restored != given, -1)
  assert changed[80:110, 94:150].mean() > 0.9
  changed[80:110, 94:150] = False
  assert not changed.any()
  assert file.name == "portrait.png"


def test_what_is_painted_is_missing_whatever_else_is_damaged(portrait, editor, tmp_path):
  """The name of the photograph may have several dots."""
  path = tmp_path / "Photo 10.20.30.png"
  path.write_bytes(pathlib.Path(portrait).read_bytes())
  restored = []
  for given in (editor, None):
    _, after, file, _ = restore(
      str(path), given, "denoise:0.05", tmp_path, method="tv:iterations=20"
    )
    assert file.name == path.name
    restored.append(np.asarray(after, float))
  assert abs(restored[0] - restored[1])[84:106, 98:146].mean() > 5


def test_what_is_wrong_is_found_out(tmp_path):
  for path in app.examples(tmp_path):
    *_, file, sentences = restore(path, None, "auto", tmp_path, method="tv:iterations=2")
    assert file.suffix == path[-4:] and "restored from" in sentences[0]
  assert photograph.read(file).grey


@pytest.mark.parametrize("task", app.DAMAGES.values())
def test_every_choice_restores(task, editor, tmp_path):
  """A JPEG, and files of other kinds for the choices that need no JPEG."""
  noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
  paths = [tmp_path / "a.jpg"]
  Image.fromarray(noise).save(paths[0])
  if not task.startswith("jpeg"):
    paths += [tmp_path / "palette.gif", tmp_path / "deep.png"]
    Image.fromarray(noise).convert("P").save(paths[1])
    photograph.write(paths[2], photograph.Photograph(noise.astype(np.uint16) * 257))
  for path in paths:
    _, after, file, _ = restore(str(path), editor, task, tmp_path, method="tv:iterations=2")
    factor = int(task[-1]) if "super" in task else 1
    assert after.size == (64 * factor, 48 * factor) and file.suffix == path.suffix


@pytest.mark.parametrize("name", ["sheet", "compare", "results"])
def test_any_name_of_the_file(name, tmp_path):
  Image.new("RGB", (32, 24)).save(tmp_path / f"{name}.png")
  options = {"method": "tv:iterations=2", "simulate": name == "results"}
  *_, file, _ = restore(str(tmp_path / f"{name}.png"), None, "denoise:0.1", tmp_path, **options)
  assert file.suffix == ".png"


@pytest.mark.parametrize("method", ["map:num_steps=2", "cdcgan"])
def test_methods_of_one_size(method, portrait, editor, tmp_path):
  """They restore a square."""
  _, after, *_ = restore(portrait, editor, "inpaint", tmp_path, method=method)
  assert after.size == (64, 64)


def test_simulated_damage(portrait, tmp_path):
  options = {"method": "tv:iterations=2", "simulate": True, "crop": "center"}
  before, after, *_ = restore(portrait, None, "colorize", tmp_path, **options)
  assert np.ptp(np.asarray(before), -1).max() == 0 and after.size == (64, 64)


def test_samples_differ_in_the_hole_alone(portrait, editor, tmp_path):
  """And the same number gives the same sample again."""
  options = {"method": "denoiser", "crop": "center"}
  mean, first, second, again = (
    np.asarray(restore(portrait, editor, "inpaint", tmp_path, sample=k, **options)[1], int)
    for k in (0, 1, 2, 1)
  )
  np.testing.assert_array_equal(first, again)
  hole = np.any(first != second, -1)
  assert 50 < hole.sum() < 0.3 * hole.size and np.any(mean != first, -1)[hole].mean() > 0.8
  around = ndimage.binary_dilation(hole)  # A pixel of the hole may be alike in both by chance.
  np.testing.assert_array_equal(mean[~around], first[~around])
  with pytest.raises(ValueError, match="draws no samples"):
    restore(portrait, editor, "inpaint", tmp_path, method="cdcgan", sample=1)


@pytest.mark.parametrize("grey", [False, True])
def test_between_the_mean_and_a_sample(grey, tmp_path):
  """On the straight line, in the format of the photograph; the mean and the sample are files that
  there are."""
  rng = np.random.default_rng(0)
  pixels = rng.integers(0, 2**16, (2, 32, 48, 1 if grey else 3), np.uint16)
  pixels[:, :8] = 1234  # As where nothing is missing.
  paths = []
  for name, own in zip(("mean", "sample-1"), pixels):
    paths.append(tmp_path / f"{name}.png")
    photograph.write(paths[-1], photograph.of(own))
  _, file = app.between(*paths, 0.25, tmp_path)
  found = photograph.read(file).pixels
  wanted = pixels[1] + 0.25 * (pixels[0].astype(float) - pixels[1])
  assert found.dtype == np.uint16 and file not in paths
  assert abs(found - wanted).max() <= 1 and np.all(found[:8] == 1234)
  assert [app.between(*paths, fidelity, tmp_path)[1] for fidelity in (1, 0)] == paths


def test_a_mask_is_painted_on_the_photograph(portrait, tmp_path):
  """And what is painted on a photograph that is shown smaller has the photograph's size."""
  large = tmp_path / "large.png"
  Image.open(portrait).resize((2400, 2100)).save(large)
  mask = np.zeros((2100, 2400), np.uint8)
  mask[600:900, 1000:1500] = 255
  Image.fromarray(mask).save(tmp_path / "mask.png")
  shown = app.to_paint_on(str(large), str(tmp_path / "mask.png"))
  assert shown["background"].size == shown["layers"][0].size == (1200, 1050)
  found = app.painted(shown, mask.shape)
  assert found.shape == (*mask.shape, 1)
  assert np.mean(found[..., 0] != mask / 255) < 0.001
  assert app.to_paint_on(str(large))["layers"] == [] and app.to_paint_on(None) is None
  assert app.painted(None, (8, 8)) is None


def test_scratches_are_painted_on_the_photograph(portrait, tmp_path, monkeypatch):
  line = np.zeros((224, 256, 1), np.float32)
  line[50:54, 40:90] = 1
  monkeypatch.setattr(app.scratches, "find", lambda picture: line)
  found = app.painted(app.scratches_on(portrait), (224, 256))
  np.testing.assert_array_equal(found, line)
  drawn = np.zeros((224, 256, 4), np.uint8)
  drawn[200:210, 10:20] = 255
  both = app.painted(app.scratches_on(portrait, {"layers": [drawn]}), (224, 256))
  np.testing.assert_array_equal(both, np.maximum(line, drawn[..., 3:] / 255))
  monkeypatch.setattr(app.scratches, "find", lambda picture: 0 * line)
  with pytest.raises(ValueError, match="No scratch is found"):
    app.scratches_on(portrait)
  with pytest.raises(ValueError, match="Choose a photograph"):
    app.scratches_on(None)


def test_every_method_is_there():
  assert ("cdcgan, for inpaint", "cdcgan") in app.methods()
  assert {name for _, name in app.methods()} == set(hub.shipped())


def test_refusals(portrait, editor, tmp_path, monkeypatch):
  with pytest.raises(ValueError, match="Choose a photograph"):
    restore(None, None, "denoise", tmp_path)
  with pytest.raises(ValueError, match="Paint over the parts"):
    restore(portrait, {"layers": []}, "inpaint", tmp_path)
  with pytest.raises(ValueError, match="unknown task"):
    restore(portrait, None, "magic", tmp_path)
  with pytest.raises(ValueError, match="blur_kernel:/etc/passwd is not available on the page"):
    restore(portrait, None, "denoise+blur_kernel:/etc/passwd", tmp_path)
  with pytest.raises(ValueError, match="cdcgan restores only inpaint"):
    restore(portrait, editor, "denoise", tmp_path, method="cdcgan")
  (tmp_path / "text.png").write_text("no picture")
  with pytest.raises(ValueError, match="cannot be decoded"):
    restore(str(tmp_path / "text.png"), None, "denoise", tmp_path)
  with pytest.raises(ValueError, match="cannot be decoded"):
    app.to_paint_on(str(tmp_path / "text.png"))
  monkeypatch.setattr(app, "MAX_PIXELS", 1000)
  with pytest.raises(ValueError, match="has 57,344 pixels; at most 1,000"):
    restore(portrait, None, "denoise", tmp_path)
  monkeypatch.setattr(app, "MAX_PIXELS", 100_000)
  with pytest.raises(ValueError, match="The result has 917,504 pixels"):
    restore(portrait, None, "super_resolve:4", tmp_path)


def test_restorations_end_when_they_are_cancelled_or_take_too_long(portrait, tmp_path):
  stop = threading.Event()
  stop.set()
  with pytest.raises(app.CancelledError):
    restore(portrait, None, "denoise:auto", tmp_path, stop=stop)
  with pytest.raises(ValueError, match="took more than"):
    restore(portrait, None, "denoise:auto", tmp_path, deadline=0)


def test_a_port_that_there_is_not(capsys):
  status, _, error = run(capsys, "app", "--port", "99999")
  assert status == 2 and "--port is 99999; it must be between 1 and 65535" in error


def test_without_gradio_it_says_what_to_install(capsys, monkeypatch):
  monkeypatch.setitem(sys.modules, "gradio", None)
  status, _, error = run(capsys, "app")
  assert status == 2 and "pip install 'gan_restore[app]'" in error and "Traceback" not in error


# --- In a browser ---------------------------------------------------------------------------------


SCREENSHOT = os.environ.get("GAN_RESTORE_SCREENSHOT")  # Where to write the README's, if anywhere.


def in_browser(test):
  """A test of the page. Gradio's own warnings are no errors."""
  return pytest.mark.browser(pytest.mark.filterwarnings("default")(test))


@pytest.fixture(scope="module")
def address(tmp_path_factory):
  """The address of the page, with a quick method, unless a screenshot is made."""
  pytest.importorskip("gradio", reason="needs the extra app")
  patch = pytest.MonkeyPatch()
  if not SCREENSHOT:
    patch.setattr(app.hub, "PICTURES", "tv")
    patch.setattr(app, "methods", lambda: [("tv", "tv")])
  own = tmp_path_factory.mktemp("page")
  (own / "secret.png").write_bytes(b"of another session")
  page = app.build(own)
  page.queue(max_size=app.MAX_QUEUE, default_concurrency_limit=1)
  _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, footer_links=[])
  yield url, own
  page.close()
  patch.undo()


@pytest.fixture(scope="module")
def browser():
  sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra browser")
  path = shutil.which("chromium") or shutil.which("chromium-browser")
  if path is None:
    pytest.skip("needs Chromium")
  with sync_api.sync_playwright() as playwright:
    with playwright.chromium.launch(
      executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
    ) as browser:
      yield browser


@pytest.fixture
def view(browser, address):
  """A new session of the page."""
  with browser.new_context(viewport={"width": 1200, "height": 1000}) as context:
    tab = context.new_page()
    tab.goto(address[0])
    tab.get_by_role("button", name="Restore", exact=True).wait_for()
    yield tab


def upload(tab, path):
  """Chooses the photograph, and waits until it can be painted on."""
  tab.locator("input[type=file]").first.set_input_files(path)
  drawn(tab)


def drawn(tab):
  tab.get_by_role("button", name="Brush Size").wait_for(timeout=60_000)


def painted(tab):
  """Whether the canvas shows a stroke of the brush."""
  picture = np.asarray(Image.open(io.BytesIO(tab.locator("canvas").first.screenshot()))).astype(int)
  return np.sum((picture[..., 0] > 200) & (picture[..., 1:3].max(-1) < 60)) > 100


def eventually(tab, condition):
  """Waits up to a minute until the condition holds: machines differ in speed."""
  for _ in range(120):
    if condition():
      return
    tab.wait_for_timeout(500)
  pytest.fail("the page has not changed within a minute")


def paint(tab):
  """A stroke across the middle of the canvas."""

  def stroke():
    box = tab.locator("canvas").first.bounding_box()
    row = box["y"] + 0.45 * box["height"]
    tab.mouse.move(box["x"] + 0.45 * box["width"], row)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.55 * box["width"], row, steps=10)
    tab.mouse.up()
    tab.wait_for_timeout(1000)
    return painted(tab)

  eventually(tab, stroke)


def choose(tab, label):
  tab.get_by_label("What is wrong with it?").click()
  tab.get_by_role("option", name=label).click()


def press(tab, name="Restore"):
  tab.get_by_role("button", name=name, exact=True).click()


def downloaded(tab, folder):
  """The file behind the download button, once the restoration is done."""
  tab.get_by_text("Done:").wait_for(timeout=180_000)
  with tab.expect_download() as download:
    tab.get_by_role("button", name="Download the restored photograph").click()
  path = folder / f"downloaded-{download.value.suggested_filename}"
  download.value.save_as(path)
  return path


@in_browser
def test_paint_and_restore(view, portrait, tmp_path):
  """The pixels under the stroke change, and no others; a task without a hole changes others."""
  upload(view, portrait)
  paint(view)
  choose(view, "Parts are missing")
  press(view)
  given = np.asarray(Image.open(portrait)).astype(int)
  path = downloaded(view, tmp_path)
  assert path.suffix == ".png"
  changed = np.any(np.asarray(Image.open(path)) != given, -1)
  rows, columns = np.nonzero(changed)
  if SCREENSHOT:
    view.mouse.move(0, 0)
    view.screenshot(path=SCREENSHOT, clip={"x": 100, "y": 0, "width": 1000, "height": 840})
    return
  assert 20 < changed.sum() < 0.1 * changed.size
  assert rows.min() > 40 and rows.max() < 180 and columns.min() > 60 and columns.max() < 200
  choose(view, "Noise")
  press(view)
  view.get_by_text("Restoring:").wait_for()
  changed = np.any(np.asarray(Image.open(downloaded(view, tmp_path))) != given, -1)
  assert changed.mean() > 0.3


@in_browser
def test_one_of_several_samples_is_chosen(view, portrait, tmp_path, monkeypatch):
  """The slider and the download show it, or what is between it and the mean."""

  def draw(path, editor, task, folder, *, sample, **options):
    picture, file = Image.new("RGB", (64, 48), (60 * sample, 0, 0)), folder / f"{sample}.png"
    picture.save(file)
    (folder / "compare").mkdir(exist_ok=True)
    Image.new("RGB", (128, 48)).save(folder / "compare" / file.name)
    return picture, picture, file, []

  monkeypatch.setattr(app, "restore", draw)
  monkeypatch.setattr(app.hub.Restorer, "sampling", {"seed": 0})
  upload(view, portrait)
  view.get_by_label("number input for Samples to choose from").fill("2")
  press(view)

  def red():
    return np.asarray(Image.open(downloaded(view, tmp_path)))[0, 0, 0]

  assert red() == 0
  view.get_by_role("button", name="Thumbnail 3 of 3").click()
  eventually(view, lambda: red() == 60)
  view.get_by_label("number input for Fidelity").fill("0.75")
  view.get_by_label("number input for Fidelity").press("Enter")
  eventually(view, lambda: red() == 30)


@in_browser
def test_scratches_are_found_and_filled(view, tmp_path):
  """The button paints them, so that Restore fills them and changes nothing else."""
  photo = np.asarray(Image.fromarray(data.astronaut()).crop((96, 0, 352, 224))).copy()
  photo[100:103, 30:220] = 255
  Image.fromarray(photo).save(tmp_path / "scratched.png")
  upload(view, tmp_path / "scratched.png")
  find = app.scratches_on(tmp_path / "scratched.png")  # Compiles the network.
  press(view, "Find scratches")
  eventually(view, lambda: painted(view))
  choose(view, "Parts are missing")
  press(view)
  changed = np.any(np.asarray(Image.open(downloaded(view, tmp_path))) != photo, -1)
  assert changed[100:103, 30:220].mean() > 0.8
  assert not np.any(changed & (app.painted(find, changed.shape)[..., 0] == 0))


@in_browser
def test_an_example_and_what_is_found_out(view, tmp_path):
  view.get_by_role("button", name="grey.png").click()
  drawn(view)
  press(view)
  with Image.open(downloaded(view, tmp_path)) as picture:
    assert picture.mode == "L"
  assert view.get_by_text("restored from denoise:auto").is_visible()


@in_browser
def test_bad_uploads_and_forgotten_ones(view, tmp_path):
  press(view)
  view.get_by_text("Choose a photograph first").first.wait_for()
  (tmp_path / "text.png").write_text("no picture")
  view.locator("input[type=file]").first.set_input_files(tmp_path / "text.png")
  view.get_by_text("cannot be decoded").first.wait_for()


@in_browser
def test_cancel(view, portrait, tmp_path, monkeypatch):
  """The button ends the restoration, and the page restores again."""
  stopped = threading.Event()

  def patient(*arguments, stop, **options):
    if stop.wait(30):
      stopped.set()
    raise app.CancelledError

  with monkeypatch.context() as patch:
    patch.setattr(app, "restore", patient)
    upload(view, portrait)
    press(view)
    view.get_by_text("Restoring:").wait_for()
    press(view, "Cancel")
    view.get_by_text("Cancelled.").wait_for()
    assert stopped.wait(10)
  choose(view, "Noise")
  press(view)
  assert downloaded(view, tmp_path).exists()


@in_browser
def test_two_people_get_their_own_results(browser, address, portrait, tmp_path):
  other = tmp_path / "other.png"
  Image.effect_noise((64, 48), 60).convert("RGB").save(other)
  results = []
  with browser.new_context() as first, browser.new_context() as second:
    tabs = [context.new_page() for context in (first, second)]
    for tab, path in zip(tabs, (portrait, other)):
      tab.goto(address[0])
      upload(tab, path)
      choose(tab, "Noise")
    for tab in tabs:
      press(tab)
    for i, tab in enumerate(tabs):
      (tmp_path / str(i)).mkdir()
      results.append(downloaded(tab, tmp_path / str(i)))
  assert [Image.open(path).size for path in results] == [(256, 224), (64, 48)]


@in_browser
def test_the_keyboard_alone(view, portrait, tmp_path):
  """Tab leads to the damage and to the button, and Enter presses it."""
  upload(view, portrait)
  choices = view.get_by_label("What is wrong with it?")
  choices.focus()
  view.keyboard.press("Control+A")
  view.keyboard.type("denoise:0.05")
  view.keyboard.press("Enter")
  for _ in range(20):
    view.keyboard.press("Tab")
    if view.evaluate("document.activeElement.textContent.trim()") == "Restore":
      break
  else:
    pytest.fail("the button Restore is not reached")
  view.keyboard.press("Enter")
  assert downloaded(view, tmp_path).exists()


@in_browser
def test_the_width_of_a_phone(browser, address):
  with browser.new_context(viewport={"width": 390, "height": 844}) as context:
    tab = context.new_page()
    tab.goto(address[0])
    tab.get_by_role("button", name="Restore", exact=True).wait_for()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390


@in_browser
def test_files_of_others_cannot_be_read(address):
  import httpx

  url, own = address
  for path in ("/etc/hostname", __file__, own / "secret.png"):
    assert httpx.get(f"{url}gradio_api/file={path}").status_code in (403, 404)
