"""CGAN (Mirza, Osindero 2014), a baseline of ResGAN: restores from a coarse image and its label.

The networks are those of DCGAN.

    python -m gan_restore.main --config=configs/cgan.py:mnist --workdir=runs/cgan-mnist
"""

from gan_restore.configs import gan


def get_config(name="mnist"):
  config = gan.get_config(name)
  config.network = "conv"
  config.conditional = True
  return config
