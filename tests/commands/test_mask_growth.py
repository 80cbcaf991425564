"""`gan-restore mask-growth`: its defaults and invalid arguments."""

import pytest

from gan_restore import cli, hub


def test_what_it_compares_by_default_ships():
  command = ["mask-growth", "--dataset", "toy_faces", "--out", "out"]
  methods = cli.parser("mask-growth").parse_args(command).methods.split(",")
  assert len(methods) == 4 and set(methods) <= set(hub.NAMES)


def test_refusals(capsys, tmp_path):
  command = ["mask-growth", "--dataset", "toy_faces", "--methods", "mirror", "--out", str(tmp_path)]
  assert cli.main([*command, "--mask", "ears"]) == 2
  assert "unknown mask 'ears'; there are: center" in capsys.readouterr().err
  with pytest.raises(SystemExit):
    cli.main([*command, "--grow", "1,many"])
  assert "'1,many'; it must be whole numbers separated by commas" in capsys.readouterr().err
