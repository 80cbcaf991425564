"""Face completion by an encoder-decoder DCGAN (Ansaerjiang, Jiang, Song, Xie).

"Image Semantic Inpainting with DCGAN": 10,000 CelebA faces.

    python -m gan_restore.main --config=configs/encoder_dcgan.py --workdir=runs/encoder_dcgan

Forty minutes on two CPU cores; 64 validation faces of CelebA, centre hole, pasted in: 26.5 dB and
.86 of the originals' sharpness. What ships is step 4,000, see shipped/encoder_dcgan.md.

Its table 1 is encoder_dcgan.py:cnn (no adversary), :gan (dense networks), :dcgan (the default);
`gan-restore ablation --config configs/encoder_dcgan.py` trains and compares the three.
"""

import ml_collections

VARIANTS = ("cnn", "gan", "dcgan")


def get_config(variant="dcgan"):
  if variant not in VARIANTS:
    raise ValueError(f"unknown variant {variant!r}; there are: {', '.join(VARIANTS)}")
  config = ml_collections.ConfigDict()
  config.family = "encoder_dcgan"

  config.dataset = "celeb_a"  # Any TFDS name, folder:PATH or toy_faces.
  config.data_dir = ""  # Where TFDS keeps prepared sets; empty for its default.
  config.image_size = 64
  config.channels = 3
  config.flip = True
  config.masks = "center,center,random,strokes"  # Each image draws one; see masks.KINDS.

  config.network = "dense" if variant == "gan" else "conv"
  config.width = 32
  config.dtype = "float32"  # Or bfloat16.
  config.content_weight = 1.0
  config.known_weight = 0.1  # Of the known pixels in the content loss.
  config.gradient_weight = 1.0
  config.generator_weight = 0.0 if variant == "cnn" else 0.0025
  config.prior_weight = 0.0 if variant == "cnn" else 0.0025

  config.batch_size = 32
  config.steps = 5_000
  config.learning_rate = 1e-3
  config.schedule = "cosine"  # To 0 at the last step; or constant.
  config.beta1 = 0.5
  config.ema_decay = 0.999
  config.seed = 0

  config.log_every = 50
  config.sample_every = 500
  config.checkpoint_every = 500
  config.keep = 2  # Newest checkpoints kept,
  config.keep_every = 0  # and those at multiples of this step, from which the best is chosen.
  return config
