"""The face prior of MAP restoration: DCGAN (Radford et al. 2015) at 64x64.

Yeh, Lim et al., "Image Restoration with Deep Generative Models", section 3.2: Adam, random
horizontal flips; z uniform on [-1, 1]^100.

    python -m gan_restore.main --config=configs/dcgan.py --workdir=runs/dcgan

About 25 epochs of CelebA's 162,770 training images. On a few thousand images add
--config.augment=color,translation (see `augment.py`); the shipped prior's own command and scores
are in its model card, gan_restore/shipped/dcgan.md.
"""

import ml_collections


def get_config():
  config = ml_collections.ConfigDict()
  config.family = "dcgan"

  config.dataset = "celeb_a"  # Any TFDS name, folder:PATH or toy_faces.
  config.data_dir = ""  # Where TFDS keeps prepared sets; empty for its default.
  config.image_size = 64
  config.channels = 3
  config.flip = True
  config.augment = ""  # Out of color, translation, cutout, by commas.

  config.latent_dim = 100
  config.width = 64
  config.dtype = "float32"  # Or bfloat16.

  config.batch_size = 64
  config.steps = 64_000
  config.learning_rate = 2e-4
  config.schedule = "constant"  # Or cosine: to 0 at the last step.
  config.beta1 = 0.5
  config.ema_decay = 0.999
  config.seed = 0

  config.log_every = 50
  config.sample_every = 1_000
  config.checkpoint_every = 1_000
  config.keep = 2  # Newest checkpoints kept,
  config.keep_every = 10_000  # and those at multiples of this step, from which the best is chosen.
  return config
