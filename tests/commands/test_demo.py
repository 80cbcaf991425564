import inspect

from conftest import run
from PIL import Image

from gan_restore import cli, latent


def test_demo_writes_one_picture(capsys, prior, tmp_path):
  search = ["--method", prior, "--steps", "2", "--candidates", "1"]
  status, output, _ = run(capsys, "demo", "--out", tmp_path / "demo", *search)
  assert status == 0 and "| inpaint |" in output
  assert Image.open(tmp_path / "demo" / "demo.png").size == (5 * 64 * 3, 3 * 64 * 3)


def test_the_search_options_are_those_of_restore():
  known = inspect.signature(latent.restore).parameters
  arguments = cli.parser().parse_args(["demo"])
  assert set(vars(arguments)) - {"run", "out", "method"} <= set(known)
