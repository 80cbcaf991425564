"""The processor that a training runs on: its memory and its cores.

Nothing here is needed on an accelerator.
"""

import ctypes
import os
import sys

import jax

# Parameters of glibc's mallopt, from malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8


def use_cores(batch_size: int) -> None:
  """Makes two JAX devices of a processor with two cores, if the batch can be divided by two.

  Each device then computes half of the batch on one core. XLA runs several operations of a step on
  one core only, so this is up to 1.3 times as fast as one device with two cores. It must be called
  before JAX is first used. Where `XLA_FLAGS` or `JAX_NUM_CPU_DEVICES` names a number of devices,
  that number is kept.

  Args:
    batch_size: Of the training.
  """
  named = "device_count" in os.environ.get("XLA_FLAGS", "") or "JAX_NUM_CPU_DEVICES" in os.environ
  cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
  if not named and cores == 2 and batch_size % 2 == 0:
    jax.config.update("jax_num_cpu_devices", 2)


def keep_memory() -> None:
  """Tells glibc to keep the memory that a training step has freed, for the next step.

  XLA frees the intermediate arrays of a step and asks for the same amount in the next one. By
  default glibc returns large blocks to the system, which has to clear them each time; this takes up
  to a fifth of a step. It must be called before JAX is first used: a thread keeps the way of
  allocating memory with which it began. Nothing is done without glibc, or where `GLIBC_TUNABLES`
  is set.
  """
  if sys.platform != "linux" or "GLIBC_TUNABLES" in os.environ:
    return
  mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
  if mallopt is not None:
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, -1)
    mallopt(_ARENA_MAX, 1)
