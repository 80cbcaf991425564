"""`gan-restore compare-gans`."""

import argparse
import pathlib

from gan_restore.commands import options
from gan_restore.evaluation import reports
from gan_restore.studies import compare_gans
from gan_restore.training import host


def add_arguments(p: argparse.ArgumentParser) -> None:
  """Adds the arguments of the command to its parser `p`."""
  p.add_argument(
    "--datasets",
    default="mnist,cifar10,celeba",
    help="data sets of configs/coarse.py, separated by commas (default mnist,cifar10,celeba)",
  )
  p.add_argument(
    "--models", default=",".join(compare_gans.GIVEN), help="models, separated by commas"
  )
  p.add_argument(
    "--seeds",
    type=options.integers,
    default=[0],
    help="random seeds of the trainings, separated by commas (default 0)",
  )
  p.add_argument(
    "--workdir", required=True, type=pathlib.Path, metavar="DIR", help="folder for the trainings"
  )
  p.add_argument("--celeba", default="celeb_a", help="celeb_a, or folder:PATH with its files")
  p.add_argument("--data-dir", default="", help="where TFDS keeps prepared sets")
  options.add_set(p)
  p.add_argument(
    "--judge-set",
    action="append",
    default=[],
    metavar="FIELD=VALUE",
    help="sets a field of the config of the classifier that measures the restorations; may be"
    " repeated",
  )
  options.add_limit(p, 2000)


def run(arguments: argparse.Namespace) -> int:
  """Trains ResGAN and its baselines on coarse images, measures their restorations with a
  classifier, and prints the paper's table 1: losses / accuracies. Finished trainings are loaded and
  interrupted ones are resumed. Writes DIR/comparison.json, restorations and curves."""
  host.keep_memory()

  def make_config(name, dataset, seed):
    script = options.script(f"configs/{'gan' if name == 'dcgan' else name}.py")
    config = script["get_config"](dataset)
    config.seed = seed
    if name == "dcgan":
      config.network = "conv"
    settings = arguments.judge_set if name == "classifier" else arguments.set
    options.configure(config, settings, data_dir=arguments.data_dir)
    if dataset == "celeba":
      config.dataset = arguments.celeba
    return config

  unknown = set(arguments.models.split(",")) - set(compare_gans.GIVEN)
  if unknown:
    raise ValueError(
      f"unknown models {', '.join(unknown)}; there are: {', '.join(compare_gans.GIVEN)}"
    )
  rows = compare_gans.run(
    make_config,
    arguments.datasets.split(","),
    arguments.models.split(","),
    arguments.seeds,
    arguments.workdir,
    arguments.limit,
  )
  print(reports.markdown(rows))
  print("\nlosses / accuracies, means over the seeds:\n")
  print(reports.markdown(compare_gans.table(rows)))
  return 0
