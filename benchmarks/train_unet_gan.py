"""Training of the U-Net GAN in images per second: this package compared with PyTorch.

    make bench

Images are 64x64 in float32. The masks are rectangles, filled with the mean colour around them.
"""

import compare


def ours(width, batch):
  from gan_restore.configs import unet_gan as script

  config = script.get_config()
  config.update(width=width, batch_size=batch, masks="random")
  return compare.training_step(config), batch


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
