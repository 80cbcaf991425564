"""gan_restore: restoring damaged images with generative adversarial networks, in JAX and Flax."""

from gan_restore import masks, metrics, operators, tasks
from gan_restore.restorers import load, restore
from gan_restore.restorers.result import Result
from gan_restore.weights import load_prior

__version__ = "0.1.0"
__all__ = ["Result", "load", "load_prior", "masks", "metrics", "operators", "restore", "tasks"]
