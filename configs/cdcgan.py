"""Face completion in one forward pass: cDCGAN (Chen, Ji, Zhang) at 64x64.

"Conditional Deep Convolutional GANs for Image Restoration": table 1, eqs 2 to 5, algorithm 1.

    python -m gan_restore.main --config=configs/cdcgan.py --workdir=runs/cdcgan

The variants of the paper's figure 3:

- cdcgan.py:simple has one global discriminator.
- cdcgan.py:pyramid adds the feature pyramid.
- cdcgan.py:dilated also adds dilation.
- cdcgan.py:full, the default, also adds the local discriminator.

`gan-restore ablation` trains and compares the four variants.

The paper reports five hours for 5,000 iterations on a P100. It gives no batch size, learning rate,
T_g, T_d or loss weights. Its generator minimises L_g alone in the first stage, and L_g and the loss
of the class at the end. Ours minimises the L1 distance first, and all three at the end. For the
paper's losses, add --config.first_loss=l_g --config.reconstruction_weight=0.0.

On two cores train with --config.width=16 --config.learning_rate=1e-3. At the paper's width this
learning rate is too large: the outputs of the generator saturate in the first steps, and it learns
nothing. configs/shipped/cdcgan.py trains the shipped network.
"""

from gan_restore.configs import common

VARIANTS = ("simple", "pyramid", "dilated", "full")


def get_config(variant="full"):
  if variant not in VARIANTS:
    raise ValueError(f"unknown variant {variant!r}; there are: {', '.join(VARIANTS)}")
  config = common.base("cdcgan")
  config.image_size = 64  # Or 128.
  config.label = ""  # Attribute used as the class, e.g. Smiling with classes = 2; empty for all 40.
  config.classes = 40
  config.masks = "center,center,random,random,strokes"  # One is drawn per image; see masks.KINDS.

  config.pyramid = variant != "simple"
  config.dilated = variant in ("dilated", "full")
  config.local = variant == "full"
  config.width = 64  # The width of table 1; use 16 on two cores.

  config.generator_steps = 2_500  # T_g, steps of the generator alone.
  config.discriminator_steps = 500  # T_d, steps of discriminator and classifier after that.
  config.first_loss = "l1"  # Loss of the generator alone: l1, or l_g as in the paper.
  config.reconstruction_weight = 1.0  # Weight of the L1 distance, which the paper does not have.
  config.known_weight = 0.1  # Weight of the known pixels in the reconstruction loss.
  config.adversarial_weight = 0.005
  config.generator_class_weight = 0.005  # Weight of L_c^f in the generator's loss.
  config.class_fake_weight = 1.0  # Weight of L_c^f in the classifier's loss.
  config.class_real_weight = 1.0  # Weight of L_c^r in the classifier's loss.

  config.batch_size = 64
  config.learning_rate = 2e-4
  config.steps = 5_000
  return config
