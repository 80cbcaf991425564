"""The face prior of MAP restoration: DCGAN (Radford et al. 2015) at 64x64.

Yeh, Lim et al., "Image Restoration with Deep Generative Models", section 3.2: Adam, random
horizontal flips; z uniform on [-1, 1]^100.

    python -m gan_restore.main --config=configs/dcgan.py --workdir=runs/dcgan

The run takes about 25 epochs of CelebA's 162,770 training images. With only a few thousand
images, add --config.augment=color,translation (see `nn/augmentations.py`).
configs/shipped/dcgan.py trains the shipped prior.
"""

from gan_restore.configs import common


def get_config():
  config = common.base("dcgan")
  config.augment = ""  # Such as color,translation,cutout; see nn/augmentations.py.

  config.latent_dim = 100
  config.width = 64

  config.batch_size = 64
  config.steps = 64_000
  config.learning_rate = 2e-4
  config.schedule = "constant"
  config.sample_every = 1_000
  config.checkpoint_every = 1_000
  config.keep_period = 10_000
  return config
