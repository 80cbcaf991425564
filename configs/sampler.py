"""A sampler for any damage: sharp samples, each in one pass, by an adversarial second decoder.

After M. Bendel, R. Ahmad, P. Schniter, "A regularized conditional GAN for posterior sampling in
image recovery problems", NeurIPS 2023, which restores one kind of damage.

    python -m gan_restore.main --config=configs/sampler.py --workdir=runs/sampler \\
        --config.init_from=runs/denoiser

It begins with a trained denoiser of the same width, depth and kind, whose encoder and decoder stay
as they are. sampler.py:faces is for the shipped prior of aligned faces,
--config.init_from=gan_restore/shipped/denoiser.safetensors. Two CPU cores (used as two JAX devices)
make one step of 16 images per second; one NVIDIA H100 makes 1,050 images per second. No sampler is
shipped yet: after 3,000 steps of 16 images (faces), or 1,760 of 64 (any), the samples are sharper
than the mean, but have coloured specks. The discriminator learns too slowly. In a continued
training of it alone, its loss fell from 0.63 to 0.52 in 270 steps of 16 images, and still fell.
"""

from gan_restore.configs import denoiser
from gan_restore.configs.shipped import denoiser as shipped

VARIANTS = ("any", "faces")


def get_config(variant="any"):
  if variant not in VARIANTS:
    raise ValueError(f"unknown variant {variant!r}; there are: {', '.join(VARIANTS)}")
  config = denoiser.get_config()
  config.family = "sampler"
  config.noise = 8  # Features of the noise z of a pixel.
  config.discriminator_width = 64
  config.discriminator_rate = 1.5  # Its learning rate, in learning rates of the sampler.
  config.warmup_steps = 300  # Steps in which only the discriminator learns.
  config.adversarial_weight = 0.3
  config.penalty_weight = 0.05  # Weight of the gradient penalty of the discriminator.
  config.deviation_rate = 1e-3  # How fast the weight of the deviation of the samples is adapted.

  if variant == "faces":
    prior = shipped.get_config()
    config.depth, config.local, config.luma_share = prior.depth, prior.local, prior.luma_share
    config.jpeg_share = config.kernel_share = config.demosaic_share = 0.0
    config.aligned_share = 1.0
    config.large_every = 0
    config.super_resolve_share = 0.25
    config.pixels_share = 0.3
    config.noise_median = 0.15
  config.second_look_share = 0.0
  config.steps = 9_000
  config.learning_rate = 4e-4
  config.beta1 = 0.0
  config.export_step = config.steps
  return config
