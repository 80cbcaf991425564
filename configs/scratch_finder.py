"""A network that finds scratches, folds and scribbles in photographs, for `--mask auto`.

    python -m gan_restore.main --config=configs/scratch_finder.py --workdir=runs/scratch_finder \\
        --config.dataset=folder:/path/to/photographs

The images are cut out of the pictures of the folders in `pictures`; see configs/common.py.
configs/shipped/scratch_finder.py trains the shipped network.
"""

from gan_restore.configs import common


def get_config():
  config = common.base("scratch_finder")
  config.image_size = 128
  config.width = 24
  common.add_pictures(config)
  config.photograph_scales = (1.0, 2.0)

  config.batch_size = 16
  config.steps = 3_000
  config.learning_rate = 2e-3
  config.beta1 = 0.9
  return config
