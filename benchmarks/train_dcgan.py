"""Training of DCGAN (64 channels, batch 64, float32): this package compared with PyTorch.

    make bench

Prints the images per second of each and the ratio. The rounds alternate and the medians are
compared, so that a change of the machine's speed affects both. --stock also measures Flax's own
layers, whose `nn.ConvTranspose` and `nn.Conv` gradients are XLA's own.
"""

import argparse
import statistics
import time

import compare
import flax.linen as nn
import jax
import torch
from gan_restore.configs import dcgan as script
from torch_dcgan import Trainer

from gan_restore.nn import layers

BATCH = 64


def ours():
  config = script.get_config()
  config.batch_size = BATCH
  return compare.training_step(config)


class _StockConv(layers.Conv):
  @nn.compact
  def __call__(self, x):
    return nn.Conv(self.features, (4, 4), (2, 2), padding=1, use_bias=self.use_bias)(x)


class _StockConvTranspose(layers.ConvTranspose):
  @nn.compact
  def __call__(self, x):
    return nn.ConvTranspose(self.features, (4, 4), (2, 2), use_bias=self.use_bias)(x)


def stock():
  """The same step with Flax's own layers."""
  conv, conv_transpose = layers.Conv, layers.ConvTranspose
  layers.Conv, layers.ConvTranspose = _StockConv, _StockConvTranspose
  try:
    run = ours()
    run()  # Traces the step while the layers are replaced.
  finally:
    layers.Conv, layers.ConvTranspose = conv, conv_transpose
  return run


def pytorch(channels_last):
  trainer = Trainer(channels_last)
  images = (torch.rand(BATCH, 3, 64, 64) * 2 - 1).to(memory_format=trainer.layout)
  return lambda: trainer.step(images)


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("--rounds", type=int, default=5)
  parser.add_argument("--steps", type=int, default=4, help="steps in a round")
  parser.add_argument("--stock", action="store_true", help="also measure Flax's own layers")
  arguments = parser.parse_args()
  runs = {
    "gan_restore": ours(),
    "PyTorch": pytorch(False),
    "PyTorch channels_last": pytorch(True),
  }
  if arguments.stock:
    runs["stock Flax"] = stock()
  speeds = {name: [] for name in runs}
  for run in runs.values():
    run()
    run()
  for _ in range(arguments.rounds):
    for name, run in runs.items():
      steps = 1 if name == "stock Flax" else arguments.steps
      start = time.perf_counter()
      for _ in range(steps):
        run()
      speeds[name].append(BATCH * steps / (time.perf_counter() - start))
  medians = {name: statistics.median(values) for name, values in speeds.items()}
  print(f"jax {jax.__version__}, torch {torch.__version__}, {jax.devices()[0].device_kind}")
  for name, median in medians.items():
    print(
      f"{name:24} {median:7.1f} images/s  (gan_restore is {medians['gan_restore'] / median:.2f}x)"
    )


if __name__ == "__main__":
  main()
