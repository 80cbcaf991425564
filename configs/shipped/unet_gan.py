"""The shipped U-Net GAN, trained in two parts in one workdir.

In the second part the adversarial loss has a smaller weight.

    make train-unet_gan DATA=folder:/path/to/celeba

:first is `unet_gan.py` without changes. :second trains for 1,500 more steps. Its learning rate
follows a cosine over all 6,500 steps. The training takes 85 minutes on two CPU cores, used as two
JAX devices.
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
