"""The second decoder of the shipped prior of aligned faces, for samples.

    make train-sampler PICTURES=/path/to/folders

PICTURES is a folder that holds CelebA at half resolution in `celeba` and CelebA at full resolution
in `celeba128`. The training begins with the denoiser in gan_restore/shipped/denoiser.safetensors.
It takes 50 minutes on two CPU cores, used as two JAX devices, for 54,000 images.
"""

from gan_restore.configs import sampler
from gan_restore.configs.shipped import denoiser


def get_config(folder="."):
  config = sampler.get_config()
  prior = denoiser.get_config()
  config.depth, config.local, config.luma_share = prior.depth, prior.local, prior.luma_share
  config.dataset = f"folder:{folder}/celeba"
  config.pictures = (f"folder:{folder}/celeba", f"folder:{folder}/celeba128")
  config.picture_shares = (0.4, 0.6)
  config.picture_margins = (0.2, 1 / 16)
  config.aligned_share = 1.0
  config.large_every = 0
  config.jpeg_share = config.kernel_share = config.demosaic_share = 0.0
  config.quantize_share = 0.1
  config.super_resolve_share = 0.25
  config.pixels_share = 0.3
  config.noise_median = 0.15
  config.steps = 3_400
  config.export_step = config.steps
  return config
