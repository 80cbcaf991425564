"""Tests the code of the README and of the site's pages."""

import importlib
import re
import runpy
import shlex

import pytest
from conftest import ROOT

from gan_restore import cli
from gan_restore.degradations import tasks

PAGES = sorted(
  str(path.relative_to(ROOT))
  for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"),
               *(ROOT / "docs/papers").glob("*.md"))
)  # fmt: skip


def blocks(page: str, language: str) -> list[str]:
  return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


PYTHON = [page for page in PAGES if blocks(page, "python")]
SHELL = [page for page in PAGES if blocks(page, "sh")]


@pytest.mark.slow
@pytest.mark.parametrize("page", PYTHON)
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch):
  """All blocks of a page, one after the other, with a smaller number of samples."""
  monkeypatch.chdir(tmp_path)
  names: dict = {}
  for code in blocks(page, "python"):
    exec(compile(code.replace("num_samples=8", "num_samples=2"), page, "exec"), names)


def commands(page: str) -> list[list[str]]:
  """The words of each command line. Those that need the shell, such as functions, are left out."""
  found = []
  for block in blocks(page, "sh"):
    for line in block.replace("\\\n", "").splitlines():
      for part in re.split(r"&&|;| & ", line.split(" #")[0]):
        words = [] if "$" in part else shlex.split(part, comments=True)
        found += [words] if words else []
  return found


@pytest.mark.parametrize("page", SHELL)
def test_the_commands_of_a_page_exist(page):
  """Each has known options, tasks, configs, fields and targets; it is not run."""
  targets = re.findall(r"^([\w%-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
  for words in commands(page):
    program = words[0].removeprefix(".venv/bin/")
    if program == "gan-restore":
      arguments = cli.parser(words[1]).parse_args(words[1:])
      named = getattr(arguments, "task", None) or getattr(arguments, "tasks", None) or ""
      for task in named.split(",") if isinstance(named, str) else named:
        if task not in ("", "auto") and "auto" not in task:
          tasks.get(task)
    elif words[1:3] == ["-m", "gan_restore.main"]:
      check_run(words[3:])
    elif program == "make":
      for target in words[1:]:
        known = target in targets or ("train-%" in targets and target.startswith("train-"))
        assert "=" in target or known, target
    elif program == "python":
      assert (ROOT / words[1]).is_file(), words


def check_run(flags: list[str]) -> None:
  values = dict(flag.removeprefix("--").split("=", 1) for flag in flags)
  path, _, variant = values["config"].partition(":")
  name = path.removeprefix("configs/").removesuffix(".py").replace("/", ".")
  config = importlib.import_module(f"gan_restore.configs.{name}").get_config(
    *filter(None, [variant])
  )
  assert "workdir" in values
  for flag in values:
    if flag.startswith("config."):
      assert flag.removeprefix("config.") in config, flag


@pytest.mark.slow
def test_the_gallery_is_drawn(tmp_path):
  """One task of whole pictures, and one of faces; the page of the repository has all of them."""
  script = runpy.run_path(str(ROOT / "docs/make_gallery.py"))
  script["main"](tmp_path, 1)
  titles = re.findall("^## (.*)$", (tmp_path / "gallery.md").read_text(), re.MULTILINE)
  assert len(titles) == 2 == len(list((tmp_path / "gallery").glob("*.webp")))
  shipped = re.findall("^## (.*)$", (ROOT / "docs/gallery.md").read_text(), re.MULTILINE)
  assert shipped == [row[0] for row in (*script["WHOLE"], *script["FACES"])]


def test_the_pages_have_commands_and_code():
  """So that a change of the format of the pages does not empty the other tests."""
  assert len(PYTHON) >= 4 and sum(len(commands(page)) for page in SHELL) > 50
