"""The fields that all configs share. This file is not a config that can be run."""

import ml_collections


def base(family: str) -> ml_collections.ConfigDict:
  """Returns the fields of every run with their default values.

  A config file adds the fields of its family, and changes defaults where they differ.
  """
  config = ml_collections.ConfigDict()
  config.family = family

  config.dataset = "celeb_a"  # Any TFDS name, folder:PATH or toy_faces.
  config.data_dir = ""  # Folder of prepared TFDS sets; empty for the default of TFDS.
  config.image_size = 64
  config.channels = 3
  config.flip = True  # Mirrors half of the images.
  config.dtype = "float32"  # Or bfloat16.

  config.batch_size = 32
  config.learning_rate = 1e-3
  config.schedule = "cosine"  # Cosine to 0 at the last step; or constant.
  config.beta1 = 0.5
  config.ema_decay = 0.999
  config.seed = 0
  config.init_from = ""  # Weights file or workdir to start from; empty for random weights.

  config.log_every = 50
  config.sample_every = 500
  config.checkpoint_every = 500
  config.max_to_keep = 2  # Number of the newest checkpoints to keep.
  config.keep_period = 0  # Checkpoints at multiples of this step are kept as well; 0 for none.
  config.export_step = 0  # The step to export; 0 for the kept one with the best score.
  return config
