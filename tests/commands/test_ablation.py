import json

import pytest
from conftest import ROOT
from helpers import picture_size, run

from gan_restore.studies import ablation

SMALL = ["width=2", "batch_size=4", "image_size=16", "steps=2", "log_every=1"]
SMALL += ["checkpoint_every=2", "sample_every=2"]


@pytest.mark.slow
def test_ablation_trains_the_variants_once_and_compares_them(capsys, tmp_path):
  config = tmp_path / "two.py"
  text = (ROOT / "configs" / "encoder_dcgan.py").read_text()
  config.write_text(
    text.replace('VARIANTS = ("cnn", "gan", "dcgan")', 'VARIANTS = ("cnn", "dcgan")')
  )
  command = ["ablation", "--config", config, "--workdir", tmp_path / "runs"]
  command += ["--dataset", "toy_faces", "--limit", "4", "--masks", "center,random"]
  settings = [*SMALL, "seed=3"]
  command += [argument for setting in settings for argument in ("--set", setting)]
  status, output, _ = run(capsys, *command)
  assert status == 0 and "| dcgan |" in output
  assert json.loads((tmp_path / "runs" / "dcgan" / "config.json").read_text())["seed"] == 3
  rows = json.loads((tmp_path / "runs" / "ablation.json").read_text())
  assert [(r["mask"], r["variant"], r["output"]) for r in rows] == [
    (mask, variant, kind)
    for mask in ("center", "random")
    for variant in ("cnn", "dcgan")
    for kind in ("raw", "composited")
  ]
  assert all({"psnr", "ssim", "psnr_hole", "ssim_hole", "sharpness"} <= row.keys() for row in rows)
  # Original, masked, two variants; eight faces.
  assert picture_size(tmp_path / "runs" / "restorations.png") == (4 * 16 * 2, 8 * 16 * 2)
  assert (tmp_path / "runs" / "losses.png").exists()
  checkpoint = next((tmp_path / "runs" / "cnn" / "checkpoints").iterdir())
  before = checkpoint.stat().st_mtime_ns
  status, again, _ = run(capsys, *command)
  assert status == 0 and checkpoint.stat().st_mtime_ns == before
  same = lambda text: [line.rsplit("|", 4)[0] for line in text.splitlines()[:-1]]
  assert same(again) == same(output)  # Except for the times.


@pytest.mark.slow
def test_ablation_over_the_values_of_a_field_and_seeds(capsys, tmp_path, monkeypatch):
  monkeypatch.chdir(ROOT)
  command = ["ablation", "--config", "configs/unet_gan.py", "--workdir", tmp_path]
  command += ["--vary", "fill=ring,noise", "--seeds", "0,1", "--masks", "center", "--limit", "4"]
  command += ["--dataset", "toy_faces"]
  command += [argument for setting in SMALL for argument in ("--set", setting)]
  status, *_ = run(capsys, *command)
  assert status == 0
  rows = json.loads((tmp_path / "ablation.json").read_text())
  names = ["fill=ring-0", "fill=ring-1", "fill=noise-0", "fill=noise-1"]
  assert list(dict.fromkeys(row["variant"] for row in rows)) == names
  config = json.loads((tmp_path / "fill=noise-1" / "config.json").read_text())
  assert (config["fill"], config["seed"]) == ("noise", 1)
  scores = {row["variant"]: row["psnr_hole"] for row in rows if row["output"] == "composited"}
  assert len(set(scores.values())) == 4
  assert all(row["generator_fluctuation"] >= 0 < row["images_per_second"] for row in rows)


def test_each_value_of_several_fields_is_one_variant(capsys, tmp_path, monkeypatch):
  monkeypatch.chdir(ROOT)
  trained = {}
  monkeypatch.setattr(ablation, "run", lambda configs, *_: trained.update(configs) or [{"a": 1}])
  command = ["ablation", "--config", "configs/encoder_dcgan.py", "--workdir", tmp_path]
  command += ["--vary", "content_weight=1.0,0.0", "--vary", "gradient_weight=0.0"]
  assert run(capsys, *command)[0] == 0
  weights = {name: (c.content_weight, c.gradient_weight) for name, c in trained.items()}
  assert weights == {
    "content_weight=1.0": (1, 1),
    "content_weight=0.0": (0, 1),
    "gradient_weight=0.0": (1, 0),
  }


@pytest.mark.parametrize(
  "options,message",
  [
    (["--vary", "depth=3,4"], "depth=3: the config has no field depth"),
    (["--vary", "depth"], "--vary depth: it must be FIELD=VALUE"),
    (["--set", "width"], "width: it must be FIELD=VALUE"),
    (["--set", "depth=3"], "depth=3: the config has no field depth"),
    (["--set", "width=many"], "width"),
    (["--config", "configs/dcgan.py"], "names no VARIANTS"),
    (["--config", "configs/none.py"], "no such config file"),
    (["--masks", "center,middle"], "unknown mask 'middle'"),
    (["--config", "configs/resgan.py", "--vary", "width=8,16"], "does not fill holes"),
    (["--set", "width=0"], "config.width is 0"),
    (["--vary", "image_size=64,32"], "has image_size 32, and image_size=64 has 64; they must be"),
  ],
)
def test_ablation_refuses(options, message, capsys, tmp_path, monkeypatch):
  monkeypatch.chdir(ROOT)
  command = ["ablation", "--workdir", tmp_path / "runs", "--dataset", "toy_faces", *options]
  status, _, error = run(capsys, *command)
  assert status == 2 and message in error and not (tmp_path / "runs").exists()
