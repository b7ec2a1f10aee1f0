"""Prose, data, code and markup that the parser has no business calling anything for."""

from __future__ import annotations

import json
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama3_prompts import Piece, StreamParser
from llama3_prompts._toolbox import Toolbox

ROOT = Path(__file__).parents[2]
STDLIB = Path(sysconfig.get_path("stdlib"))
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md")])
SOURCES = sorted(path for path in STDLIB.glob("*.py") if path.stat().st_size < 40_000)[::4]
_KEYS = st.sampled_from(["name", "type", "function", "id", "price", "tools", "mix", "text"]) | st.text(
    max_size=5
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["mix", "ping", "function"])
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=10,
)


@pytest.fixture(scope="module")
def toolbox(tools: Sequence[Callable[..., Any]]) -> Toolbox:
    return Toolbox(tools, code_interpreter=True)


def read(toolbox: Toolbox, text: str | Piece) -> Any:
    parser = StreamParser.from_toolbox(toolbox)
    parser.feed(text)
    return parser.finish()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_pages_about_calls_are_text(toolbox: Toolbox, page: Path) -> None:
    for paragraph in page.read_text(encoding="utf-8").split("\n\n"):
        # As a piece, because the pages spell control tokens that nobody generated.
        assert read(toolbox, Piece(f"It says: {paragraph}")).tool_calls == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_real_programs_are_code_after_the_tag_and_text_without_it(toolbox: Toolbox, source: Path) -> None:
    code = source.read_text(encoding="utf-8")
    message = read(toolbox, f"<|python_tag|>{code}<|eom_id|>")
    assert [call["args"] for call in message.tool_calls] == [{"code": code}]
    assert read(toolbox, code).content == code


@settings(max_examples=300, deadline=None)
@given(value=_VALUES, indent=st.sampled_from([None, 2]))
def test_data_without_arguments_is_never_a_call(toolbox: Toolbox, value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    for shown in (text, f"Here it is: {text}", f"```json\n{text}\n```"):
        assert read(toolbox, shown).tool_calls == []
    assert read(toolbox, f"Here it is: {text} and no more.").content.endswith(" and no more.")


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.text("ab <&;'\"", max_size=6),
        lambda inner: st.lists(inner, max_size=3).map(
            lambda parts: f"<function={len(parts)}><b class='x'>" + "".join(parts) + "</b></function>"
        ),
        max_leaves=8,
    )
)
def test_markup_is_text(toolbox: Toolbox, text: str) -> None:
    message = read(toolbox, f"So {text}")
    assert (message.content, message.tool_calls) == (f"So {text}", [])
