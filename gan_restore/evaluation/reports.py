"""Scores as tables: rows, Markdown, CSV and JSON files."""

import csv
import json
import math
import os
from typing import Any

from gan_restore.data import atomic


def rows(scores: dict[str, float]) -> list[dict[str, Any]]:
  """Turns scores into rows of a table, one for each output.

  If there are only `raw` and `result`, and their scores are the same, only `raw` is left.

  Args:
    scores: {OUTPUT/SCORE: value}, as `scoring.evaluate` returns; a name without a slash belongs to
      every row.

  Returns:
    The rows.

  Examples:
    >>> rows({"raw/psnr": 20.0, "result/psnr": 21.0, "images": 8})
    [{'output': 'raw', 'psnr': 20.0, 'images': 8}, {'output': 'result', 'psnr': 21.0, 'images': 8}]
  """
  outputs = list(dict.fromkeys(name.partition("/")[0] for name in scores if "/" in name))
  common = {name: value for name, value in scores.items() if "/" not in name}
  own = lambda output: {
    name.partition("/")[2]: value for name, value in scores.items() if name.startswith(f"{output}/")
  }
  if outputs == ["raw", "result"] and _equal(own("raw"), own("result")):
    outputs = ["raw"]
  return [{"output": output, **own(output), **common} for output in outputs]


def _equal(a, b) -> bool:
  """Whether two dictionaries hold the same numbers; NaN is the same as NaN."""
  return a.keys() == b.keys() and all(a[x] == b[x] or (a[x] != a[x] and b[x] != b[x]) for x in a)


def markdown(rows: list[dict[str, Any]]) -> str:
  """Formats rows as a Markdown table.

  Args:
    rows: Dictionaries; the columns are all their keys, in the order of their first appearance.

  Returns:
    The table.
  """
  names = list(dict.fromkeys(name for row in rows for name in row))
  show = lambda v: f"{v:.3f}" if isinstance(v, float) else str(v)
  lines = [names, ["---"] * len(names)]
  lines += [[show(row.get(name, "")) for name in names] for row in rows]
  return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_csv(path: str | os.PathLike, rows: list[dict[str, Any]]) -> None:
  """Writes rows as a CSV file, atomically.

  Args:
    path: The file.
    rows: As in `markdown`.
  """
  fields = list(dict.fromkeys(name for row in rows for name in row))
  with atomic.replacing(path) as partial, partial.open("w", newline="") as file:
    writer = csv.DictWriter(file, fields)
    writer.writeheader()
    writer.writerows(rows)


def write_json(path: str | os.PathLike, values: Any) -> None:
  """Writes values as a JSON file, atomically.

  Args:
    path: The file.
    values: Anything that JSON can hold. NaN and infinity, which it cannot hold, become null.
  """
  with atomic.replacing(path) as partial:
    partial.write_text(json.dumps(_finite(values), indent=2, allow_nan=False) + "\n")


def _finite(value: Any) -> Any:
  if isinstance(value, float) and not math.isfinite(value):
    return None
  if isinstance(value, dict):
    return {key: _finite(v) for key, v in value.items()}
  if isinstance(value, list | tuple):
    return [_finite(v) for v in value]
  return value
