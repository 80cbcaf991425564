"""The shipped completion network: `cdcgan.py` for a few thousand faces and two cores.

    make train-completion DATA=folder:/path/to/celeba

A quarter of the paper's width, and more steps of fewer images. An hour and a half on two CPU cores,
taken as two devices; its scores are in the model card, gan_restore/shipped/cdcgan.md.
"""

from configs import cdcgan


def get_config():
  config = cdcgan.get_config()
  config.width = 16
  config.batch_size = 32
  config.generator_steps = 7_000
  config.discriminator_steps = 500
  config.steps = 12_000
  config.adversarial_weight = 0.03
  config.keep_every = 500
  return config
