"""A classifier that is trained only on real images and measures restorations.

python -m gan_restore.main --config=configs/classifier.py:mnist --workdir=runs/classifier-mnist
"""

from gan_restore.configs import coarse


def get_config(name="mnist"):
  config = coarse.base("classifier", name)
  config.augment = "translation"
  config.learning_rate = 1e-3
  config.schedule = "cosine"
  config.beta1 = 0.9
  config.steps = 2_000
  return config
