"""WGAN (Arjovsky et al. 2017), a baseline of ResGAN: restores from a coarse image.

    python -m gan_restore.main --config=configs/wgan.py:mnist --workdir=runs/wgan-mnist

--config.gradient_penalty_weight=10 --config.clip=0 --config.learning_rate=1e-4 is WGAN-GP
(Gulrajani et al. 2017).
"""

from gan_restore.configs import coarse


def get_config(name="mnist"):
  config = coarse.base("wgan", name)
  config.critic_steps = 5  # Critic steps for each step of the generator.
  config.clip = 0.01  # Largest absolute value of the critic's weights.
  config.gradient_penalty_weight = 0.0
  config.learning_rate = 5e-4  # The paper's 5e-5 is for many more steps than 3,000.
  return config
