"""The benchmarks run to their end."""

import subprocess
import sys

import pytest
from conftest import ROOT


def run(*arguments) -> str:
  command = [sys.executable, *arguments]
  return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_the_accelerators_tables():
  options = ["--families", "unet_gan", "denoiser", "--restorers", "denoiser", "--batches", "4"]
  options += ["--steps", "3", "--size", "16", "--width", "4", "--seconds", "0.01"]
  output = run("benchmarks/accelerator.py", *options)
  for row in (
    "| unet_gan | float32 | 4 |",
    "| denoiser | bfloat16 | 4 |",
    "| True |",
  ):
    assert row in output
  assert "| denoiser | 4 |" in output  # Restoring.


@pytest.mark.slow
def test_the_pipeline():
  assert "images/s" in run("benchmarks/pipeline.py")
