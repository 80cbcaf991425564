"""A sampler for any damage: sharp samples, each in one pass, by an adversarial second decoder.

    python -m gan_restore.main --config=configs/sampler.py --workdir=runs/sampler \\
        --config.init_from=runs/denoiser

After M. Bendel, R. Ahmad, P. Schniter, "A regularized conditional GAN for posterior sampling in
image recovery problems", NeurIPS 2023, which restores one kind of damage. It begins with a trained
denoiser of the same width, depth and kind, whose encoder and decoder stay as they are. The sampler
of aligned faces is shipped, in the file of `denoiser`: see configs/shipped/denoiser.py. Two CPU
cores (used as two JAX devices) make one and a half steps of 8 images per second.
"""

from gan_restore.configs import denoiser


def get_config():
  config = denoiser.get_config()
  config.family = "sampler"
  config.noise = 8  # Features of the noise z of a pixel.
  config.discriminator_width = 48
  config.discriminator_rate = 3.0  # Its learning rate, in learning rates of the sampler.
  config.discriminator_steps = 3  # The number of its steps for one step of the sampler.
  config.warmup_steps = 200  # Steps in which only the discriminator learns.
  config.adversarial_weight = 1.0
  config.penalty_weight = 0.05  # Weight of the gradient penalty of the discriminator.
  config.deviation_rate = 3e-4  # How fast the weight of the deviation of the samples is adapted.
  config.second_look_share = 0.0
  config.steps = 4_200
  config.learning_rate = 2e-4
  config.beta1 = 0.0
  config.export_step = config.steps
  return config
