import subprocess
import sys

from conftest import ROOT


def test_as_a_program(tmp_path):
  command = [sys.executable, "-m", "gan_restore", "restore", "gone.png", "--task", "denoise"]
  result = subprocess.run(
    [*command, "--method", "tv", "--out", tmp_path], cwd=ROOT, capture_output=True, text=True
  )
  assert result.returncode == 1
  assert result.stderr.splitlines() == ["1 of 1 failed:", "  gone.png: no such file"]
