"""Tests the package as a whole: the layout of the tests, documented names, contents of a wheel."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

import gan_restore

MODULES = sorted(
  module.name
  for module in pkgutil.walk_packages(gan_restore.__path__, "gan_restore.")
  if not module.name.startswith("gan_restore.configs") and not module.name.endswith("__main__")
)


def test_tests_mirror_the_package():
  """Each test module is named after a module or package, in the folder of the same name."""
  whole = {
    "test_package",
    "test_shipped",
    "test_notebooks",
    "test_benchmarks",
    "test_docs",
  }  # Tests of the package as a whole.
  strays = []
  for path in sorted((ROOT / "tests").rglob("test_*.py")):
    if path.stem in whole:
      continue
    folder = ROOT / "gan_restore" / path.parent.relative_to(ROOT / "tests")
    name = path.stem.removeprefix("test_")
    module = folder / f"{name if name != 'init' else '__init__'}.py"
    if not (module.exists() or (folder / name).is_dir()):
      strays.append(str(path.relative_to(ROOT)))
  assert strays == []


def public(module):
  """Public functions and classes that a module defines."""
  for name, value in vars(module).items():
    own = getattr(value, "__module__", None) == module.__name__
    if own and not name.startswith("_") and (inspect.isfunction(value) or inspect.isclass(value)):
      yield name, value


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_documented_and_none_is_its_modules(name):
  module = importlib.import_module(name)
  assert module.__doc__, name
  assert [n for n, value in public(module) if not value.__doc__] == []
  assert name.rpartition(".")[2] not in [n for n, _ in public(module)]


def functions(module):
  """(name, function) of the public functions of a module and the public methods of its classes."""
  for name, value in public(module):
    if inspect.isfunction(value):
      yield name, value
      continue
    for own, method in vars(value).items():
      method = method.fget if isinstance(method, property) else method
      if inspect.isfunction(method) and method.__module__ == module.__name__:
        if not own.startswith("_") or own == "__call__":
          yield f"{name}.{own}", method


@pytest.mark.parametrize("name", MODULES)
def test_every_public_function_is_annotated(name):
  for own, function in functions(importlib.import_module(name)):
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
      if parameter.name not in ("self", "cls"):
        assert parameter.annotation is not inspect.Parameter.empty, f"{own}: {parameter.name}"
    assert signature.return_annotation is not inspect.Signature.empty, own


@pytest.mark.slow
def test_the_readmes_python_runs():
  """With a smaller number of samples."""
  text = (ROOT / "README.md").read_text()
  code = text.split("```python\n")[1].split("```")[0].replace("num_samples=8", "num_samples=2")
  exec(compile(code, "README.md", "exec"), {})


WHOLE = (
  "py.typed",
  "configs/cdcgan.py",
  "configs/shipped/denoiser.py",
  "configs/tables/map_restoration.py",
  "shipped/denoiser.safetensors",
  "shipped/judges/celeba.safetensors",
  "shipped/judges/identity.safetensors",
  "shipped/finders/scratches.safetensors",
  "shipped/dictionary.npy",
)


@pytest.mark.slow
def test_a_wheel_holds_the_configs_and_the_weights(tmp_path):
  command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT]
  subprocess.run(command, check=True, capture_output=True)
  (wheel,) = tmp_path.glob("*.whl")
  with zipfile.ZipFile(wheel) as archive:
    names = set(archive.namelist())
  for part in WHOLE:
    assert f"gan_restore/{part}" in names
  assert not [n for n in names if n.startswith(("configs/", "tests/"))]


@pytest.mark.slow
def test_an_empty_environment(tmp_path):
  """Without a checkout, a wheel restores a picture and trains a config that is given by name."""
  pip = [sys.executable, "-m", "pip"]
  run = lambda *command: subprocess.run(
    list(map(str, command)), cwd=tmp_path, check=True, capture_output=True, text=True
  )
  constraints = ROOT / "constraints.txt"
  run(*pip, "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT)
  run(sys.executable, "-m", "venv", tmp_path / "env")
  (wheel,), programs = tmp_path.glob("*.whl"), tmp_path / "env/bin"
  run(programs / "python", "-m", "pip", "install", "-q", "--no-compile", "-c", constraints, wheel)
  Image.new("RGB", (40, 30), (90, 120, 60)).save(tmp_path / "p.png")
  Image.fromarray(np.pad(np.full((6, 8), 255, np.uint8), ((10, 14), (12, 20)))).save(
    tmp_path / "hole.png"
  )
  run(programs / "gan-restore", "restore", "p.png", "--mask", "hole.png", "--out", "out")
  restored = np.asarray(Image.open(tmp_path / "out/p.png")).astype(int)
  assert abs(restored - [90, 120, 60]).max() < 12
  fields = {"dataset": "toy_faces", "image_size": 16, "width": 8, "steps": 2, "batch_size": 4}
  flags = [f"--config.{name}={value}" for name, value in fields.items()]
  run(programs / "python", "-m", "gan_restore.main", "--config=dcgan", "--workdir=run", *flags)
  assert (tmp_path / "run/metrics.csv").is_file()
