"""The fields that ResGAN and its baselines share: data sets, coarse images, training budget.

This file is not a config that can be run. Configs are, for example, `configs/resgan.py:mnist`.
The sets are mnist, cifar10, cifar100 and celeba.
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
  config.exclusive = name != "celeba"  # True: one class per image; False: attributes.
  config.label = ""  # The attribute used as the class; empty for the set's own labels.
  config.flip = name != "mnist"
  config.width = 32
  config.reconstruction_weight = 100.0  # Weight of the L1 loss, as in pix2pix; none in the paper.

  config.batch_size = 64
  config.steps = 3_000
  config.learning_rate = 2e-4
  config.schedule = "constant"
  config.sample_every = 1_000
  config.checkpoint_every = 1_000
  return config
