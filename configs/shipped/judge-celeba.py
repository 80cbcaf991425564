"""The shipped classifier of 40 attributes: `classifier.py:celeba` with a smaller width.

    make train-judge-celeba DATA=folder:/path/to/celeba

The training takes ten minutes on two CPU cores.
"""

from gan_restore.configs import classifier


def get_config():
  config = classifier.get_config("celeba")
  config.width = 16
  config.batch_size = 32
  config.steps = 3_000
  return config
