"""A prior for any damage: it learns from damages of every kind and strength at once.

    python -m gan_restore.main --config=configs/denoising_gan.py --workdir=runs/denoising_gan

`gan-restore restore --method runs/denoising_gan` restores any damage with it, as `map` does with a
DCGAN.
"""

import ml_collections


def get_config():
  config = ml_collections.ConfigDict()
  config.family = "denoising_gan"

  config.dataset = "celeb_a"  # Any TFDS name, folder:PATH or toy_faces.
  config.data_dir = ""  # Where TFDS keeps prepared sets; empty for its default.
  config.image_size = 64
  config.channels = 3
  config.flip = True
  config.least_noise = 0.005  # Standard deviations, of images in [0, 1].
  config.most_noise = 1.0

  config.width = 64
  config.dtype = "float32"  # Or bfloat16.
  config.adversarial_weight = 0.01  # 0 for a denoiser without an adversary.

  config.batch_size = 32
  config.steps = 10_000
  config.learning_rate = 1e-3
  config.schedule = "cosine"  # To 0 at the last step; or constant.
  config.beta1 = 0.9
  config.ema_decay = 0.999
  config.seed = 0

  config.log_every = 50
  config.sample_every = 1_000
  config.checkpoint_every = 500
  config.keep = 2  # Newest checkpoints kept,
  config.keep_every = 0  # and those at multiples of this step, from which the best is chosen.
  return config
