"""The tokenizer as the files define it, checked for what a Llama 3 conversation needs."""

from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

from llama3_agent.engine._config import first_line, read_json
from llama3_agent.engine._types import STOP_TOKENS
from llama3_agent.engine.errors import MissingSpecialTokens, ModelUnsuitable

FRAMING = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|end_of_text|>")
"""Needed by every family."""

TOOLS = ("<|eom_id|>", "<|python_tag|>")
"""Needed by every family but the first, which reserved their places without naming them."""


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in `tokenizer.json`, exactly as written there.

    It is loaded as a plain fast tokenizer, not by model type: the classes for Llama models rebuild parts
    of it the Llama 2 way. Decoding keeps every space, so text and ids stay in step.

    Raises:
        ModelUnsuitable: there is none, or it is damaged.
        MissingSpecialTokens: it is not Llama 3's.
    """
    if not (folder / "tokenizer.json").is_file():
        raise ModelUnsuitable(f"{folder} holds no tokenizer.json: a Llama 3 model needs its fast tokenizer")
    read_json(folder / "tokenizer.json")
    try:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(
            folder, local_files_only=True, clean_up_tokenization_spaces=False
        )
    except Exception as error:  # the tokenizers library raises nothing narrower
        raise ModelUnsuitable(f"the tokenizer in {folder} cannot be read: {first_line(error)}") from error
    _require(tokenizer, folder)
    return tokenizer


def stop_ids(tokenizer: Any) -> frozenset[int]:
    """Ids of the stop tokens that the tokenizer knows."""
    known = tokenizer.get_vocab()
    return frozenset(known[token] for token in STOP_TOKENS if token in known)


def _require(tokenizer: Any, folder: Path) -> None:
    special = set(tokenizer.get_added_vocab())
    first_family = any(token.startswith("<|reserved_special_token_") for token in special)
    needed = FRAMING if first_family else FRAMING + TOOLS
    missing = [token for token in needed if token not in special]
    if missing:
        raise MissingSpecialTokens(
            f"the tokenizer in {folder} lacks the special tokens {', '.join(missing)}: "
            "it is not one of Llama 3, 3.1, 3.2 or 3.3"
        )
