"""The shipped encoder-decoder DCGAN: `encoder_dcgan.py`, of which an earlier step ships.

    make train-encoder_dcgan DATA=folder:/path/to/celeba

Forty minutes on two CPU cores, as two devices. Step 4,000 ships, chosen by eye: the last one is
sharper and has more coloured specks on dark faces.
"""

from gan_restore.configs import encoder_dcgan


def get_config():
  config = encoder_dcgan.get_config()
  config.keep_period = 1_000
  config.export_step = 4_000
  return config
