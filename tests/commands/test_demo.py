import pytest
from helpers import picture_size, run


@pytest.mark.slow
def test_demo_writes_one_picture(capsys, prior, tmp_path):
  search = ["--method", f"{prior}:num_steps=2:num_restarts=1"]
  status, output, _ = run(capsys, "demo", "--out", tmp_path / "demo", *search)
  assert status == 0 and "| inpaint |" in output
  assert picture_size(tmp_path / "demo" / "demo.png") == (5 * 64 * 3, 3 * 64 * 3)


@pytest.mark.slow
def test_a_method_that_draws_samples_has_a_row_for_one(capsys, tmp_path):
  status, output, _ = run(capsys, "demo", "--out", tmp_path, "--method", "denoiser")
  assert status == 0 and "Rows: original, damaged, restored, a sample." in output
  assert picture_size(tmp_path / "demo.png") == (5 * 64 * 3, 4 * 64 * 3)


def test_a_method_of_one_damage_draws_that_one(capsys, tmp_path):
  status, output, _ = run(capsys, "demo", "--out", tmp_path, "--method", "mirror")
  assert status == 0 and "| inpaint |" in output and "| denoise |" not in output
  assert picture_size(tmp_path / "demo.png") == (64 * 3, 3 * 64 * 3)


def test_a_method_of_another_factor_restores_none(capsys, tmp_path):
  status, _, error = run(capsys, "demo", "--out", tmp_path / "out", "--method", "resgan:celeba")
  assert status == 2 and "resgan:celeba restores none of inpaint" in error
  assert not (tmp_path / "out").exists()
