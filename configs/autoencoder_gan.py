"""A stronger prior for the latent search than the DCGAN: an autoencoding GAN.

    make train-autoencoder_gan DATA=folder:/path/to/celeba

This config trained the shipped network. It takes an hour on two cores (with other programs
running) and 384,000 images (48 passes over 8,000 faces). `--mode=evaluate` chooses step 8,000,
which is the shipped one. The scores of 500 test faces are in
gan_restore/shipped/autoencoder_gan.md.
"""

from gan_restore.configs import common


def get_config():
  config = common.base("autoencoder_gan")
  config.augment = "color,translation"  # Augmentation of the discriminator's images.

  config.latent_dim = 128
  config.width = 32
  config.reconstruction_weight = 10.0  # Weight of the L1 distance of G(E(x)) to x.
  config.adversarial_weight = 0.2  # Weight of the generator's adversarial loss.
  config.code_sigma = 0.05  # Standard deviation of the noise on latents, which are in [-1, 1].

  config.steps = 12_000
  config.learning_rate = 3e-4
  config.keep_period = 2_000
  return config
