"""The shipped U-Net GAN, trained in two parts.

    make train-unet_gan DATA=folder:/path/to/both

`both` holds the images of `celeba` and `celeba128`; see docs/data.md.

:first is `unet_gan.py` with more steps, as in the paper: 17 epochs of 19,892 faces. :second starts
with its weights, and has smaller weights of the adversarial loss and a smaller learning rate.

The shipped weights differ from these configs in one point that a config cannot express: in the
first part, the cosine of the learning rate was that of 31,000 steps for 6,832 steps, and then that
of 15,000 steps. This part was stopped after 10,791 steps. It took 5 minutes on one NVIDIA H100,
which other trainings shared; the second part took 25 minutes on two CPU cores, likewise. On two
idle cores, the first part would take about an hour.
"""

from gan_restore.configs import unet_gan

PARTS = ("first", "second")


def get_config(part="second"):
  if part not in PARTS:
    raise ValueError(f"unknown part {part!r}; there are: {', '.join(PARTS)}")
  config = unet_gan.get_config()
  if part == "first":
    config.steps = 10_791
  else:
    config.steps = 1_500
    config.learning_rate = 3e-4
    config.adversarial_weight = 0.001
  config.export_step = config.steps
  return config
