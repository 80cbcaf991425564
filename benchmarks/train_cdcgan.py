"""Joint training of cDCGAN in images per second: this package compared with PyTorch.

    make bench

Images are 64x64 in float32, and the masks are rectangles. The network is measured at a quarter of
the paper's width and at the full width.
"""

import compare


def ours(width, batch):
  from gan_restore.configs import cdcgan as script

  config = script.get_config()
  config.update(width=width, batch_size=batch, masks="random")
  return compare.training_step(config), batch


def pytorch(width, batch):
  import torch
  from torch_cdcgan import Trainer

  trainer = Trainer(width)
  real = torch.rand(batch, 3, 64, 64).to(memory_format=torch.channels_last) * 2 - 1
  label = torch.randint(0, 2, (batch, 40)).float()
  masks = compare.rectangles(batch), compare.rectangles(batch)
  return lambda: trainer.step(real, label, *masks), batch


if __name__ == "__main__":
  compare.main(
    __file__,
    {"gan_restore": ours, "PyTorch": pytorch},
    {f"width {width}, batch {batch}": (width, batch) for width in (16, 64) for batch in (16, 64)},
    "images",
  )
