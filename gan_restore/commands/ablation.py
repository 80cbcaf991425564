"""`gan-restore ablation`."""

import pathlib

from gan_restore import ablation, evaluation, masks
from gan_restore.commands import options


def add_parser(commands) -> None:
  """Adds the command."""
  p = commands.add_parser("ablation", help="compare variants", description=run.__doc__)
  p.add_argument("--config", default="configs/cdcgan.py", help="a config file with VARIANTS")
  p.add_argument("--workdir", required=True, type=pathlib.Path, metavar="DIR")
  p.add_argument("--dataset", help="a TFDS name, folder:PATH or toy_faces, instead of the config's")
  p.add_argument("--data-dir", help="where TFDS keeps prepared sets")
  options.add_set(p)
  p.add_argument("--masks", default="center,random", help=f"out of {', '.join(masks.KINDS)}")
  p.add_argument("--limit", type=int, default=500, help="test images at most (default 500)")
  p.add_argument("--seed", type=int, default=0, help="of the test masks")
  p.set_defaults(run=run)


def run(arguments) -> int:
  """Trains the variants of a config, or goes on, or loads what is done; completes the same test
  images with each, and prints the scores. Writes them to DIR/ablation.json, the images to
  restorations.png and the losses on common axes to losses.png."""
  script = options.script(arguments.config)
  if "VARIANTS" not in script:
    raise ValueError(f"{arguments.config}: names no VARIANTS to compare")
  configs = {name: script["get_config"](name) for name in script["VARIANTS"]}
  for config in configs.values():
    options.configure(config, arguments.set, dataset=arguments.dataset, data_dir=arguments.data_dir)
  rows = ablation.run(
    configs, arguments.workdir, arguments.masks.split(","), arguments.limit, arguments.seed
  )
  print(evaluation.markdown(rows))
  print(f"Wrote ablation.json, restorations.png and losses.png in {arguments.workdir}")
  return 0
