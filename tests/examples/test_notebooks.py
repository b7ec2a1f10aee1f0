"""Every notebook runs from top to bottom, and shows what is kept in its file."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from .conftest import EXAMPLES

NOTEBOOKS = sorted((EXAMPLES / "notebooks").glob("*.ipynb"))
OF_CRIA = {"csv_analysis.ipynb"}
"""Those in which the embedded model answers; the others follow a script."""

each_notebook = pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.name, marks=[pytest.mark.cria_answers] if path.name in OF_CRIA else [])
        for path in NOTEBOOKS
    ],
)


def test_those_of_the_embedded_model_are_named() -> None:
    assert {
        path.name for path in NOTEBOOKS if 'Agent("cria"' in path.read_text().replace("\\", "")
    } == OF_CRIA


@each_notebook
def test_it_shows_what_it_showed(path: Path) -> None:
    kept = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    NotebookClient(fresh, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    for before, after in zip(kept.cells, fresh.cells, strict=True):
        # Token counts move with the date, which the model is told in words.
        if "varies" not in before.metadata.get("tags", ()):
            assert shown(after) == shown(before), f"cell {before.id!r}: run `make notebooks`"


@each_notebook
def test_it_was_kept_with_its_outputs(path: Path) -> None:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    kinds = [kind for cell in cells for kind, _ in shown(cell)]
    draws = any("plt.show()" in cell.source or "Image(" in cell.source for cell in cells)
    assert ("image/png" in kinds) == draws
    assert kinds.count("text/plain") >= 3
    assert "stderr" not in kinds


def shown(cell: NotebookNode) -> list[tuple[str, str]]:
    """What a cell displays, by kind; of pictures only that there is one."""
    parts: list[tuple[str, str]] = []
    for output in cell.get("outputs", ()):
        if output.output_type == "stream":
            parts.append((output.name, output.text))
        else:
            data = output.get("data", {})
            parts += [(kind, "" if kind == "image/png" else str(text)) for kind, text in sorted(data.items())]
    return parts
