"""The PyTorch implementation to compare with: the network of `denoiser` at 64x64, without the
computation of its inputs."""

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
  def __init__(self, features):
    super().__init__()
    self.first = nn.Conv2d(features, features, 3, 1, 1)
    self.second = nn.Conv2d(features, features, 3, 1, 1)
    self.affine = nn.Linear(64, 2 * features)

  def forward(self, x, condition):
    h = self.first(F.silu(x))
    h = h / (h.square().mean((1, 2, 3), keepdim=True) + 1e-4).sqrt()
    scale, shift = self.affine(condition)[:, :, None, None].chunk(2, 1)
    return x + self.second(F.silu((1 + scale) * h + shift))


class Denoiser(nn.Module):
  def __init__(self, w):
    super().__init__()
    sizes = [w, 2 * w, 4 * w]
    self.embed = nn.Linear(32, 64)
    self.stem = nn.Conv2d(36, w, 3, 1, 1)
    counts = [2, 1, 2]  # Blocks at 32x32, 16x16 and 8x8.
    blocks = lambda features, count: nn.ModuleList([Block(features) for _ in range(count)])
    self.down = nn.ModuleList([blocks(sizes[0], counts[0]), blocks(sizes[1], counts[1])])
    self.halve = nn.ModuleList(
      [nn.Conv2d(sizes[0], sizes[1], 2, 2), nn.Conv2d(sizes[1], sizes[2], 2, 2)]
    )
    self.middle = blocks(sizes[2], counts[2])
    self.widen = nn.ModuleList(
      [nn.ConvTranspose2d(sizes[2], sizes[1], 2, 2), nn.ConvTranspose2d(sizes[1], sizes[0], 2, 2)]
    )
    self.up = nn.ModuleList([blocks(sizes[1], counts[1]), blocks(sizes[0], counts[0])])
    self.last = nn.Conv2d(w, 24, 3, 1, 1)

  def forward(self, mean, std, smooth):
    uncertainty = 1 + torch.log(std / 0.25) / 2
    angle = uncertainty.mean((1, 2, 3))[:, None] * 2.0 ** torch.linspace(-2, 3, 16)
    condition = F.silu(self.embed(torch.cat([angle.cos(), angle.sin()], 1)))
    contrast = (2 * mean - 1).square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(0.05)
    x = torch.cat([(2 * mean - 1) / contrast, (2 * smooth - 1) / contrast, uncertainty], 1)
    x = self.stem(F.pixel_unshuffle(x, 2))
    passed = []
    for blocks, halve in zip(self.down, self.halve):
      for block in blocks:
        x = block(x, condition)
      passed.append(x)
      x = halve(x)
    for block in self.middle:
      x = block(x, condition)
    for blocks, double in zip(self.up, self.widen):
      x = double(x) + passed.pop()
      for block in blocks:
        x = block(x, condition)
    correction, share = F.pixel_shuffle(self.last(F.silu(x)), 2).chunk(2, 1)
    share = torch.sigmoid(share + 2 * torch.log(std / 0.03))
    return mean + share * (smooth - mean) + (std.square() + 0.03**2).sqrt() * correction


def restoring(batch, layout, width=64):
  """A function that applies the network to random inputs and to their mirror images."""
  network = Denoiser(width).to(memory_format=layout).eval()
  random = lambda: torch.rand(2 * batch, 3, 64, 64).to(memory_format=layout)
  mean, std, smooth = random(), 0.01 + 0.2 * random(), random()
  return lambda: network(mean, std, smooth)
