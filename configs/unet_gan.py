"""Face completion by a U-Net GAN (Bidari, Nyaupane). The hole is filled from its surroundings.

"An Approach for Damaged Facial Image Restoration using GAN": 50 epochs of 19,000 images.

    python -m gan_restore.main --config=configs/unet_gan.py --workdir=runs/unet_gan

The training takes half an hour on two idle CPU cores. 64 validation faces of CelebA with a centre
hole have 27.1 dB and 0.87 of the originals' sharpness; the known pixels are pasted back.
configs/shipped/unet_gan.py trains the shipped network.

unet_gan.py:two_stage is the paper's baseline, a coarse-to-refined network with about the same
number of operations.
configs/unet_gan_large.py completes faces of 128x128.
"""

from gan_restore.configs import common

VARIANTS = ("unet", "two_stage")


def get_config(variant="unet"):
  if variant not in VARIANTS:
    raise ValueError(f"unknown variant {variant!r}; there are: {', '.join(VARIANTS)}")
  config = common.base("unet_gan")
  config.fill = "ring"  # First fill of the hole, before the network; see fills.FILLS.
  config.masks = (
    "center,center,center,random,strokes,eyes+nose+lips:0.05,eyes:0.05,nose:0.05,lips:0.05"
  )

  config.stages = 1 if variant == "unet" else 2
  config.width = 32 if variant == "unet" else 22
  config.reconstruction_weight = 1.0
  config.known_weight = 0.1  # Weight of the known pixels in the reconstruction loss.
  config.adversarial_weight = 0.005

  config.steps = 5_000  # The paper has 29,688 steps: 50 epochs of 19,000 images.
  return config
