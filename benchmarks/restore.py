"""Restoring in faces per second: this package compared with PyTorch, in one run.

    make bench

Images are 64x64, float32, with a centre hole. The networks are the shipped ones, and PyTorch's have
the same layers; their speed does not depend on the weights. `denoiser, network` is the network
alone, on the images and their mirror images, as `denoiser` applies it; `denoiser` is the whole
restoration, with the posterior that is the network's input, which PyTorch does not compute here.
The search runs 20 steps.
"""

import importlib

import compare

STEPS = 20
COMPLETION = ("cdcgan", "encoder_dcgan", "unet_gan")


def ours(case, batch):
  import jax
  import numpy as np

  import gan_restore as gr
  from gan_restore import hub
  from gan_restore.models.shared import any_damage
  from gan_restore.restorers.posterior import PixelPosterior

  mask = np.zeros((64, 64), np.float32)
  mask[16:48, 16:48] = 1
  A = gr.operators.inpaint(mask)
  rng = np.random.default_rng(0)
  images = lambda: rng.random((batch, 64, 64, 3), np.float32)
  y = jax.device_put(A(images()))
  if case == "denoiser, network":
    posterior = jax.device_put(PixelPosterior(images(), 0.01 + 0.2 * images(), images()))
    network = jax.jit(any_damage.restore_mean)
    prior = hub.load_prior()
    return lambda: jax.block_until_ready(network(prior, posterior)), batch
  options = {"num_steps": STEPS, "num_restarts": 1, "blend": "none"} if case == "map" else {}
  restorer = gr.load(case, **options)
  return lambda: jax.block_until_ready(restorer(y, A)), batch


def pytorch(case, batch, layout="contiguous_format"):
  import torch

  layout = getattr(torch, layout)
  if case != "map":
    name = case.partition(",")[0]
    run = importlib.import_module(f"torch_{name}").restoring(batch, layout)
    return torch.inference_mode()(run), batch
  from torch_dcgan import discriminator, generator, search

  g = generator().eval().requires_grad_(False).to(memory_format=layout)
  d = discriminator().eval().requires_grad_(False).to(memory_format=layout)
  mask = torch.zeros(1, 1, 64, 64)
  mask[..., 16:48, 16:48] = 1
  y = torch.rand(batch, 3, 64, 64) * (1 - mask)
  return lambda: search(g, d, y, mask, STEPS, 1.0), batch


def pytorch_channels_last(case, batch):
  return pytorch(case, batch, "channels_last")


if __name__ == "__main__":
  cases = ("denoiser, network", "denoiser", *COMPLETION, "map")
  compare.main(
    __file__,
    {"gan_restore": ours, "PyTorch": pytorch, "channels_last": pytorch_channels_last},
    {f"{name}, batch {batch}": (name, batch) for name in cases for batch in (1, 8, 64)},
    "faces",
  )
