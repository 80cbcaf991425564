"""GAN (Goodfellow et al. 2014) and DCGAN (Radford et al. 2015) restoring from a coarse image.

Rivals of ResGAN in its comparison; where they have noise, the coarse image's pixels stand here.

    python -m gan_restore.main --config=configs/gan.py:mnist --workdir=runs/gan-mnist
    python -m gan_restore.main --config=configs/gan.py:mnist --config.network=conv ...  # DCGAN
"""

from configs import coarse


def get_config(name="mnist"):
  config = coarse.base(name)
  config.family = "gan"
  config.network = "dense"  # GAN; conv is DCGAN.
  config.conditional = False  # The label into both networks: CGAN.
  return config
