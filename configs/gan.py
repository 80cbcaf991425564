"""GAN (Goodfellow et al. 2014) and DCGAN (Radford et al. 2015), which restore from a coarse image.

They are baselines of ResGAN. The pixels of the coarse image replace their noise vector.

    python -m gan_restore.main --config=configs/gan.py:mnist --workdir=runs/gan-mnist
    python -m gan_restore.main --config=configs/gan.py:mnist --config.network=conv ...  # DCGAN
"""

from gan_restore.configs import coarse


def get_config(name="mnist"):
  config = coarse.base("gan", name)
  config.network = "dense"  # "dense" is GAN, "conv" is DCGAN.
  config.conditional = False  # True: both networks get the label as an input (CGAN).
  return config
