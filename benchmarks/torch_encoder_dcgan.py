"""The PyTorch implementation to compare with: the encoder-decoder DCGAN of `gan_restore` at
64x64."""

import itertools

import torch
import torch_common
from torch import nn
from torch.nn import functional as F


def generator(w):
  sizes = [3, w, 2 * w, 4 * w, 8 * w]
  norm = lambda features: [nn.BatchNorm2d(features), nn.LeakyReLU(0.2)]
  layers = []
  for i, o in itertools.pairwise(sizes):
    layers += [nn.Conv2d(i, o, 4, 2, 1, bias=False), *norm(o)]
  layers += [nn.Conv2d(8 * w, 16 * w, 3, 1, 1, bias=False), *norm(16 * w)]
  for i in (16, 8, 4):
    layers += [nn.ConvTranspose2d(i * w, i * w // 2, 4, 2, 1, bias=False), *norm(i * w // 2)]
  return nn.Sequential(*layers, nn.ConvTranspose2d(2 * w, 3, 4, 2, 1), nn.Tanh())


def discriminator(w):
  sizes = [6, w, 2 * w, 4 * w, 8 * w]
  layers = []
  for i, o in itertools.pairwise(sizes):
    layers += [nn.Conv2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
  return nn.Sequential(*layers, nn.Conv2d(8 * w, 1, 4, 4, 0), nn.Flatten(0))


class Trainer:
  """A step in usual PyTorch style: the discriminator, then the generator."""

  def __init__(self, width, layout):
    to = lambda network: network.to(memory_format=layout)
    self.g, self.d = to(generator(width)), to(discriminator(width))
    self.opt_g, self.opt_d = torch_common.adam(self.g), torch_common.adam(self.d)

  def step(self, real, mask):
    softplus = F.softplus
    broken = real * (1 - mask)
    logits = lambda x: self.d(torch.cat([broken, x], 1))
    generated = self.g(broken)
    stitched = broken + generated * mask
    self.opt_d.zero_grad()
    loss = softplus(-logits(real)).mean() + 0.5 * softplus(logits(generated.detach())).mean()
    (loss + 0.5 * softplus(logits(stitched.detach())).mean()).backward()
    self.opt_d.step()
    self.opt_g.zero_grad()
    error = (generated - real).abs().mean(1, keepdim=True)
    loss = (mask * error).sum() / mask.sum()
    loss = loss + 0.1 * ((1 - mask) * error).sum() / (1 - mask).sum()
    difference = stitched - real
    loss = loss + difference.diff(dim=2).abs().mean() + difference.diff(dim=3).abs().mean()
    loss = loss + 0.0025 * softplus(-logits(generated)).mean()
    (loss + 0.0025 * softplus(-logits(stitched)).mean()).backward()
    self.opt_g.step()


def training(batch, layout, width=32):
  """A function that runs one training step."""
  return torch_common.training(Trainer(width, layout), batch, layout)


def restoring(batch, layout, width=32):
  """A function that fills holes."""
  g = generator(width).to(memory_format=layout).eval()
  return torch_common.restoring(lambda x, mask: g(x * (1 - mask)), batch, layout)
