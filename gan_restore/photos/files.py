"""Files that a command names: inputs, and the outputs that belong to them."""

import glob
import pathlib
from collections.abc import Sequence

from gan_restore.data import images


def expand(
  inputs: Sequence[str], apart: Sequence[pathlib.Path] = ()
) -> tuple[list[pathlib.Path], list[str]]:
  """The files of inputs, each once.

  Args:
    inputs: Files, folders or globs.
    apart: Files and folders that are not taken where they are within a folder of the inputs, such
      as masks and the results of an earlier command.

  Returns:
    (the files, in order; for each other input, a sentence that says what is wrong).
  """
  paths: dict[pathlib.Path, None] = {}
  failures = []
  for entry in inputs:
    path = pathlib.Path(entry)
    if path.is_dir():
      inner = {other.resolve() for other in apart if path.resolve() in other.resolve().parents}
      outside = lambda file, inner=inner: not inner & {file.resolve(), *file.resolve().parents}
      found = list(filter(outside, images.find_images(path)))
      if not found:
        failures.append(f"{entry}: no images in this folder")
    elif path.exists() or not glob.has_magic(entry):
      found = [path]
    else:
      found = sorted(map(pathlib.Path, glob.glob(entry, recursive=True)))
      if not found:
        failures.append(f"{entry}: no file matches this pattern")
    paths |= dict.fromkeys(found)
  return list(paths), failures


def unused(path: pathlib.Path) -> pathlib.Path:
  """A path that does not exist yet.

  Args:
    path: The path that is wanted.

  Returns:
    The path itself, or with -2, -3, ... at the end of its stem.
  """
  number, found = 2, path
  while found.exists():
    found, number = path.with_stem(f"{path.stem}-{number}"), number + 1
  return found


def name_outputs(
  paths: Sequence[pathlib.Path], folder: pathlib.Path, taken: Sequence[str] = ()
) -> list[pathlib.Path]:
  """`FOLDER/NAME` for each file, without an extension, numbered where two files share a name.

  Args:
    paths: The inputs.
    folder: Folder of the outputs.
    taken: Stems that must not be used.

  Examples:
    >>> [path.name for path in name_outputs([pathlib.Path("a/x.jpg"), pathlib.Path("b/x.png")],
    ...                                     pathlib.Path("out"))]
    ['x', 'x-2']
  """
  used = set(taken)
  outputs = []
  for path in paths:
    stem, number = path.stem, 2
    while stem in used:
      stem, number = f"{path.stem}-{number}", number + 1
    used.add(stem)
    outputs.append(folder / stem)
  return outputs
