"""A stronger prior for the latent search than the DCGAN, of its interface: an autoencoding GAN.

    XLA_FLAGS=--xla_force_host_platform_device_count=2 python -m gan_restore.main \
        --config=configs/autoencoder_gan.py --workdir=runs/autoencoder_gan

An hour on two cores beside other work, for 384,000 images (8,000 faces, 48 passes); step 8,000
ships, which --mode=evaluate takes. 500 test faces, one candidate, PSNR in dB / SSIM of raw G(z),
and of the shipped DCGAN's with two: colorize 18.3 / .649, 17.6 / .526; super_resolve 22.0 / .651,
19.6 / .525; denoise 22.6 / .676, 20.0 / .549; quantize 21.4 / .631, 19.4 / .525; centre hole,
blended, 24.8 / .838, 24.4 / .821. Its restorations are smoother: the Fréchet distance on a
classifier's features is larger in every row.

    gan-restore evaluate --dataset folder:/path/to/celeba --split test --limit 500 \
        --judge celeba --methods autoencoder_gan:candidates=1,map:candidates=2
"""

import ml_collections


def get_config():
  config = ml_collections.ConfigDict()
  config.family = "autoencoder_gan"

  config.dataset = "celeb_a"  # Any TFDS name, folder:PATH or toy_faces.
  config.data_dir = ""  # Where TFDS keeps prepared sets; empty for its default.
  config.image_size = 64
  config.channels = 3
  config.flip = True
  config.augment = "color,translation"  # Of what the discriminator sees; see augment.py.

  config.latent_dim = 128
  config.width = 32
  config.reconstruction = 10.0  # Weight of the L1 distance of G(E(x)) to x,
  config.adversarial = 0.2  # and of the generator's adversarial loss.
  config.code_noise = 0.05  # Standard deviation, of codes in [-1, 1].
  config.dtype = "float32"  # Or bfloat16.

  config.batch_size = 32
  config.steps = 12_000
  config.learning_rate = 3e-4
  config.schedule = "cosine"  # To 0 at the last step; or constant.
  config.beta1 = 0.5
  config.ema_decay = 0.999
  config.seed = 0

  config.log_every = 50
  config.sample_every = 500
  config.checkpoint_every = 500
  config.keep = 2  # Newest checkpoints kept,
  config.keep_every = 2_000  # and those at multiples of this step, from which the best is chosen.
  return config
