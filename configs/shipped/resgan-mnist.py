"""The shipped ResGAN of digits: `resgan.py:mnist` as it is.

    make train-resgan-mnist DATA=mnist

Eleven minutes on two CPU cores, as two devices.
"""

from gan_restore.configs import resgan


def get_config():
  return resgan.get_config("mnist")
