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


def add_pictures(config) -> None:
  """Adds the fields of runs that can train on images that are cut out of whole pictures: faces
  framed anyhow, and patches of photographs. The fields are explained at data.framing.Framing."""
  # Data sets of whole pictures, such as folder:PATH. If there are none, the images are those of
  # `dataset`, framed as they are.
  config.pictures = ()
  config.picture_shares = ()  # The share of each data set in the images.
  # The margin of each data set: how far its pictures reach around CelebA's face crop, in sides of
  # the crop. Beyond, they are mirrored. 0 for photographs.
  config.picture_margins = ()
  config.aligned_share = 0.5  # Share of the faces that are framed exactly as CelebA's.
  config.face_scales = (0.7, 1.4)  # Range of the size of the other faces, in sizes of CelebA's.
  config.close_share = 0.25  # Share of the other faces of which only a part is in the image.
  config.roll = 25.0  # Their largest rotation in degrees.
  config.shift = 0.15  # Their largest shift, in sides of the image.
  config.known_share = 2 / 3  # Share of the faces whose frame the network gets.
  config.photograph_scales = (1.0, 3.0)  # Range of the factor by which photographs are reduced.
  config.large_every = 0  # Every n-th batch has a quarter as many images, of twice the side; or 0.
