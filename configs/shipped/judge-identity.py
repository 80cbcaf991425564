"""The shipped embedding of faces: `embedding.py`, for the 868 training people of `celeba128`.

    make train-judge-identity DATA=folder:/path/to/celeba128

The training took 46 minutes on one CPU core, beside other work.
"""

from gan_restore.configs import embedding


def get_config():
  config = embedding.get_config()
  config.export_step = config.steps
  return config
