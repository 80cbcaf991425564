"""Face completion by a U-Net GAN (Bidari, Nyaupane): the hole filled from its surroundings.

"An Approach for Damaged Facial Image Restoration using GAN": 50 epochs of 19,000 images.

    python -m gan_restore.main --config=configs/unet_gan.py --workdir=runs/unet_gan

An hour on two CPU cores; 64 validation faces of CelebA, centre hole, pasted in: 27.1 dB and 0.87 of
the originals' sharpness. The shipped network is configs/shipped/unet_gan.py.

unet_gan.py:two_stage is the paper's baseline, a coarse-to-refined network of about as many
operations.
"""

from gan_restore.configs import common

VARIANTS = ("unet", "two_stage")


def get_config(variant="unet"):
  if variant not in VARIANTS:
    raise ValueError(f"unknown variant {variant!r}; there are: {', '.join(VARIANTS)}")
  config = common.base("unet_gan")
  config.fill = "ring"  # What the hole is filled with before it goes in; see fills.FILLS.
  config.masks = (
    "center,center,center,random,strokes,eyes+nose+lips:0.05,eyes:0.05,nose:0.05,lips:0.05"
  )

  config.stages = 1 if variant == "unet" else 2
  config.width = 32 if variant == "unet" else 22
  config.reconstruction_weight = 1.0
  config.known_weight = 0.1  # Of the known pixels in the reconstruction.
  config.adversarial_weight = 0.005

  config.steps = 5_000  # The paper: 29,688, 50 epochs of 19,000.
  return config
