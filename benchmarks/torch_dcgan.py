"""The PyTorch implementation to compare with: DCGAN with the layers of `gan_restore`."""

import torch
import torch_common
from torch import nn


def generator(latent_dim=100, width=64, channels=3):
  features = width * 8
  layers = [nn.ConvTranspose2d(latent_dim, features, 4, 1, 0, bias=False)]
  while features > width:
    layers += [nn.BatchNorm2d(features), nn.ReLU(True)]
    layers += [nn.ConvTranspose2d(features, features // 2, 4, 2, 1, bias=False)]
    features //= 2
  layers += [nn.BatchNorm2d(features), nn.ReLU(True)]
  return nn.Sequential(*layers, nn.ConvTranspose2d(features, channels, 4, 2, 1), nn.Tanh())


def discriminator(width=64, channels=3):
  layers = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
  for i in (1, 2, 4):
    layers += [nn.Conv2d(width * i, width * 2 * i, 4, 2, 1, bias=False)]
    layers += [nn.BatchNorm2d(width * 2 * i), nn.LeakyReLU(0.2, True)]
  return nn.Sequential(*layers, nn.Conv2d(width * 8, 1, 4, 1, 0), nn.Flatten(0))


class Trainer:
  """The training step of PyTorch's DCGAN tutorial: D first, then G with the new D."""

  def __init__(self, layout):
    self.g = generator().to(memory_format=layout)
    self.d = discriminator().to(memory_format=layout)
    self.opt_g, self.opt_d = torch_common.adam(self.g, 2e-4), torch_common.adam(self.d, 2e-4)

  def step(self, real):
    bce = nn.functional.binary_cross_entropy_with_logits
    fake = self.g(torch.rand(real.shape[0], 100, 1, 1) * 2 - 1)
    self.opt_d.zero_grad()
    on_real, on_fake = self.d(real), self.d(fake.detach())
    loss = bce(on_real, torch.ones_like(on_real)) + bce(on_fake, torch.zeros_like(on_fake))
    loss.backward()
    self.opt_d.step()
    self.opt_g.zero_grad()
    on_fake = self.d(fake)
    bce(on_fake, torch.ones_like(on_fake)).backward()
    self.opt_g.step()


def training(batch, layout):
  """A function that runs one step on random images."""
  trainer, real = Trainer(layout), torch_common.images(batch, layout)
  return lambda: trainer.step(real)


def search(g, d, y, mask, steps, prior_weight):
  """The latent search for inpainting: Adam on z, eq. 3 of the MAP paper, z clipped to the box."""
  z = (torch.rand(y.shape[0], 100, 1, 1) * 2 - 1).requires_grad_()
  optimizer = torch.optim.Adam([z], 0.05)
  for _ in range(steps):
    optimizer.zero_grad()
    x = g(z)
    loss = ((x + 1) / 2 * (1 - mask) - y).abs().sum() - prior_weight * d(x).sum()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
      z.clamp_(-1, 1)
  return z
