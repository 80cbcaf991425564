"""Face completion by a U-Net GAN (Bidari, Nyaupane): the hole filled from its surroundings.

"An Approach for Damaged Facial Image Restoration using GAN": 50 epochs of 19,000 images.

    python -m gan_restore.main --config=configs/unet_gan.py --workdir=runs/unet_gan

An hour on two CPU cores; 64 validation faces of CelebA, centre hole, pasted in: 27.1 dB and .87 of
the originals' sharpness. What ships went on for 1,500 steps, see shipped/unet_gan.md.

unet_gan.py:two_stage is its rival, a coarse-to-refined network of about as many operations.
"""

import ml_collections

VARIANTS = ("unet", "two_stage")


def get_config(variant="unet"):
  if variant not in VARIANTS:
    raise ValueError(f"unknown variant {variant!r}; there are: {', '.join(VARIANTS)}")
  config = ml_collections.ConfigDict()
  config.family = "unet_gan"

  config.dataset = "celeb_a"  # Any TFDS name, folder:PATH or toy_faces.
  config.data_dir = ""  # Where TFDS keeps prepared sets; empty for its default.
  config.image_size = 64
  config.channels = 3
  config.flip = True
  config.fill = "ring"  # What the hole holds before it goes in; see fills.FILLS.
  config.masks = (
    "center,center,center,random,strokes,eyes+nose+lips:0.05,eyes:0.05,nose:0.05,lips:0.05"
  )

  config.stages = 1 if variant == "unet" else 2
  config.width = 32 if variant == "unet" else 22
  config.dtype = "float32"  # Or bfloat16.
  config.reconstruction_weight = 1.0
  config.known_weight = 0.1  # Of the known pixels in the reconstruction.
  config.adversarial_weight = 0.005

  config.batch_size = 32
  config.steps = 5_000  # The paper: 29,688, 50 epochs of 19,000.
  config.learning_rate = 1e-3
  config.schedule = "cosine"  # To 0 at the last step; or constant.
  config.beta1 = 0.5
  config.ema_decay = 0.999
  config.seed = 0

  config.log_every = 50
  config.sample_every = 500
  config.checkpoint_every = 500
  config.keep = 2  # Newest checkpoints kept,
  config.keep_every = 0  # and those at multiples of this step, from which the best is chosen.
  return config
