"""The shipped ResGAN of digits: `resgan.py:mnist` without changes.

    make train-resgan-mnist DATA=mnist

The training takes eleven minutes on two CPU cores, used as two JAX devices.
"""

from gan_restore.configs import resgan


def get_config():
  return resgan.get_config("mnist")
