"""The shipped autoencoding GAN: `autoencoder_gan.py` without changes.

    make train-autoencoder_gan DATA=folder:/path/to/celeba

The training takes an hour on two CPU cores, used as two JAX devices.
"""

from gan_restore.configs import autoencoder_gan


def get_config():
  return autoencoder_gan.get_config()
