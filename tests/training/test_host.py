"""The processor that a training runs on, in processes of their own."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

DEVICES = """
import os
os.sched_getaffinity = lambda process: {{0, 1}}
from gan_restore.training import host
host.use_cores({batch})
import jax
print(jax.device_count())
"""

MEMORY = """
import ctypes
from gan_restore.training import host
host.keep_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
def resident():
  return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
size = 300 << 20
before = resident()
block = libc.malloc(size)
ctypes.memset(block, 1, size)
libc.free(block)
kept = resident() - before
print(kept > size // 2)
"""


def run(code: str, **variables) -> str:
  """What the code prints in a process of its own."""
  own = ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES", "GLIBC_TUNABLES")
  environment = {k: v for k, v in os.environ.items() if k not in own}
  command = [sys.executable, "-c", code]
  result = subprocess.run(
    command, env=environment | variables, check=True, capture_output=True, text=True
  )
  return result.stdout.strip()


def test_two_cores_are_two_devices_if_the_batch_can_be_divided():
  assert run(DEVICES.format(batch=8)) == "2"
  assert run(DEVICES.format(batch=7)) == "1"
  assert run(DEVICES.format(batch=8), JAX_NUM_CPU_DEVICES="1") == "1"
  flags = "--xla_force_host_platform_device_count=4"
  assert run(DEVICES.format(batch=8), XLA_FLAGS=flags) == "4"


def test_memory_that_was_freed_is_kept():
  """Unless the user has settings of glibc of their own."""
  assert run(f"import os\n{MEMORY}") == "True"
  assert run(f"import os\n{MEMORY}", GLIBC_TUNABLES="glibc.malloc.top_pad=0") == "False"
