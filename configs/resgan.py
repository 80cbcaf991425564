"""ResGAN (Wang, Li, Li): restores from an extremely coarse image.

"Generative Adversarial Network based on Resnet for Conditional Image Restoration", eqs 4 to 9.

    python -m gan_restore.main --config=configs/resgan.py:mnist --workdir=runs/resgan-mnist

resgan.py:mnist takes eleven minutes on two CPU cores. It reaches 21.2 dB and an SSIM of 0.903. A
classifier recognises 96.6% of the restored digits. `gan-restore compare-gans` trains ResGAN and
its baselines. docs/measured.md has their scores.
"""

from gan_restore.configs import coarse


def get_config(name="mnist"):
  config = coarse.base("resgan", name)
  config.reconstruction_weight = 10.0 * config.classes  # 10 for each bit in the sum of eq. 5.
  config.join = "concatenate"  # Or "add", which is eq. 9 as printed.
  config.discriminator_round = 1
  config.generator_round = 3
  return config
