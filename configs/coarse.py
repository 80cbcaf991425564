"""What ResGAN and its baselines share: the data sets, their coarse images, the budget.

No run by itself: those are `configs/resgan.py:mnist` and so on; the sets are mnist, cifar10,
cifar100 and celeba.
"""

from gan_restore.configs import common

SETS = {
  "mnist": {"dataset": "mnist", "image_size": 28, "channels": 1, "classes": 10, "factor": 4},
  "cifar10": {"dataset": "cifar10", "image_size": 32, "channels": 3, "classes": 10, "factor": 4},
  "cifar100": {"dataset": "cifar100", "image_size": 32, "channels": 3, "classes": 100, "factor": 4},
  "celeba": {"dataset": "celeb_a", "image_size": 64, "channels": 3, "classes": 40, "factor": 8},
}


def base(family, name):
  if name not in SETS:
    raise ValueError(f"unknown set {name!r}; there are: {', '.join(SETS)}")
  config = common.base(family)
  config.update(SETS[name])
  config.exclusive = name != "celeba"  # One class an image; else attributes.
  config.label = ""  # One attribute as the class; empty for the set's own labels.
  config.flip = name != "mnist"
  config.width = 32
  config.reconstruction_weight = 100.0  # Of the L1 distance, as in pix2pix; the paper has none.

  config.batch_size = 64
  config.steps = 3_000
  config.learning_rate = 2e-4
  config.schedule = "constant"
  config.sample_every = 1_000
  config.checkpoint_every = 1_000
  return config
