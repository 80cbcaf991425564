"""The latent search in iterations x images per second: this package compared with PyTorch.

    make bench

The task is inpainting with an untrained 64x64 DCGAN. The speed does not depend on its weights.
"""

import compare

STEPS = 20


def ours(n):
  import jax
  import ml_collections
  import numpy as np
  from gan_restore.configs import dcgan as script

  from gan_restore.degradations import operators
  from gan_restore.models import Trained, dcgan

  config = ml_collections.FrozenConfigDict(script.get_config())
  prior = Trained(dcgan.init(config, jax.random.key(0)), config)
  mask = np.zeros((64, 64), np.float32)
  mask[16:48, 16:48] = 1
  A = operators.inpaint(mask)
  y = A(np.random.default_rng(0).random((n, 64, 64, 3)).astype(np.float32))
  run = lambda: jax.block_until_ready(
    dcgan.restore(prior, y, A, num_steps=STEPS, num_restarts=1, blend="none")
  )
  return run, n * STEPS


def pytorch(n):
  import torch
  from torch_dcgan import discriminator, generator, search

  layout = torch.channels_last
  g = generator().eval().requires_grad_(False).to(memory_format=layout)
  d = discriminator().eval().requires_grad_(False).to(memory_format=layout)
  mask = torch.zeros(1, 1, 64, 64)
  mask[..., 16:48, 16:48] = 1
  y = torch.rand(n, 3, 64, 64) * (1 - mask)
  return lambda: search(g, d, y, mask, STEPS, 1.0), n * STEPS


if __name__ == "__main__":
  compare.main(
    __file__,
    {"gan_restore": ours, "PyTorch": pytorch},
    {"1 image": (1,), "64 images": (64,)},
    "iterations x images",
  )
