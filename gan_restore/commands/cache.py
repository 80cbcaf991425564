"""The cache of compiled programs that all commands share."""

import hashlib
import os
import pathlib
import platform

import jax

MAX_BYTES = 500_000_000  # The least recently used programs are removed beyond this.


def enable() -> None:
  """Keeps compiled programs on the disk, so that a command does not compile them again.

  They lie in `$XDG_CACHE_HOME/gan_restore` or `~/.cache/gan_restore`. This folder may be deleted at
  any time. Two of JAX's own variables take precedence: `JAX_COMPILATION_CACHE_DIR` names another
  folder, and `JAX_ENABLE_COMPILATION_CACHE=false` switches the cache off. Nothing is kept where the
  folder cannot be written.
  """
  if "JAX_COMPILATION_CACHE_DIR" in os.environ:
    return
  try:
    path = folder()
    path.mkdir(parents=True, exist_ok=True)
  except (OSError, RuntimeError):  # There is no home, or it is read-only.
    return
  if not os.access(path, os.W_OK):
    return
  jax.config.update("jax_compilation_cache_dir", str(path))
  jax.config.update("jax_compilation_cache_max_size", MAX_BYTES)
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
  jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def folder() -> pathlib.Path:
  """The folder of the programs for this kind of processor.

  XLA compiles for the instructions of the processor. A home that several machines share has one
  folder for each kind of processor.

  Returns:
    The path, which need not exist.

  Raises:
    RuntimeError: If the user has no home folder.
  """
  cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
  kind = hashlib.sha256(f"{platform.machine()} {_instructions()}".encode()).hexdigest()[:12]
  return pathlib.Path(cache, "gan_restore", kind)


def _instructions() -> str:
  """The instruction sets of the processor, where the system lists them (Linux); else its name."""
  try:
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
  except OSError:
    return platform.processor()
  return next((line for line in lines if line.startswith(("flags", "Features"))), "")
