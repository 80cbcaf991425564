"""CGAN (Mirza, Osindero 2014) restoring from a coarse image and its label, a rival of ResGAN.

python -m gan_restore.main --config=configs/cgan.py:mnist --workdir=runs/cgan-mnist
"""

from configs import coarse


def get_config(name="mnist"):
  config = coarse.base(name)
  config.family = "cgan"
  return config
