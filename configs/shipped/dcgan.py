"""The shipped face prior of the latent search: `dcgan.py` for a few thousand faces and two cores.

    make train-dcgan DATA=folder:/path/to/celeba

It differs from configs/dcgan.py in three points: it uses augmentation, because 8,000 faces are few,
the batch size is 32 instead of 64, and there are 10,000 steps instead of 64,000. The training took
108 minutes on two CPU cores that were not idle. Step 7,000 was chosen by score.
"""

from gan_restore.configs import dcgan


def get_config():
  config = dcgan.get_config()
  config.augment = "color,translation"
  config.batch_size = 32
  config.steps = 10_000
  config.sample_every = 500
  config.checkpoint_every = 500
  config.keep_period = 1_000
  return config
