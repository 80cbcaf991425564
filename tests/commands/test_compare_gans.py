"""`gan-restore compare-gans`: invalid arguments."""

from helpers import run


def test_the_console_refuses(capsys, tmp_path):
  status, _, error = run(capsys, "compare-gans", "--workdir", tmp_path, "--models", "biggan")
  assert status == 2 and "unknown models biggan; there are: gan, dcgan" in error
  status, _, error = run(capsys, "compare-gans", "--workdir", tmp_path, "--datasets", "svhn")
  assert status == 2 and "unknown set 'svhn'; there are: mnist" in error
  assert not list(tmp_path.iterdir())
