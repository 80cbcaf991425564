"""ResGAN (Wang, Li, Li): restoring from an extremely coarse image.

"Generative Adversarial Network based on Resnet for Conditional Image Restoration", eqs 4 to 9.

    python -m gan_restore.main --config=configs/resgan.py:mnist --workdir=runs/resgan-mnist
"""

from configs import coarse


def get_config(name="mnist"):
  config = coarse.base(name)
  config.family = "resgan"
  config.join = "concatenate"  # Or add, eq. 9 as printed.
  config.discriminator_round = 1
  config.generator_round = 3
  return config
