"""Tests which values a config may have."""

import pytest
from helpers import small_config

from gan_restore.training import loop


def test_labels_must_be_as_the_config_says(tmp_path):
  config = small_config("classifier", exclusive=True)
  with pytest.raises(ValueError, match=r"config\.exclusive is True; toy_faces has attributes"):
    loop.train(config, tmp_path / "w")


@pytest.mark.parametrize(
  "change,message",
  [
    ({"batch_size": 0}, "config.batch_size is 0"),
    ({"batch_size": 7}, "config.batch_size is 7; it must be divisible by the 2 devices"),
    ({"steps": 0}, "config.steps is 0"),
    ({"image_size": 48}, "config.image_size is 48; it must be a power of two"),
    ({"image_size": 8}, "config.image_size is 8; it must be a power of two, at least 16"),
    ({"learning_rate": -1.0}, "config.learning_rate is -1.0"),
    ({"learning_rate": float("nan")}, "config.learning_rate is nan"),
    ({"ema_decay": 1.0}, "config.ema_decay is 1.0"),
    ({"dtype": "float16"}, "config.dtype is 'float16'"),
    ({"augment": "color,rotation"}, "config.augment is 'color,rotation'"),
    ({"seed": -1}, "config.seed is -1"),
    ({"channels": 1}, "config.channels is 1; the images of toy_faces have 3"),
    ({"family": "gam"}, "unknown family 'gam'"),
    ({"dataset": "faces!"}, "unknown data set 'faces!'"),
  ],
)
def test_invalid_configs(change, message, tmp_path):
  config = small_config()
  config.update(change)
  with pytest.raises(ValueError, match=message):
    loop.train(config, tmp_path / "w")
  assert not (tmp_path / "w" / "checkpoints").exists()
