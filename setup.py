"""Installs gan_restore; what is not here is in pyproject.toml."""

import setuptools

setuptools.setup(
  # configs/ stands beside the package, and is installed inside it.
  packages=[
    *setuptools.find_packages(include=["gan_restore", "gan_restore.*"]),
    *(f"gan_restore.{name}" for name in setuptools.find_packages(include=["configs", "configs.*"])),
  ],
  package_dir={"gan_restore.configs": "configs"},
)
