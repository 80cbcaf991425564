"""Face completion in one forward pass: cDCGAN (Chen, Ji, Zhang) at 64x64.

"Conditional Deep Convolutional GANs for Image Restoration": table 1, eqs 2 to 5, algorithm 1.

    python -m gan_restore.main --config=configs/cdcgan.py --workdir=runs/cdcgan

The paper's figure 3 is cdcgan.py:simple (one global discriminator), :pyramid (and the feature
pyramid), :dilated (and dilation), :full (and the local discriminator; the default);
`gan-restore ablation` trains and compares the four. 5,000 iterations took the paper five hours on
a P100; the paper names neither batch size, T_g, T_d nor weights. Its generator learns by L_g alone,
ours by the L1 distance first and by both at the end. Two cores train --config.width=16; the shipped
network is configs/shipped/cdcgan.py.
"""

from gan_restore.configs import common

VARIANTS = ("simple", "pyramid", "dilated", "full")


def get_config(variant="full"):
  if variant not in VARIANTS:
    raise ValueError(f"unknown variant {variant!r}; there are: {', '.join(VARIANTS)}")
  config = common.base("cdcgan")
  config.image_size = 64  # Or 128.
  config.label = ""  # One attribute as the class, e.g. Smiling with classes = 2; empty for all 40.
  config.classes = 40
  config.masks = "center,center,random,random,strokes"  # Each image draws one; see masks.KINDS.

  config.pyramid = variant != "simple"
  config.dilated = variant in ("dilated", "full")
  config.local = variant == "full"
  config.width = 64  # Of table 1; 16 for two cores.

  config.generator_steps = 2_500  # T_g: the generator alone,
  config.discriminator_steps = 500  # T_d: then discriminator and classifier; then all.
  config.reconstruction_weight = 1.0  # Of the L1 distance, which the paper does not have.
  config.known_weight = 0.1  # Of the known pixels in the reconstruction.
  config.adversarial_weight = 0.005
  config.generator_class_weight = 0.005  # L_c^f in the generator's loss,
  config.class_fake_weight = 1.0  # and in the classifier's,
  config.class_real_weight = 1.0  # beside L_c^r.

  config.batch_size = 64
  config.steps = 5_000
  return config
