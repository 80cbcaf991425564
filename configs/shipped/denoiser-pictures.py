"""The shipped prior of pictures, in three parts: faces in any frame, and photographs, of any size.

    make train-denoiser-pictures PICTURES=/path/to/folders

PICTURES is a folder that holds CelebA at half resolution in `celeba`, CelebA at full resolution in
`celeba128`, and the photographs of BSDS500 for training in `bsds500/train` and `bsds500/test`. The
checkpoints are scored on the aligned faces of `celeba`, and on images that are cut out of the
validation pictures of each folder. Each part starts with the weights of the part before. The third
part has more photographs, and more noise, JPEGs and Bayer filters. The training takes 4 hours and a
half on two CPU cores, used as two JAX devices, for 250,000 images of 64x64 and 45,000 of 128x128.

The shipped weights differ from this config in two points that a config cannot express. The first
part did not begin at random, but with the weights of `denoiser` for aligned faces, where the two
networks have the same layers; the blocks at 4x4 and the frame began at random. In the first two
parts, the constant of the loss was 0.0001.
"""

from gan_restore.configs import denoiser

PARTS = ("first", "second", "third")


def get_config(argument="third:."):
  part, _, folder = argument.partition(":")
  if part not in PARTS:
    raise ValueError(f"unknown part {part!r}; there are: {', '.join(PARTS)}")
  folder = folder or "."
  config = denoiser.get_config()
  config.dataset = f"folder:{folder}/celeba"
  config.pictures = tuple(
    f"folder:{folder}/{name}" for name in ("celeba", "celeba128", "bsds500/train", "bsds500/test")
  )
  config.picture_shares = (0.4, 0.32, 0.14, 0.14)
  config.picture_margins = (0.2, 1 / 16, 0.0, 0.0)
  if part == "first":
    config.steps = 9_000
    config.learning_rate = 5e-4
  elif part == "second":
    config.pixels_share = 0.35
    config.large_every = 2
    config.steps = 7_800
    config.learning_rate = 4e-4
  else:
    config.picture_shares = (0.22, 0.22, 0.28, 0.28)
    config.photograph_scales = (1.0, 2.0)
    config.inpaint_share = 0.2
    config.denoise_share = 0.35
    config.quantize_share = 0.05
    config.super_resolve_share = 0.2
    config.colorize_share = 0.06
    config.demosaic_share = 0.14
    config.jpeg_share = 1 / 4
    config.pixels_share = 0.35
    config.second_look_share = 0.1
    config.large_every = 2
    config.steps = 10_000
    config.learning_rate = 5e-4
    config.seed = 1
  config.export_step = config.steps
  return config
