"""The shipped finder of scratches: `scratch_finder.py` on photographs and faces.

    make train-scratch_finder PICTURES=/path/to/folders

The folders are those of `denoiser-pictures.py`: PICTURES is the folder that holds them.
"""

from gan_restore.configs import scratch_finder


def get_config(folder="."):
  config = scratch_finder.get_config()
  names = ("bsds500/train", "bsds500/test", "celeba128")
  config.dataset = f"folder:{folder}/bsds500/train"
  config.pictures = tuple(f"folder:{folder}/{name}" for name in names)
  config.picture_shares = (0.35, 0.35, 0.3)
  config.picture_margins = (0.0, 0.0, 1 / 16)
  config.export_step = config.steps
  return config
