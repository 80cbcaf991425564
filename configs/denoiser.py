"""One prior for any damage: it learns from damages of every kind and strength at once.

    XLA_FLAGS=--xla_force_host_platform_device_count=2 python -m gan_restore.main \\
        --config=configs/denoiser.py --workdir=runs/denoiser

Three hours on two cores as two devices, for 384,000 images. The shipped prior was trained in three
parts, configs/shipped/denoiser.py. `gan-restore restore --method runs/denoiser` restores with it.
"""

from gan_restore.configs import common


def get_config():
  config = common.base("denoiser")
  config.width = 64
  config.sigma_min = 0.005  # Standard deviations of the noise, of images in [0, 1].
  config.sigma_max = 1.0

  # Each image has one damage, with these probabilities, and each of the others with another.
  config.inpaint_share = 0.4
  config.denoise_share = 0.175
  config.quantize_share = 0.175
  config.super_resolve_share = 0.15
  config.colorize_share = 0.1
  config.further_damage = 0.1

  config.pixels_share = 0.5  # Of the holes: single pixels, each with a probability of this range;
  config.pixel_rates = (0.05, 0.95)
  config.rectangle_sides = (0.125, 0.75)  # else a rectangle, sides in shares of the image's.
  config.noise_median = 0.1  # Of the standard deviation, which is log-normal,
  config.noise_spread = 0.8  # and the standard deviation of its logarithm.
  config.levels = (2, 11)
  config.blur_share = 0.25  # Of the low resolutions: a Gaussian blur;
  config.blur_sigmas = (0.5, 3.0)
  config.block_factors = (2, 4, 8)  # else the means of blocks.
  config.second_look_share = 1 / 3  # Of the images: seen a second time, whole, in noise as EDM's
  config.second_look_median = 0.15  # (its table 1), as a sampler sees them.
  config.second_look_spread = 1.2

  config.batch_size = 16
  config.steps = 24_000
  config.learning_rate = 6e-4
  config.beta1 = 0.9
  config.sample_every = 1_000
  return config
