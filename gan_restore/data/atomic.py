"""Files that are complete or not there."""

import contextlib
import hashlib
import os
import pathlib
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
  """Gives the path of a new file, which then replaces `path` in one step.

  If there is an error while it is written, the new file is deleted, and `path` is as before.
  Several processes and threads may write the same file at once.

  Args:
    path: The file.

  Yields:
    The path to write, in the same folder.

  Examples:
    >>> import tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "note.txt"
    >>> with replacing(file) as partial:
    ...   _ = partial.write_text("complete")
    >>> file.read_text()
    'complete'
  """
  path = pathlib.Path(path)
  # A short name, because that of the file may be as long as the system allows.
  name = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
  partial = path.with_name(f".{name}.{os.getpid()}.{threading.get_ident()}.partial")
  try:
    yield partial
    os.replace(partial, path)
  finally:
    partial.unlink(missing_ok=True)
