"""The shipped prior for any damage: it learns from damages of every kind and strength at once.

    XLA_FLAGS=--xla_force_host_platform_device_count=2 python -m gan_restore.main \
        --config=configs/denoiser.py --workdir=runs/denoiser

Three hours on two cores as two devices, for 384,000 images. What ships was trained so long and 40
minutes more in three parts, see its model card, with its scores.
`gan-restore restore --method runs/denoiser` restores with it.
"""

import ml_collections


def get_config():
  config = ml_collections.ConfigDict()
  config.family = "denoiser"

  config.dataset = "celeb_a"  # Any TFDS name, folder:PATH or toy_faces.
  config.data_dir = ""  # Where TFDS keeps prepared sets; empty for its default.
  config.image_size = 64
  config.channels = 3
  config.flip = True
  config.least_noise = 0.005  # Standard deviations, of images in [0, 1].
  config.most_noise = 1.0

  config.width = 64
  config.dtype = "float32"  # Or bfloat16.

  config.batch_size = 16
  config.steps = 24_000
  config.learning_rate = 6e-4
  config.schedule = "cosine"  # To 0 at the last step; or constant.
  config.beta1 = 0.9
  config.ema_decay = 0.999
  config.seed = 0
  config.start = ""  # A weights file or workdir to begin with, instead of random weights.

  config.log_every = 50
  config.sample_every = 1_000
  config.checkpoint_every = 500
  config.keep = 2  # Newest checkpoints kept,
  config.keep_every = 0  # and those at multiples of this step, from which the best is chosen.
  return config
