"""Completion of faces of 128x128 by a U-Net GAN of two stages.

The first stage is a trained network of 64x64, which does not learn; config.init_from must name its
weights. The second stage adds the details. configs/shipped/unet_gan-128.py trains the shipped
network.

    python -m gan_restore.main --config=configs/unet_gan_large.py --workdir=runs/unet_gan_large \\
        --config.init_from=gan_restore/shipped/unet_gan.safetensors
"""

from gan_restore.configs import unet_gan


def get_config():
  config = unet_gan.get_config()
  config.image_size = 128
  config.stages = 2
  config.coarse = 2  # Reduction of the image in the first stage.
  config.adversarial_weight = 0.003

  config.batch_size = 16
  config.learning_rate = 4e-4
  return config
