"""Tests the command `gan-restore mask-growth`."""

import json

import jax
import numpy as np
from helpers import picture_size

from gan_restore import cli
from gan_restore.studies import mask_growth


def test_more_is_missing_and_it_is_restored_worse(capsys, tmp_path):
  command = ["mask-growth", "--dataset", "toy_faces", "--methods", "mirror,biharmonic"]
  command += ["--mask", "left_eye", "--grow", "0,3,6", "--limit", "3", "--out", str(tmp_path)]
  assert cli.main(command) == 0
  assert "| left_eye | 3 |" in capsys.readouterr().out
  rows = json.loads((tmp_path / "mask_growth.json").read_text())
  assert [(row["method"], row["grown"]) for row in rows] == [
    (method, grown) for grown in (0, 3, 6) for method in ("mirror", "biharmonic")
  ]
  for method in ("mirror", "biharmonic"):
    own = [row for row in rows if row["method"] == method]
    shares, psnr = ([row[name] for row in own] for name in ("share", "psnr"))
    assert shares == sorted(set(shares)) and psnr == sorted(psnr, reverse=True)
    assert all(row["images"] == 3 for row in own)
  size = picture_size(tmp_path / "pictures.png")
  assert size == (3 * 64, mask_growth.SHOWN * 3 * 64)  # The damaged image and two restorers each.
  assert (tmp_path / "mask_growth.png").stat().st_size > 10_000


def test_the_grown_mask_is_the_kinds_own_at_first():

  from gan_restore import masks

  draw = masks.get("eyes")(jax.random.key(0), (2, 64, 64))
  _, A = mask_growth.grown("eyes", 0).corrupt(np.zeros((2, 64, 64, 3)), jax.random.key(0))
  np.testing.assert_array_equal(A.mask, draw)
