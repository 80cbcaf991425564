"""The shipped prior of pictures: faces in any frame, and photographs, of any size.

    make train-denoiser-pictures PICTURES=/path/to/folders

PICTURES is a folder that holds CelebA at half resolution in `celeba`, CelebA at full resolution in
`celeba128`, and the photographs of BSDS500 for training in `bsds500/train` and `bsds500/test`. The
checkpoints are scored on the aligned faces of `celeba`. The training takes 1 hour and 40 minutes on
two CPU cores, used as two JAX devices, for 108,000 images of 64x64 and 9,000 of 128x128.

The shipped weights differ from this config in one point that a config cannot express: they did not
begin at random, but with the weights of `denoiser` for aligned faces, where the two networks have
the same layers. The blocks at 4x4 and the frame began at random.
"""

from gan_restore.configs import denoiser


def get_config(folder="."):
  config = denoiser.get_config()
  config.dataset = f"folder:{folder}/celeba"
  config.pictures = tuple(
    f"folder:{folder}/{name}" for name in ("celeba", "celeba128", "bsds500/train", "bsds500/test")
  )
  config.picture_shares = (0.4, 0.32, 0.14, 0.14)
  config.picture_margins = (0.2, 1 / 16, 0.0, 0.0)
  config.steps = 9_000
  config.learning_rate = 5e-4
  config.export_step = config.steps
  return config
