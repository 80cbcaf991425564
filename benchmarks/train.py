"""Training steps in images per second: this package compared with PyTorch, in one run.

    make bench

Images are 64x64, float32. This package runs with its defaults; PyTorch runs in both of its layouts.
The widths are those of the shipped networks, except that cDCGAN is also measured at the width of
its paper.
"""

import importlib

import compare

FAMILIES = {  # The fields in which a case differs from the family's config.
  "dcgan": {},
  "cdcgan": {"width": 16, "masks": "random"},
  "cdcgan, width 64": {"width": 64, "masks": "random"},
  "encoder_dcgan": {"masks": "random"},
  "unet_gan": {"masks": "random"},
}


def ours(case, batch):
  import jax
  import numpy as np

  from gan_restore import models
  from gan_restore.training import host
  from gan_restore.training.state import init_state
  from gan_restore.training.step import make_step, parallel, place, shard

  host.use_cores(batch)
  host.keep_memory()
  name = case.partition(",")[0]
  config = importlib.import_module(f"gan_restore.configs.{name}").get_config()
  config.update(batch_size=batch, **FAMILIES[case])
  rng = np.random.default_rng(0)
  arrays = {"image": rng.integers(0, 256, (batch, 64, 64, 3), np.uint8)}
  if "classes" in config:
    arrays["label"] = rng.integers(0, 2, (batch, config.classes), np.uint8)
  arrays, players = shard(arrays), models.get(name).PLAYERS
  step, state = parallel(make_step(config)), place(init_state(config))

  def run():
    nonlocal state
    state, metrics = step(state, arrays, 1.0, players)
    jax.block_until_ready((state, metrics))

  return run, batch


def pytorch(case, batch, layout="contiguous_format"):
  import torch

  name = case.partition(",")[0]
  module = importlib.import_module(f"torch_{name}")
  options = {"width": FAMILIES[case]["width"]} if "width" in FAMILIES[case] else {}
  return module.training(batch, getattr(torch, layout), **options), batch


def pytorch_channels_last(case, batch):
  return pytorch(case, batch, "channels_last")


if __name__ == "__main__":
  compare.main(
    __file__,
    {"gan_restore": ours, "PyTorch": pytorch, "channels_last": pytorch_channels_last},
    {f"{name}, batch {batch}": (name, batch) for name in FAMILIES for batch in (16, 32, 64)},
    "images",
  )
