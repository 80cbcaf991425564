"""The shipped autoencoding GAN: `autoencoder_gan.py` as it is.

    make train-autoencoder_gan DATA=folder:/path/to/celeba

An hour on two CPU cores, as two devices.
"""

from gan_restore.configs import autoencoder_gan


def get_config():
  return autoencoder_gan.get_config()
