"""The tables that come with the examples are what their README says they are."""

from __future__ import annotations

from importlib.metadata import files
from pathlib import Path

import pytest

from .conftest import EXAMPLES

DATA = EXAMPLES / "data"
TABLES = sorted(DATA.glob("*.csv"))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_an_unchanged_copy_of_the_source(path: Path) -> None:
    sources = [file for file in files("vega-datasets") or [] if file.name == path.name]
    assert [Path(str(file.locate())).read_bytes() for file in sources] == [path.read_bytes()]


def test_the_readme_names_every_table() -> None:
    readme = (DATA / "README.md").read_text()
    for path in TABLES:
        rows = len(path.read_text().splitlines()) - 1
        assert f"| `{path.name}` | {rows:,} |" in readme
