"""The shipped cDCGAN: `cdcgan.py` for a few thousand faces and two cores.

    make train-cdcgan DATA=folder:/path/to/celeba

It has a quarter of the paper's width, and more steps of fewer images. The training takes about an
hour on two idle CPU cores, used as two JAX devices. The shipped step is 9,000. It was chosen by
eye, because later steps are sharper but have coloured specks.
"""

from gan_restore.configs import cdcgan


def get_config():
  config = cdcgan.get_config()
  config.width = 16
  config.batch_size = 32
  config.learning_rate = 1e-3
  config.generator_steps = 7_000
  config.discriminator_steps = 500
  config.steps = 12_000
  config.adversarial_weight = 0.03
  config.keep_period = 500
  config.export_step = 9_000
  return config
