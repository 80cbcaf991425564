"""gan_restore: restoring damaged images with generative adversarial networks, in JAX and Flax."""

from gan_restore.degradations import masks, operators, tasks
from gan_restore.evaluation import metrics
from gan_restore.hub import load, load_prior, restore
from gan_restore.restorers.result import Result

__version__ = "0.2.0"
__all__ = ["Result", "load", "load_prior", "masks", "metrics", "operators", "restore", "tasks"]
