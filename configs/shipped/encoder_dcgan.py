"""The shipped encoder-decoder DCGAN: `encoder_dcgan.py`, but with an earlier step exported.

    make train-encoder_dcgan DATA=folder:/path/to/celeba

The training takes forty minutes on two CPU cores, used as two JAX devices. The shipped step is
4,000. It was chosen by eye, because the last step is sharper but has more coloured specks on dark
faces.
"""

from gan_restore.configs import encoder_dcgan


def get_config():
  config = encoder_dcgan.get_config()
  config.keep_period = 1_000
  config.export_step = 4_000
  return config
