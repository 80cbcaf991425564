"""Face completion by an encoder-decoder DCGAN (Ansaerjiang, Jiang, Song, Xie).

"Image Semantic Inpainting with DCGAN": 10,000 CelebA faces.

    python -m gan_restore.main --config=configs/encoder_dcgan.py --workdir=runs/encoder_dcgan

The training takes forty minutes on two CPU cores. 64 validation faces of CelebA with a centre
hole have 26.5 dB and 0.86 of the originals' sharpness; the known pixels are pasted back.
configs/shipped/encoder_dcgan.py trains the shipped network.

The variants of the paper's table 1 are encoder_dcgan.py:cnn (no adversary), :gan (dense networks)
and :dcgan (the default). `gan-restore ablation --config configs/encoder_dcgan.py` trains and
compares the three.
"""

from gan_restore.configs import common

VARIANTS = ("cnn", "gan", "dcgan")


def get_config(variant="dcgan"):
  if variant not in VARIANTS:
    raise ValueError(f"unknown variant {variant!r}; there are: {', '.join(VARIANTS)}")
  config = common.base("encoder_dcgan")
  config.masks = "center,center,random,strokes"  # One is drawn per image; see masks.KINDS.

  config.network = "dense" if variant == "gan" else "conv"
  config.width = 32
  config.content_weight = 1.0
  config.known_weight = 0.1  # Weight of the known pixels in the content loss.
  config.gradient_weight = 1.0
  config.generator_weight = 0.0 if variant == "cnn" else 0.0025
  config.prior_weight = 0.0 if variant == "cnn" else 0.0025

  config.steps = 5_000
  return config
