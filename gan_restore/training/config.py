"""The config of a run, and the checks of its values."""

import json
import os
import pathlib

import ml_collections

from gan_restore import models
from gan_restore.nn import augmentations

_FRACTION = (lambda v: 0 <= v < 1, ">= 0 and < 1")
REQUIREMENTS: dict[str, models.Requirement] = {
  "batch_size": models.COUNT,
  "steps": models.COUNT,
  # The 11x11 window of SSIM must fit.
  "image_size": (lambda v: v >= 16 and v & (v - 1) == 0, "a power of two, at least 16"),
  "channels": (lambda v: v in (1, 3), "1 or 3"),
  "width": models.COUNT,
  "learning_rate": models.POSITIVE,
  "schedule": (lambda v: v in ("constant", "cosine"), "constant or cosine"),
  "beta1": _FRACTION,
  "ema_decay": _FRACTION,
  "log_every": models.COUNT,
  "sample_every": models.COUNT,
  "checkpoint_every": models.COUNT,
  "max_to_keep": models.COUNT,
  "keep_period": models.COUNT_OR_0,
  "export_step": models.COUNT_OR_0,
  "seed": (lambda v: 0 <= v < 2**32, "between 0 and 2^32 - 1"),
  "dtype": (lambda v: v in ("float32", "bfloat16"), "float32 or bfloat16"),
  # How images are cut out of pictures.
  "picture_shares": (lambda v: all(share > 0 for share in v), "numbers above 0"),
  "picture_margins": (lambda v: all(margin >= 0 for margin in v), "numbers >= 0"),
  "aligned_share": models.SHARE,
  "close_share": models.SHARE,
  "known_share": models.SHARE,
  "face_scales": models.RANGE,
  "photograph_scales": models.RANGE,
  "roll": (lambda v: 0 <= v <= 180, "between 0 and 180"),
  "shift": (lambda v: 0 <= v < 1, ">= 0 and < 1"),
  "large_every": models.COUNT_OR_0,
  "augment": (
    lambda v: not set(filter(None, v.split(","))) - set(augmentations.POLICIES),
    f"names out of {', '.join(augmentations.POLICIES)}, separated by commas",
  ),
}


def read(workdir: str | os.PathLike) -> ml_collections.ConfigDict:
  """The config of the run in a workdir."""
  return ml_collections.ConfigDict(json.loads(pathlib.Path(workdir, "config.json").read_text()))


def validate(config: ml_collections.ConfigDict) -> None:
  """Checks the values of a config.

  Args:
    config: A run, as in `configs/`.

  Raises:
    ValueError: If a value is invalid; the message names the field, its value and what it must be.
  """
  family = models.get(config.family)
  for field, (holds, wanted) in (REQUIREMENTS | family.REQUIREMENTS).items():
    if field in config and not holds(config[field]):
      raise ValueError(f"config.{field} is {config[field]!r}; it must be {wanted}")
