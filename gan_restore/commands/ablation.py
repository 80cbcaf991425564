"""`gan-restore ablation`."""

import argparse
import pathlib

from gan_restore.commands import options
from gan_restore.degradations import masks
from gan_restore.evaluation import reports
from gan_restore.studies import ablation
from gan_restore.training import host


def add_arguments(p: argparse.ArgumentParser) -> None:
  """Adds the arguments of the command to its parser `p`."""
  p.add_argument(
    "--config", default="configs/cdcgan.py", help="a config file with VARIANTS (default: cdcgan)"
  )
  p.add_argument(
    "--workdir", required=True, type=pathlib.Path, metavar="DIR", help="folder for the trainings"
  )
  p.add_argument("--dataset", help="a TFDS name, folder:PATH or toy_faces, instead of the config's")
  p.add_argument("--data-dir", help="where TFDS keeps prepared sets")
  p.add_argument(
    "--vary",
    action="append",
    metavar="FIELD=VALUE,...",
    help="compare values of a field instead of VARIANTS; may be repeated: each value is one"
    " variant, which has this field changed and no other",
  )
  p.add_argument(
    "--seeds",
    type=options.integers,
    help="seeds of the trainings, separated by commas (default: the config's seed)",
  )
  options.add_set(p)
  p.add_argument(
    "--masks",
    default="center,random",
    help=f"masks of the test images, separated by commas (default center,random): {masks.HELP}",
  )
  options.add_limit(p, 500)
  p.add_argument("--seed", type=int, default=0, help="random seed of the test masks")


def run(arguments: argparse.Namespace) -> int:
  """Trains the variants of a config, or one run for each of several values of fields. Finished
  trainings are loaded and interrupted ones are resumed. Then completes the same test images with
  each and prints the scores. Writes the scores to DIR/ablation.json, the images to restorations.png
  and the losses, on common axes, to losses.png."""
  host.keep_memory()
  script = options.script(arguments.config)
  if arguments.vary:
    variants: dict[str, tuple] = {}
    for field, equals, values in (varied.partition("=") for varied in arguments.vary):
      if not equals:
        raise ValueError(f"--vary {field}: it must be FIELD=VALUE,...")
      variants |= {f"{field}={v}": ((), [f"{field}={v}"]) for v in values.split(",")}
  elif "VARIANTS" in script:
    variants = {name: ((name,), []) for name in script["VARIANTS"]}
  else:
    raise ValueError(f"{arguments.config} names no VARIANTS; give --vary FIELD=VALUE,...")
  seeds = arguments.seeds or [None]
  configs = {}
  for name, (variant, settings) in variants.items():
    for seed in seeds:
      config = script["get_config"](*variant)
      options.configure(
        config,
        [*arguments.set, *settings],
        dataset=arguments.dataset,
        data_dir=arguments.data_dir,
        seed=seed,
      )
      configs[f"{name}-{seed}" if len(seeds) > 1 else name] = config
  rows = ablation.run(
    configs, arguments.workdir, arguments.masks.split(","), arguments.limit, arguments.seed
  )
  print(reports.markdown(rows))
  print(f"Wrote ablation.json, restorations.png and losses.png in {arguments.workdir}")
  return 0
