"""Run notebooks and write their outputs back into them: ``python scripts/notebooks.py NOTEBOOK ...``"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def refresh(path: Path) -> None:
    """Run one notebook in its own folder; a cell that fails leaves the file as it was."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell in notebook.cells:
        # When a cell ran says nothing about what it shows, and would change the file every time.
        cell.metadata.pop("execution", None)
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(f"running {name}")
        refresh(Path(name))
