"""The cache of compiled programs, in processes of their own, as it changes JAX's configuration."""

import os
import subprocess
import sys

import pytest

from gan_restore.commands import cache

CODE = """
from gan_restore.commands import cache
cache.enable()
import jax
jax.jit(lambda x: x * 2 + 1)(3.0)
"""


def run(**variables):
  environment = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "XDG_"))}
  subprocess.run([sys.executable, "-c", CODE], env=environment | variables, check=True)


def files(folder):
  return [path for path in folder.rglob("*") if path.is_file()]


def test_programs_are_kept_in_the_users_cache(tmp_path):
  run(XDG_CACHE_HOME=str(tmp_path))
  (kind,) = (tmp_path / "gan_restore").iterdir()
  first = {path: path.stat().st_mtime_ns for path in kind.glob("*-cache")}
  assert first
  run(XDG_CACHE_HOME=str(tmp_path))
  assert {path: path.stat().st_mtime_ns for path in kind.glob("*-cache")} == first


def test_jaxs_own_variables_take_precedence(tmp_path):
  mine, jaxs = tmp_path / "mine", tmp_path / "jaxs"
  run(XDG_CACHE_HOME=str(mine), JAX_ENABLE_COMPILATION_CACHE="false")
  assert not files(mine)
  run(
    XDG_CACHE_HOME=str(mine),
    JAX_COMPILATION_CACHE_DIR=str(jaxs),
    JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0",
  )
  assert not files(mine) and files(jaxs)


def test_a_cache_that_cannot_be_written_is_not_needed(tmp_path):
  (tmp_path / "file").touch()
  run(XDG_CACHE_HOME=str(tmp_path / "file"))


def test_each_kind_of_processor_has_a_folder(tmp_path, monkeypatch):
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
  one = cache.folder()
  assert cache.folder() == one and one.parent == tmp_path / "gan_restore"
  monkeypatch.setattr("platform.machine", lambda: "another")
  assert cache.folder() != one


@pytest.mark.parametrize("module", ["gan_restore", "gan_restore.cli"])
def test_importing_the_package_and_listing_the_commands_imports_no_jax(module):
  code = f"import sys, {module}; from gan_restore import cli; cli.parser()"
  code += "; assert 'jax' not in sys.modules"
  subprocess.run([sys.executable, "-c", code], check=True)
