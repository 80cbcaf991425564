"""The files that come with the package, each with a card that describes it: weights of families,
networks that measure restorations (`judges/`), a network that finds scratches (`finders/`), and
a dictionary of patches.
"""

import pathlib

FOLDER = pathlib.Path(__file__).parent
DICTIONARY = FOLDER / "dictionary.npy"
FINDER = FOLDER / "finders" / "scratches.safetensors"


def weights() -> dict[str, pathlib.Path]:
  """The weights files by name: FAMILY.safetensors is FAMILY, FAMILY-SET.safetensors FAMILY:SET."""
  return {path.stem.replace("-", ":"): path for path in sorted(FOLDER.glob("*.safetensors"))}


def judges() -> dict[str, pathlib.Path]:
  """The judges' weights files by name."""
  return {path.stem: path for path in sorted((FOLDER / "judges").glob("*.safetensors"))}
