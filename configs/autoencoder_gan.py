"""A stronger prior for the latent search than the DCGAN: an autoencoding GAN.

    make train-autoencoder_gan DATA=folder:/path/to/celeba

This is the shipped one. An hour on two cores beside other work, for 384,000 images (8,000 faces, 48
passes); step 8,000 ships, which --mode=evaluate chooses. Scores of 500 test faces are in the model
card, gan_restore/shipped/autoencoder_gan.md.
"""

from gan_restore.configs import common


def get_config():
  config = common.base("autoencoder_gan")
  config.augment = "color,translation"  # Of the discriminator's images; see nn/augmentations.py.

  config.latent_dim = 128
  config.width = 32
  config.reconstruction_weight = 10.0  # Of the L1 distance of G(E(x)) to x.
  config.adversarial_weight = 0.2  # Of the generator's adversarial loss.
  config.code_sigma = 0.05  # Standard deviation of the noise on codes, which are in [-1, 1].

  config.steps = 12_000
  config.learning_rate = 3e-4
  config.keep_period = 2_000
  return config
