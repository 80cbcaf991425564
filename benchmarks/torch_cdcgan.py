"""The PyTorch implementation to compare with: cDCGAN with the layers of `gan_restore` at 64x64."""

import torch
import torch_common
from torch import nn
from torch.nn import functional as F


def act(x):
  return F.leaky_relu(x, 0.2)


class Block(nn.Module):
  def __init__(self, i, o, up=False):
    super().__init__()
    self.up = up
    self.first = nn.ConvTranspose2d(i, o, 4, 2, 1) if up else nn.Conv2d(i, o, 3, 2, 1)
    self.second = nn.Conv2d(o, o, 3, 1, 1)
    self.shortcut = nn.Conv2d(i, o, 1, 1 if up else 2)

  def forward(self, x):
    shortcut = self.shortcut(x)
    if self.up:
      shortcut = F.interpolate(shortcut, scale_factor=2)
    return self.second(act(self.first(act(x)))) + shortcut


class Generator(nn.Module):
  def __init__(self, w):
    super().__init__()
    self.stem = nn.Conv2d(4, w, 3, 1, 1)
    self.down = nn.ModuleList([Block(w, w), Block(w, 2 * w), Block(2 * w, 4 * w)])
    self.widen = nn.Conv2d(4 * w, 16 * w, 1)
    conv = lambda rate: (
      nn.Conv2d(16 * w, 16 * w, 3, 1, rate, rate, bias=False)
      if rate < 8
      else nn.Conv2d(16 * w, 16 * w, 1, bias=False)
    )
    self.dilated = nn.ModuleList([conv(rate) for rate in (2, 4, 8, 16)])
    self.norms = nn.ModuleList([nn.BatchNorm2d(16 * w) for _ in range(4)])
    up = [(16 * w, 4 * w), (4 * w, 2 * w), (2 * w, w)]
    self.up = nn.ModuleList([Block(i, o, up=True) for i, o in up])
    self.lateral = nn.ModuleList(
      [nn.Conv2d(i, o, 1) for i, o in [(2 * w, 4 * w), (w, 2 * w), (w, w)]]
    )
    self.levels = nn.ModuleList([nn.Conv2d(i, w // 2, 1) for i in (16 * w, 4 * w, 2 * w)])
    self.last = nn.Conv2d(w, w // 2, 4, 1, "same")
    self.smooth = nn.Conv2d(w // 2, w // 2, 3, 1, 1)
    self.rgb = nn.Conv2d(w // 2, 3, 3, 1, 1)

  def forward(self, image, mask):
    encoder = [self.stem(torch.cat([image * (1 - mask), mask], 1))]
    for block in self.down:
      encoder.append(block(encoder[-1]))
    x = self.widen(act(encoder.pop()))
    for conv, norm in zip(self.dilated, self.norms):
      x = act(norm(conv(x)))
    levels = [x]
    for block, lateral in zip(self.up, self.lateral):
      x = block(x) + lateral(encoder.pop())
      levels.append(x)
    y = self.last(act(levels.pop()))
    for level, conv in zip(levels, self.levels):
      y = y + F.interpolate(conv(act(level)), size=y.shape[2:], mode="bilinear")
    return torch.tanh(self.rgb(act(self.smooth(act(y)))))


def features(w, channels, size):
  layers = [nn.Conv2d(channels, w, 4, 2, 1), nn.LeakyReLU(0.2)]
  size, width = size // 2, w
  while size > 4:
    layers += [nn.Conv2d(width, min(2 * width, 8 * w), 4, 2, 1, bias=False)]
    size, width = size // 2, min(2 * width, 8 * w)
    layers += [nn.BatchNorm2d(width), nn.LeakyReLU(0.2)]
  return nn.Sequential(
    *layers, nn.Flatten(), nn.Linear(size * size * width, 16 * w), nn.LeakyReLU(0.2)
  )


class Discriminator(nn.Module):
  def __init__(self, w):
    super().__init__()
    self.whole, self.local = features(w, 4, 64), features(w, 4, 48)
    self.last = nn.Linear(32 * w, 1)

  def forward(self, image, mask):
    x = torch.cat([image, mask], 1)
    windows = torch.stack([self.window(*pair) for pair in zip(x, mask)])
    return self.last(torch.cat([self.whole(x), self.local(windows)], 1))[:, 0]

  @staticmethod
  def window(x, mask):
    center = mask[0].nonzero().float().mean(0) + 0.5
    row, column = (center - 24).round().clamp(0, 16).int().tolist()
    return x[:, row : row + 48, column : column + 48]


class Trainer:
  """A joint step in usual PyTorch style: discriminator, classifier and generator in turn."""

  def __init__(self, width, layout, classes=40):
    to = lambda network: network.to(memory_format=layout)
    self.g, self.d = to(Generator(width)), to(Discriminator(width))
    self.c = to(nn.Sequential(features(width, 3, 64), nn.Linear(16 * width, classes)))
    self.opt_g, self.opt_d, self.opt_c = map(torch_common.adam, (self.g, self.d, self.c))

  def step(self, real, label, mask_g, mask_d):
    softplus, bce = F.softplus, F.binary_cross_entropy_with_logits
    generated = self.g(real, mask_g)
    completed = real * (1 - mask_g) + generated * mask_g
    self.opt_d.zero_grad()
    fake = completed.detach()
    loss = softplus(-self.d(real, mask_d)).mean() + softplus(self.d(fake, mask_g)).mean()
    loss.backward()
    self.opt_d.step()
    self.opt_c.zero_grad()
    (bce(self.c(real), label) + bce(self.c(fake), label)).backward()
    self.opt_c.step()
    self.opt_g.zero_grad()
    error = (generated - real).abs().mean(1, keepdim=True)
    loss = (mask_g * error).sum() / mask_g.sum()
    loss = loss + 0.1 * ((1 - mask_g) * error).sum() / (1 - mask_g).sum()
    loss = loss + 0.005 * softplus(-self.d(completed, mask_g)).mean()
    (loss + 0.005 * bce(self.c(completed), label)).backward()
    self.opt_g.step()


def training(batch, layout, width=16):
  """A function that runs one step on random images and holes."""
  trainer, real = Trainer(width, layout), torch_common.images(batch, layout)
  label = torch.randint(0, 2, (batch, 40)).float()
  masks = torch_common.rectangles(batch), torch_common.rectangles(batch)
  return lambda: trainer.step(real, label, *masks)


def restoring(batch, layout, width=16):
  """A function that fills holes."""
  return torch_common.restoring(Generator(width).to(memory_format=layout).eval(), batch, layout)
