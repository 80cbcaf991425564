"""The shipped prior of aligned faces, in four parts: `denoiser.py` with other shares of damages.

    make train-denoiser DATA=folder:/path/to/celeba

Each part starts with the weights of the part before. The first three train the posterior mean. They
take 3 hours and 40 minutes on two CPU cores, used as two JAX devices, for 480,000 images. The part
`samples` trains the decoder that draws samples (`sampler.py`). It takes three quarters of an hour
for 33,600 images.

The shipped weights differ from these configs in five points that a config cannot express. In the
first three parts, the constant of the loss was 0.0001. In the first part the smooth mean had 8
iterations instead of 16. The second part had two more residual blocks at 8x8. They were removed
afterwards, which changed the PSNR by 0.02 dB. All low resolutions of the first three parts were
block means. From step 723 to step 2,200 of the part `samples`, the learning rate fell as for a run
of 3,300 steps.
"""

from gan_restore.configs import denoiser, sampler

PARTS = ("first", "second", "third", "samples")


def get_config(part="samples"):
  if part not in PARTS:
    raise ValueError(f"unknown part {part!r}; there are: {', '.join(PARTS)}")
  config = sampler.get_config() if part == "samples" else denoiser.get_config()
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
  elif part == "third":
    config.steps = 6_000
    config.learning_rate = 3e-4
    config.seed = 1
  else:
    config.super_resolve_share = 0.25
    config.quantize_share = 0.1
    config.pixels_share = 0.3
    config.noise_median = 0.15
    config.second_look_share = 0.0
    config.batch_size = 8
  config.export_step = config.steps
  return config
