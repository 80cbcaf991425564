"""What all runs share. No run by itself."""

import ml_collections


def base(family: str) -> ml_collections.ConfigDict:
  """The fields of every run; a config file sets those of its family, and others where they
  differ."""
  config = ml_collections.ConfigDict()
  config.family = family

  config.dataset = "celeb_a"  # Any TFDS name, folder:PATH or toy_faces.
  config.data_dir = ""  # Where TFDS keeps prepared sets; empty for its default.
  config.image_size = 64
  config.channels = 3
  config.flip = True  # Half of the images are mirrored.
  config.dtype = "float32"  # Or bfloat16.

  config.batch_size = 32
  config.learning_rate = 1e-3
  config.schedule = "cosine"  # To 0 at the last step; or constant.
  config.beta1 = 0.5
  config.ema_decay = 0.999
  config.seed = 0
  config.init_from = ""  # A weights file or workdir to begin with, instead of random weights.

  config.log_every = 50
  config.sample_every = 500
  config.checkpoint_every = 500
  config.max_to_keep = 2  # Newest checkpoints kept,
  config.keep_period = 0  # and those at multiples of this step, from which the best is chosen;
  config.export_step = 0  # or the step to export, if it is not chosen by score.
  return config
