"""Fixtures shared by the tests of all three packages."""

from __future__ import annotations

import importlib.metadata
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .e2b_code_server import port_taken, running

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_NAMED = (
    "begin_of_text",
    "end_of_text",
    "reserved_special_token_0",
    "reserved_special_token_1",
    "finetune_right_pad_id",
    "step_id",
    "start_header_id",
    "end_header_id",
    "eom_id",
    "eot_id",
    "python_tag",
    "image",
)
SPECIALS = [f"<|{name}|>" for name in _NAMED] + [
    f"<|reserved_special_token_{i}|>" for i in range(2, 2 + 256 - len(_NAMED))
]
"""In the order of their ids, from 128,000 on."""


def vocabulary() -> Path:
    """The file of Llama 3's 128,000 byte pairs."""
    # The file is data of the package `llama-models`, which is installed without what it imports.
    for file in importlib.metadata.files("llama-models") or []:
        if file.as_posix() == "llama_models/llama3/tokenizer.model":
            return Path(str(file.locate()))
    raise FileNotFoundError("llama-models is installed without llama3/tokenizer.model; run `make install`")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expect no right answers yet: the model card says how far the embedded model has been trained."""
    reason = "the embedded model has not been trained for long enough to understand the question"
    for item in items:
        if item.get_closest_marker("cria_answers"):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=False))


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c() -> None:
    """A shell starts what runs in the background with Ctrl-C ignored, and every child inherits that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def llama3_tokenizer() -> PreTrainedTokenizerFast:
    """Llama 3's own tokenizer: 128,000 pieces and 256 special tokens."""
    # Here, because it takes seconds and most tests need no tokenizer.
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import TikTokenConverter

    converter = TikTokenConverter(str(vocabulary()), pattern=SPLIT, extra_special_tokens=SPECIALS)
    return PreTrainedTokenizerFast(tokenizer_object=converter.converted())


@pytest.fixture
def e2b_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The port that E2B's SDK uses in debug mode; nothing listens on it."""
    # One folder up is common to all of pytest-xdist's processes.
    with port_taken(tmp_path_factory.getbasetemp().parent / "e2b.lock"):
        yield


@pytest.fixture
def e2b_code_server(e2b_port: None) -> Iterator[None]:
    """A stand-in for E2B's code server, on that port."""
    del e2b_port
    with running():
        yield
