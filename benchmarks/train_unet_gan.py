"""Training the U-Net GAN, images per second: this package against PyTorch, in one run.

    make bench

64x64, float32, with rectangles for masks, filled with the mean around them.
"""

import compare


def ours(width, batch):
  import jax
  import numpy as np

  from configs import unet_gan as script
  from gan_restore import models, train

  config = script.get_config()
  config.update(width=width, batch_size=batch, masks="random")
  step = train.parallel(train.make_step(config))
  state = train.replicate(train.init_state(config))
  data = {"image": np.random.default_rng(0).integers(0, 256, (1, batch, 64, 64, 3), np.uint8)}

  def run():
    nonlocal state
    state, metrics = step(state, data, models.get("unet_gan").PLAYERS)
    jax.block_until_ready((state, metrics))

  return run, batch


def pytorch(width, batch):
  import torch
  from torch_unet_gan import Trainer

  trainer = Trainer(width)
  real = torch.rand(batch, 3, 64, 64).to(memory_format=torch.channels_last) * 2 - 1
  mask = compare.rectangles(batch)
  return lambda: trainer.step(real, mask), batch


if __name__ == "__main__":
  compare.main(
    __file__,
    {"gan_restore": ours, "PyTorch": pytorch},
    {f"width 32, batch {batch}": (32, batch) for batch in (16, 32, 64)},
    "images",
  )
