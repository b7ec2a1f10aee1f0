"""Every notebook runs from top to bottom, and shows what is kept in its file."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from .conftest import EXAMPLES

NOTEBOOKS = sorted((EXAMPLES / "notebooks").glob("*.ipynb"))


def test_there_is_one() -> None:
    assert NOTEBOOKS


@pytest.mark.cria_answers
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_shows_what_it_showed(path: Path) -> None:
    kept = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    NotebookClient(fresh, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    for before, after in zip(kept.cells, fresh.cells, strict=True):
        # Token counts move with the date, which the model is told in words.
        if "varies" not in before.metadata.get("tags", ()):
            assert shown(after) == shown(before), f"cell {before.id!r}: run `make notebooks`"


@pytest.mark.cria_answers
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_was_kept_with_its_outputs(path: Path) -> None:
    kinds = [kind for cell in nbformat.read(path, as_version=4).cells for kind, _ in shown(cell)]
    assert "image/png" in kinds
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
