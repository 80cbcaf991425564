"""The shipped U-Net GAN of 128x128, which completes large faces in photographs, in two parts.

    make train-unet_gan-128 PICTURES=/path/to/folders

PICTURES is a folder that holds CelebA at full resolution in `celeba128`. The first stage of the
network is the shipped one of 64x64, and does not learn. Half of the faces are framed as CelebA's;
the others nearly so, because in a photograph the frame of a face with a hole is found only
approximately. :second starts with the weights of :first, and has a smaller weight of the
adversarial loss, which removes most of the small spots that :first draws.
"""

from gan_restore.configs import common, unet_gan_large

PARTS = ("first", "second")


def get_config(argument="second:."):
  part, _, folder = argument.partition(":")
  if part not in PARTS:
    raise ValueError(f"unknown part {part!r}; there are: {', '.join(PARTS)}")
  config = unet_gan_large.get_config()
  config.dataset = f"folder:{folder or '.'}/celeba128"
  common.add_pictures(config)
  config.pictures = (config.dataset,)
  config.picture_shares = (1.0,)
  config.picture_margins = (1 / 16,)
  config.aligned_share = 0.5
  config.face_scales = (0.9, 1.1)
  config.close_share = 0.0
  config.roll = 6.0
  config.shift = 0.04
  config.masks = "center,center,random,strokes,eyes+nose+lips:0.05,eyes:0.05,nose:0.05,lips:0.05"
  if part == "first":
    config.adversarial_weight = 0.005
    config.steps = 4_500
  else:
    config.adversarial_weight = 0.001
    config.learning_rate = 3e-4
    config.steps = 1_000
  config.export_step = config.steps
  return config
