"""Trains a run, or scores its checkpoints and exports the best.

python -m gan_restore.main --config=configs/dcgan.py --workdir=runs/dcgan
python -m gan_restore.main --config=configs/dcgan.py --workdir=runs/dcgan --mode=evaluate
"""

from absl import app, flags
from ml_collections import config_flags

from gan_restore import evaluation, train

_CONFIG = config_flags.DEFINE_config_file("config", None, "A file in configs/.", lock_config=True)
_WORKDIR = flags.DEFINE_string("workdir", None, "Where the run lives.")
_MODE = flags.DEFINE_enum("mode", "train", ["train", "evaluate"], "What to do.")
flags.mark_flags_as_required(["config", "workdir"])


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f"unexpected arguments: {argv[1:]}")
  {"train": train.train, "evaluate": evaluation.evaluate_run}[_MODE.value](
    _CONFIG.value, _WORKDIR.value
  )


if __name__ == "__main__":
  app.run(main)
