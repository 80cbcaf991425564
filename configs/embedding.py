"""A face embedding. It is trained only on real faces, and measures whether a restored face still
shows the same person.

    python -m gan_restore.main --config=configs/embedding.py --workdir=runs/embedding \\
        --config.dataset=folder:/path/to/celeba --config.classes=PEOPLE

The folder has CelebA's layout with `identity_CelebA.txt`, and PEOPLE is the number of people of its
training split.
"""

from gan_restore.configs import common


def get_config():
  config = common.base("embedding")
  config.label = "person"
  config.classes = 868
  config.width = 14
  config.features = 128
  config.margin = 0.2
  config.scale = 24.0
  config.augment = "translation,blur,noise"
  config.batch_size = 64
  config.steps = 5_000
  config.learning_rate = 2e-3
  config.beta1 = 0.9
  config.checkpoint_every = 1_000
  config.sample_every = 3_000
  return config
