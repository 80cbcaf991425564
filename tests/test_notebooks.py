"""The notebooks run from top to bottom."""

import os

import nbclient
import nbformat
import pytest
from conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path, monkeypatch, tmp_path):
  monkeypatch.setenv("GAN_RESTORE_NOTEBOOK_STEPS", "3")
  monkeypatch.setenv("GAN_RESTORE_NOTEBOOK_RUNS", str(tmp_path))
  monkeypatch.setenv("MPLBACKEND", "agg")
  # With so few steps, compiling takes most of the time.
  flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0"
  monkeypatch.setenv("XLA_FLAGS", flags.strip())
  notebook = nbformat.read(path, as_version=4)
  assert "install" in notebook.cells[1].source
  nbclient.NotebookClient(
    notebook, timeout=1200, resources={"metadata": {"path": str(path.parent)}}
  ).execute()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_stored_without_outputs(path):
  notebook = nbformat.read(path, as_version=4)
  assert not any(cell.get("outputs") for cell in notebook.cells)
