"""The PyTorch implementation to compare with: the U-Net GAN of `gan_restore` at 64x64."""

import itertools

import torch
import torch_common
from torch import nn
from torch.nn import functional as F


class UNet(nn.Module):
  def __init__(self, w):
    super().__init__()
    self.stem = nn.Conv2d(4, w, 3, 1, 1)
    sizes = [w, 2 * w, 4 * w, 8 * w, 8 * w]
    pairs = list(itertools.pairwise(sizes))
    self.down = nn.ModuleList(
      [nn.Sequential(nn.Conv2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o)) for i, o in pairs]
    )
    ups = [(sizes[-1] if k == len(pairs) - 1 else 2 * o, i) for k, (i, o) in enumerate(pairs)]
    self.up = nn.ModuleList(
      [
        nn.Sequential(nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o))
        for i, o in reversed(ups)
      ]
    )
    self.rgb = nn.Conv2d(2 * w, 3, 3, 1, 1)

  def forward(self, image, mask):
    x = F.leaky_relu(self.stem(torch.cat([image, mask], 1)), 0.2)
    passed = []
    for block in self.down:
      passed.append(x)
      x = F.leaky_relu(block(x), 0.2)
    for block in self.up:
      x = torch.cat([F.relu(block(x)), passed.pop()], 1)
    return torch.tanh(self.rgb(x))


def discriminator(w):
  layers = [nn.Conv2d(4, w, 4, 2, 1), nn.LeakyReLU(0.2)]
  for i in (1, 2, 4):
    layers += [nn.Conv2d(w * i, 2 * w * i, 4, 2, 1, bias=False)]
    layers += [nn.BatchNorm2d(2 * w * i), nn.LeakyReLU(0.2)]
  return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 8 * w, 1))


def fill(image, mask):
  """Fills the hole with the mean colour of the ring around it."""
  around = F.max_pool2d(mask, 7, 1, 3) * (1 - mask)
  mean = (around * image).sum((2, 3), keepdim=True) / around.sum((2, 3), keepdim=True)
  return image * (1 - mask) + mean * mask


class Trainer:
  """A step in usual PyTorch style: the discriminator, then the generator."""

  def __init__(self, width, layout):
    to = lambda network: network.to(memory_format=layout)
    self.g, self.d = to(UNet(width)), to(discriminator(width))
    self.opt_g, self.opt_d = torch_common.adam(self.g), torch_common.adam(self.d)

  def step(self, real, mask):
    softplus, logits = F.softplus, lambda x: self.d(torch.cat([x, mask], 1))
    generated = self.g(fill(real, mask), mask)
    completed = real * (1 - mask) + generated * mask
    self.opt_d.zero_grad()
    (softplus(-logits(real)).mean() + softplus(logits(completed.detach())).mean()).backward()
    self.opt_d.step()
    self.opt_g.zero_grad()
    error = (generated - real).abs().mean(1, keepdim=True)
    loss = (mask * error).sum() / mask.sum()
    loss = loss + 0.1 * ((1 - mask) * error).sum() / (1 - mask).sum()
    (loss + 0.005 * softplus(-logits(completed)).mean()).backward()
    self.opt_g.step()


def training(batch, layout, width=32):
  """A function that runs one training step."""
  return torch_common.training(Trainer(width, layout), batch, layout)


def restoring(batch, layout, width=32):
  """A function that fills holes."""
  g = UNet(width).to(memory_format=layout).eval()
  return torch_common.restoring(lambda x, mask: g(fill(x, mask), mask), batch, layout)
