"""What the PyTorch implementations share."""

import torch


def images(batch: int, layout: torch.memory_format) -> torch.Tensor:
  """Random images [N, 3, 64, 64] in [-1, 1]."""
  return torch.rand(batch, 3, 64, 64).to(memory_format=layout) * 2 - 1


def rectangles(batch: int) -> torch.Tensor:
  """Masks [N, 1, 64, 64] like those of `masks.rectangle`."""
  mask = torch.zeros(batch, 1, 64, 64)
  for one in mask[:, 0]:
    height, width = torch.randint(16, 33, (2,)).tolist()
    row, column = (int(torch.randint(0, 65 - size, ())) for size in (height, width))
    one[row : row + height, column : column + width] = 1
  return mask


def adam(network: torch.nn.Module, rate: float = 1e-3) -> torch.optim.Optimizer:
  """Adam with the momentum of the configs."""
  return torch.optim.Adam(network.parameters(), rate, (0.5, 0.999))


def training(trainer, batch: int, layout: torch.memory_format):
  """A function that runs one step of a completion network on random images and holes."""
  real, mask = images(batch, layout), rectangles(batch)
  return lambda: trainer.step(real, mask)


def restoring(complete, batch: int, layout: torch.memory_format):
  """A function that fills the holes of random images by `complete`: (image, mask) -> image."""
  real, mask = images(batch, layout), rectangles(batch)
  return lambda: real * (1 - mask) + complete(real, mask) * mask
