"""The command line as a program."""

import subprocess
import sys

import pytest
from conftest import ROOT
from helpers import run

import gan_restore
from gan_restore import cli


def test_as_a_program(tmp_path):
  command = [sys.executable, "-m", "gan_restore", "restore", "gone.png", "--task", "denoise"]
  result = subprocess.run(
    [*command, "--method", "tv", "--out", tmp_path], cwd=ROOT, capture_output=True, text=True
  )
  assert result.returncode == 1
  assert result.stderr.splitlines() == ["1 of 1 failed:", "  gone.png: no such file"]


def test_every_command_says_what_it_does(capsys):
  for command in cli.COMMANDS:
    with pytest.raises(SystemExit, match="0"):
      cli.main([command, "--help"])
    assert f"usage: gan-restore {command}" in capsys.readouterr().out
  with pytest.raises(SystemExit, match="0"):
    cli.main(["--version"])
  assert capsys.readouterr().out.strip() == gan_restore.__version__


def test_an_unknown_argument(capsys):
  status, _, error = run(capsys, "restore", "a.png", "--out", "b", "--quality", "10")
  assert status == 2 and error.count("\n") == 1
  assert "gan-restore restore has no argument --quality; see `gan-restore restore --help`" in error
  status, _, error = run(capsys, "--quality", "restore")
  assert status == 2 and "gan-restore has no argument --quality; see `gan-restore --help`" in error


@pytest.mark.parametrize(
  "arguments,message",
  [
    (["evaluate", "--dataset", "toy_faces", "--config", "none.py"], "none.py: no such config file"),
    (["ablation", "--workdir", "w", "--config", "none.py"], "none.py: no such config file"),
    (["evaluate", "--dataset", "toy_faces", "--config", "empty.py"], "does not define get_config"),
    (["demo", "--method", "tv", "--out", "file"], "file: File exists"),
  ],
)
def test_errors_of_files_are_one_sentence(arguments, message, capsys, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / "empty.py").touch()
  (tmp_path / "file").touch()
  status, _, error = run(capsys, *arguments)
  assert status == 2 and message in error and error.count("\n") == 1
