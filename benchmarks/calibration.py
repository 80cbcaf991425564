"""Whether the spread of a method's samples is its error, pixel by pixel.

    python benchmarks/calibration.py --dataset folder:/path/to/celeba

For each task: the correlation between the spread of the samples and the absolute error of their
mean, over all values of all images; the share of the values of the originals that are at most two
spreads from that mean; and the root mean square of the spread divided by that of the error. For the
last two, the spread is multiplied by the root of 1 + 1 / K, because the mean of K samples has an
error of its own. For samples of the true posterior, the last is 1; if the posterior is normal, the
share is 0.95 for many samples, and 0.91 for 8. Values that y determines (a spread of less than half
a grey level) are not counted.
"""

import argparse

import numpy as np

from gan_restore import data, hub
from gan_restore.degradations import tasks
from gan_restore.evaluation import reports, scoring


def calibration(method, task, source, limit, num_samples):
  """The numbers of one task."""
  spreads, errors = [], []
  for number, batch in enumerate(data.evaluation_batches(source, 50, limit)):
    x = batch["image"].astype(np.float32) / 255
    y, A = scoring.damage(tasks.get(task), x, 50 * number, seed=0)
    samples = np.asarray(method(y, A, num_samples=num_samples).samples)[:, batch["valid"] == 1]
    spreads.append(samples.std(0, ddof=1))
    errors.append(samples.mean(0) - x[batch["valid"] == 1])
  spread, error = np.concatenate(spreads).ravel(), np.concatenate(errors).ravel()
  counted = spread > 0.5 / 255
  spread, error = spread[counted], error[counted]
  # The squared error of the mean of K samples is 1 + 1 / K times that of the mean of all.
  expected = spread * np.sqrt(1 + 1 / num_samples)
  return {
    "correlation": float(np.corrcoef(spread, abs(error))[0, 1]),
    "within 2 spreads": float(np.mean(abs(error) < 2 * expected)),
    "spread / error": float(np.sqrt(np.mean(expected**2) / np.mean(error**2))),
  }


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--dataset", required=True, help="folder:PATH or toy_faces")
  parser.add_argument("--method", default="denoiser", help="a method that draws samples")
  parser.add_argument("--tasks", default=",".join(tasks.NAMES))
  parser.add_argument("--limit", type=int, default=100, help="number of images (default 100)")
  parser.add_argument("--num-samples", type=int, default=8)
  arguments = parser.parse_args()
  method = hub.load(arguments.method)
  if not method.sampling:
    parser.error(f"{arguments.method} draws no samples")
  source = data.load(arguments.dataset, "test", 64)
  rows = [
    {"task": task} | calibration(method, task, source, arguments.limit, arguments.num_samples)
    for task in arguments.tasks.split(",")
  ]
  print(reports.markdown(rows))


if __name__ == "__main__":
  main()
