"""What ResGAN and its rivals share: the data sets, their coarse images, the budget.

No run by itself: those are `configs/resgan.py:mnist` and so on; the sets are mnist, cifar10,
cifar100 and celeba.
"""

import ml_collections

SETS = {
  "mnist": {"dataset": "mnist", "image_size": 28, "channels": 1, "classes": 10, "factor": 4},
  "cifar10": {"dataset": "cifar10", "image_size": 32, "channels": 3, "classes": 10, "factor": 4},
  "cifar100": {"dataset": "cifar100", "image_size": 32, "channels": 3, "classes": 100, "factor": 4},
  "celeba": {"dataset": "celeb_a", "image_size": 64, "channels": 3, "classes": 40, "factor": 8},
}


def base(name):
  if name not in SETS:
    raise ValueError(f"unknown set {name!r}; there are: {', '.join(SETS)}")
  config = ml_collections.ConfigDict(SETS[name])
  config.data_dir = ""  # Where TFDS keeps prepared sets; empty for its default.
  config.label = ""
  config.flip = name != "mnist"
  config.width = 32
  config.dtype = "float32"  # Or bfloat16.
  config.reconstruction_weight = 100.0  # Of the L1 distance, as in pix2pix; the paper has none.

  config.batch_size = 64
  config.steps = 3_000
  config.learning_rate = 2e-4
  config.schedule = "constant"  # Or cosine: to 0 at the last step.
  config.beta1 = 0.5
  config.ema_decay = 0.999
  config.seed = 0

  config.log_every = 50
  config.sample_every = 1_000
  config.checkpoint_every = 1_000
  config.keep = 2  # Newest checkpoints kept,
  config.keep_every = 0  # and those at multiples of this step, from which the best is chosen.
  return config
