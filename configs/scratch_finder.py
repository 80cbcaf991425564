"""A network that finds scratches, folds and scribbles in photographs, for `--mask auto`.

    python -m gan_restore.main --config=configs/scratch_finder.py --workdir=runs/scratch_finder \\
        --config.dataset=folder:/path/to/photographs

The images are cut out of the pictures of the folders in `pictures`; see configs/denoiser.py.
configs/shipped/scratch_finder.py trains the shipped network.
"""

from gan_restore.configs import common, denoiser


def get_config():
  config = common.base("scratch_finder")
  config.image_size = 128
  config.width = 24
  for name, value in denoiser.get_config().items():
    if name in _FRAMING:
      config[name] = value
  config.photograph_scales = (1.0, 2.0)
  config.large_every = 0

  config.batch_size = 16
  config.steps = 3_000
  config.learning_rate = 2e-3
  config.beta1 = 0.9
  return config


# Fields that say how images are cut out of pictures.
_FRAMING = (
  "pictures", "picture_shares", "picture_margins", "aligned_share", "face_scales", "close_share",
  "roll", "shift", "known_share",
)  # fmt: skip
