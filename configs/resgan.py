"""ResGAN (Wang, Li, Li): restoring from an extremely coarse image.

"Generative Adversarial Network based on Resnet for Conditional Image Restoration", eqs 4 to 9.

    python -m gan_restore.main --config=configs/resgan.py:mnist --workdir=runs/resgan-mnist

:mnist takes eleven minutes on two CPU cores and reaches 21.2 dB, SSIM 0.903; a classifier
recognises 96.6% of the digits. `gan-restore compare-gans` trains it beside its baselines;
docs/measured.md has their scores.
"""

from gan_restore.configs import coarse


def get_config(name="mnist"):
  config = coarse.base("resgan", name)
  config.reconstruction_weight = 10.0 * config.classes  # 10 for each bit that eq. 5 sums.
  config.join = "concatenate"  # Or add, eq. 9 as printed.
  config.discriminator_round = 1
  config.generator_round = 3
  return config
