"""The shipped U-Net GAN, trained in two parts in one workdir: `unet_gan.py`, then a weaker
adversary.

    make train-unet_gan DATA=folder:/path/to/celeba

:first is `unet_gan.py` as it is; :second goes on for 1,500 steps, the cosine of which is that of
all 6,500. 85 minutes on two CPU cores, as two devices.
"""

from gan_restore.configs import unet_gan

PARTS = ("first", "second")


def get_config(part="second"):
  if part not in PARTS:
    raise ValueError(f"unknown part {part!r}; there are: {', '.join(PARTS)}")
  config = unet_gan.get_config()
  if part == "second":
    config.steps = 6_500
    config.adversarial_weight = 0.001
    config.export_step = 6_500
  return config
