"""One prior for any damage. It is trained on damages of every kind and strength at once.

    python -m gan_restore.main --config=configs/denoiser.py --workdir=runs/denoiser

As it stands, it trains on aligned faces of 64x64, and takes about four hours on two cores (used as
two JAX devices) for 384,000 images. With `pictures` it trains on images that are cut out of whole
pictures: faces framed anyhow, and patches of photographs. Two priors are shipped: see
configs/shipped/denoiser.py and denoiser-pictures.py. To restore with a trained prior, run
`gan-restore restore --method runs/denoiser`.
"""

from gan_restore.configs import common


def get_config():
  config = common.base("denoiser")
  config.width = 64
  config.depth = 3  # The number of times that the resolution of the features is halved.
  config.local = True  # For any size; False for a network that normalises by the whole image.

  common.add_pictures(config)
  config.large_every = 4

  config.sigma_min = 0.005  # Smallest standard deviation of the noise, for images in [0, 1].
  config.sigma_max = 1.0  # Largest standard deviation of the noise.

  # Each image has one damage, drawn with probabilities in proportion to KIND_share.
  config.inpaint_share = 0.4
  config.denoise_share = 0.175
  config.quantize_share = 0.1
  config.super_resolve_share = 0.175
  config.colorize_share = 0.1
  config.demosaic_share = 0.05
  config.further_damage = 0.1  # Probability of each of the other damages.

  config.jpeg_share = 1 / 8  # Share of the images that are JPEGs.
  config.kernel_share = 1 / 8  # Share of the images that are blurred by motion or defocus.

  config.pixels_share = 0.5  # Share of the holes that are single pixels; the others are rectangles.
  config.pixel_rates = (0.05, 0.95)  # Range of the probability that a pixel is missing.
  config.rectangle_sides = (0.125, 0.75)  # Range of a rectangle's sides, in sides of the image.
  config.noise_median = 0.1  # Median of the standard deviation of the noise, which is log-normal.
  config.noise_spread = 0.8  # Standard deviation of its logarithm.
  config.levels = (2, 11)  # Range of the number of levels.
  config.blur_share = 0.25  # Share of low resolutions that are blurs; others are block means.
  config.blur_sigmas = (0.5, 3.0)  # Range of the blur's standard deviation in pixels.
  config.block_factors = (2, 4, 8)  # Sides of the blocks.
  config.luma_share = 0.3  # Share of grey images that are luma; others are V of HSV.
  config.qualities = (5, 95)  # Range of the quality of JPEGs.
  config.motion_lengths = (2.0, 17.0)  # Range of the length of motion blur in pixels.
  config.defocus_radii = (0.7, 4.0)  # Range of the radius of defocus in pixels.
  config.kernel_noise = (0.001, 0.05)  # Range of the noise of these two.
  # Share of the images for which the network also gets a noisy copy of the whole image, as in the
  # steps that draw a sample.
  config.second_look_share = 0.2
  config.second_look_median = 0.15  # Median of this second noise, as in EDM's table 1.
  config.second_look_spread = 1.2  # Its spread, also as in EDM's table 1.

  config.batch_size = 16
  config.steps = 24_000
  config.learning_rate = 6e-4
  config.beta1 = 0.9
  config.sample_every = 1_000
  return config
