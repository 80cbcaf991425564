"""CGAN (Mirza, Osindero 2014) restoring from a coarse image and its label, a baseline of ResGAN.

The networks are DCGAN's.

    python -m gan_restore.main --config=configs/cgan.py:mnist --workdir=runs/cgan-mnist
"""

from gan_restore.configs import gan


def get_config(name="mnist"):
  config = gan.get_config(name)
  config.network = "conv"
  config.conditional = True
  return config
