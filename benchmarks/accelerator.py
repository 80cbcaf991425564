"""What an accelerator makes of this package: one table for training, one for restoring.

    make bench-accelerator

For each family and each precision it prints, at growing batch sizes, the images per second of the
training step, the seconds that compiling takes, the share of the device's peak that the step's
operations reach, and the peak memory. The first row of a family also says whether the losses of a
short run on drawn faces are finite, and its first and last loss of the generator. The second table
has the faces per second of the restorers. The peak is that of a large matrix product, which is
measured first. Rows that do not fit into the time limit are left out.
"""

import argparse
import functools
import importlib
import time

import jax
import jax.numpy as jnp
import numpy as np

import gan_restore as gr
from gan_restore import models
from gan_restore.evaluation import reports
from gan_restore.training import host
from gan_restore.training.state import init_state
from gan_restore.training.step import make_step, parallel, place, shard

FAMILIES = ("dcgan", "cdcgan", "encoder_dcgan", "unet_gan", "resgan", "autoencoder_gan", "denoiser")
RESTORERS = ("denoiser", "denoiser:4 samples", "unet_gan", "cdcgan", "encoder_dcgan", "map")
DTYPES = ("float32", "bfloat16")


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--families", nargs="*", choices=FAMILIES, default=FAMILIES)
  parser.add_argument("--restorers", nargs="*", choices=RESTORERS, default=RESTORERS)
  parser.add_argument("--batches", nargs="*", type=int, default=[32, 128, 512])
  parser.add_argument("--steps", type=int, default=200, help="steps of the short run")
  parser.add_argument("--size", type=int, default=64, help="pixels per side in training")
  parser.add_argument("--width", type=int, help="features of every family, instead of the config's")
  parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
  parser.add_argument(
    "--limit", type=float, default=420.0, help="seconds after which rows are left out"
  )
  arguments = parser.parse_args()
  host.keep_memory()
  start = time.perf_counter()
  elapsed = lambda: time.perf_counter() - start
  peaks = {dtype: peak(dtype) for dtype in DTYPES}
  print(f"JAX {jax.__version__}, {jax.local_device_count()} x {jax.devices()[0].device_kind}")
  for dtype, flops in peaks.items():
    print(f"matrix product in {dtype}: {flops / 1e12:.2f} TFLOP/s")
  rows = []
  for batch in arguments.batches:
    for dtype in DTYPES:
      for name in arguments.families:
        if elapsed() < 0.75 * arguments.limit:
          steps = arguments.steps if (batch, dtype) == (arguments.batches[0], DTYPES[0]) else 0
          rows.append(training(name, dtype, batch, steps, arguments, peaks[dtype]))
  print("\n" + reports.markdown(rows))
  rows = []
  for batch in arguments.batches:
    for name in arguments.restorers:
      if elapsed() < arguments.limit:
        rows.append(restoring(name, batch, arguments.seconds))
  print("\n" + reports.markdown(rows))
  print(f"\n{elapsed():.0f} s in all")


def peak(dtype: str) -> float:
  """Operations per second of a large matrix product."""
  size = 1024 if jax.default_backend() == "cpu" else 8192
  a = jnp.ones((size, size), dtype)
  product = jax.jit(lambda a: a @ a)
  return 2 * size**3 / measure(lambda: product(a), 0.3)


def measure(run, seconds: float) -> float:
  """The median seconds of a call."""
  jax.block_until_ready(run())
  found: list[float] = []
  while len(found) < 3 or sum(found) < seconds:
    start = time.perf_counter()
    jax.block_until_ready(run())
    found.append(time.perf_counter() - start)
  return float(np.median(found))


def configure(name: str, dtype: str, batch: int, arguments):
  """The config of a family for drawn faces."""
  script = importlib.import_module(f"gan_restore.configs.{name}")
  config = script.get_config(*(["celeba"] if name == "resgan" else []))
  config.update(dtype=dtype, batch_size=batch, dataset="toy_faces", image_size=arguments.size)
  if arguments.width:
    config.width = arguments.width
  if "classes" in config:
    config.classes = 10
  return config


def make_batch(config) -> dict:
  """Drawn faces, repeated where the batch is larger than 64."""
  from gan_restore.data import toy_faces

  source = toy_faces.ToyFaces("train", config.image_size)
  rows = [source[i % 64] for i in range(config.batch_size)]
  return shard({key: np.stack([row[key] for row in rows]) for key in rows[0]})


def training(name: str, dtype: str, batch: int, steps: int, arguments, peak_flops: float) -> dict:
  """A row of the table of training steps; with `steps` above 0 also of a short run."""
  row = {"family": name, "dtype": dtype, "batch": batch}
  config = configure(name, dtype, batch, arguments)
  family, arrays = models.get(name), make_batch(config)
  state = place(init_state(config))
  try:
    start = time.perf_counter()
    step = parallel(make_step(config)).lower(state, arrays, 1.0, family.PLAYERS).compile()
    row["compile, s"] = time.perf_counter() - start
    flops = (step.cost_analysis() or {}).get("flops", float("nan"))
    history = []

    def run():
      nonlocal state
      state, metrics = step(state, arrays, 1.0)
      history.append(metrics)
      return metrics

    seconds = measure(run, arguments.seconds)
  except jax.errors.JaxRuntimeError as error:  # The batch does not fit into the memory.
    return {**row, "images/s": str(error).splitlines()[0][:40]}
  row |= {"images/s": batch / seconds, "of peak": flops / seconds / peak_flops}
  statistics = jax.devices()[0].memory_stats() or {}
  row["peak memory, MiB"] = statistics.get("peak_bytes_in_use", float("nan")) / 2**20
  while len(history) < steps:
    run()
  if steps:
    losses = {k: [float(m[k]) for m in history] for k in history[0] if k.endswith("_loss")}
    of_player = losses[f"{family.PLAYERS[0]}_loss"]
    row["finite losses"] = str(bool(np.isfinite(list(losses.values())).all()))
    row |= {"first loss": of_player[0], f"loss after {steps} steps": of_player[steps - 1]}
  return row


def restoring(name: str, batch: int, seconds: float) -> dict:
  """A row of the table of restorers, with the shipped weights and a centre hole."""
  stem, _, samples = name.partition(":")
  options = {"num_samples": 4} if samples else {}
  options |= {"num_restarts": 1, "num_steps": 50} if stem == "map" else {}
  mask = np.zeros((64, 64), np.float32)
  mask[16:48, 16:48] = 1
  A = gr.operators.inpaint(mask)
  y = A(np.random.default_rng(0).random((batch, 64, 64, 3), np.float32))
  run = functools.partial(gr.load(stem, **options), y, A)
  return {"restorer": name, "batch": batch, "faces/s": batch / measure(run, seconds)}


if __name__ == "__main__":
  main()
