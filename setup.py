"""Installs gan_restore."""

import pathlib
import re

import setuptools

_ROOT = pathlib.Path(__file__).parent
_VERSION = re.search(
  r'__version__ = "(.+)"', (_ROOT / "gan_restore" / "__init__.py").read_text()
).group(1)

setuptools.setup(
  name="gan_restore",
  version=_VERSION,
  description="Restoring damaged images with generative adversarial networks, in JAX and Flax",
  long_description=(_ROOT / "README.md").read_text(),
  long_description_content_type="text/markdown",
  license="Apache-2.0",
  packages=setuptools.find_packages(include=["gan_restore", "gan_restore.*"]),
  package_data={"gan_restore": ["shipped/*", "shipped/judges/*"]},
  python_requires=">=3.11",
  install_requires=[
    "absl-py>=2.1",
    "array_record>=0.8",
    "clu>=0.0.12",
    "dm_pix>=0.4.4",
    "flax>=0.12",
    "grain>=0.2.13",
    "importlib_resources>=6.0",  # TFDS needs it to prepare a set without TensorFlow.
    "jax>=0.10",
    "jaxlib>=0.10",
    "matplotlib>=3.9",
    "ml_collections>=1.0",
    "numpy>=2.0",
    "optax>=0.2.6",
    "orbax-checkpoint>=0.11.28",
    "Pillow>=11.0",
    "PyWavelets>=1.6",  # scikit-image needs it to shrink wavelet coefficients.
    "safetensors>=0.5",
    "scikit-image>=0.25",
    "scikit-learn>=1.6",
    "scipy>=1.13",
    "tensorflow-datasets>=4.9.9",
    "tqdm>=4.66",
  ],
  extras_require={
    "app": ["gradio>=5.0"],
    "bench": ["torch>=2.6"],
    "perceptual": ["lpips>=0.1.4", "torch-fidelity>=0.4"],
    "tensorboard": ["tensorboard>=2.19", "tensorflow>=2.19"],
    "test": [
      "ipykernel>=6.29",
      "nbclient>=0.10",
      "nbformat>=5.10",
      "pytest>=8.0",
      "pytest-xdist>=3.6",
      "ruff>=0.9",
    ],
  },
  entry_points={"console_scripts": ["gan-restore=gan_restore.cli:main"]},
  classifiers=[
    "Programming Language :: Python :: 3",
    "Topic :: Scientific/Engineering :: Image Processing",
  ],
)
