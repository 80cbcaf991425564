"""GAN (Goodfellow et al. 2014) and DCGAN (Radford et al. 2015) restoring from a coarse image.

Baselines of ResGAN in its comparison; the coarse image's pixels replace their noise vector.

    python -m gan_restore.main --config=configs/gan.py:mnist --workdir=runs/gan-mnist
    python -m gan_restore.main --config=configs/gan.py:mnist --config.network=conv ...  # DCGAN
"""

from gan_restore.configs import coarse


def get_config(name="mnist"):
  config = coarse.base("gan", name)
  config.network = "dense"  # GAN; conv is DCGAN.
  config.conditional = False  # The label as an input of both networks: CGAN.
  return config
