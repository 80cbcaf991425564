"""Training cDCGAN jointly, images per second: this package against PyTorch, in one run.

    make bench

64x64, float32, with rectangles for masks; at a quarter of the paper's width and at the whole.
"""

import compare


def ours(width, batch):
  import jax
  import numpy as np

  from configs import cdcgan as script
  from gan_restore import models, train

  config = script.get_config()
  config.update(width=width, batch_size=batch, masks="random")
  step = train.parallel(train.make_step(config))
  state = train.replicate(train.init_state(config))
  rng = np.random.default_rng(0)
  data = {
    "image": rng.integers(0, 256, (1, batch, 64, 64, 3), np.uint8),
    "label": rng.integers(0, 2, (1, batch, config.classes), np.uint8),
  }

  def run():
    nonlocal state
    state, metrics = step(state, data, models.get("cdcgan").PLAYERS)
    jax.block_until_ready((state, metrics))

  return run, batch


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
