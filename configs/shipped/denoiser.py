"""The shipped prior of aligned faces, in three parts: `denoiser.py` with other shares of damages.

    make train-denoiser DATA=folder:/path/to/celeba

Each part starts with the weights of the part before. The training takes 3 hours and 40 minutes on
two CPU cores, used as two JAX devices, for 480,000 images.

The shipped weights differ from these configs in four points that a config cannot express. The
constant of the loss was 0.0001. In the first part the smooth mean had 8 iterations instead of 16.
The second part had two more residual blocks at 8x8. They were removed afterwards, which changed the
PSNR by 0.02 dB. All low resolutions were block means.
"""

from gan_restore.configs import denoiser

PARTS = ("first", "second", "third")


def get_config(part="third"):
  if part not in PARTS:
    raise ValueError(f"unknown part {part!r}; there are: {', '.join(PARTS)}")
  config = denoiser.get_config()
  config.depth, config.local = 2, False
  config.quantize_share = 0.175
  config.super_resolve_share = 0.15
  config.demosaic_share = config.jpeg_share = config.kernel_share = config.luma_share = 0.0
  config.second_look_share = 1 / 3
  if part == "first":
    config.inpaint_share = 0.25
    config.denoise_share = 0.25
    config.quantize_share = 0.2
    config.super_resolve_share = 0.2
    config.second_look_share = 0.25
    config.steps = 14_000
  elif part == "second":
    config.inpaint_share = 0.35
    config.denoise_share = 0.2
    config.quantize_share = 0.2
    config.pixels_share = 1 / 3
    config.steps = 10_000
    config.learning_rate = 3.7e-4
  else:
    config.steps = 6_000
    config.learning_rate = 3e-4
    config.seed = 1
  config.export_step = config.steps
  return config
