"""The demo: a small DCGAN on drawn faces. It takes one or two minutes on two cores; no download.

python -m gan_restore.main --config=configs/demo.py --workdir=out/demo/toy_faces
"""

from gan_restore.configs import dcgan


def get_config():
  config = dcgan.get_config()
  config.dataset = "toy_faces"
  config.image_size = 32
  config.width = 32
  config.batch_size = 32
  config.steps = 1_500
  config.ema_decay = 0.99
  config.sample_every = 500
  config.checkpoint_every = 500
  return config
