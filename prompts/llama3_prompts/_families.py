"""The families of Llama 3: which of its forms each was trained on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from llama3_prompts._forms import Dialect
from llama3_prompts._tokenizer import EOM

_NAMED: Final = (
    re.compile(r"llama[-_ ]?v?3[-_.]?([123])(?![\db])", re.I),
    re.compile(r"3\.([123])(?!\d)"),
)
"""After the model's name, as people write it in names of files; else anywhere in a path."""


@dataclass(frozen=True, slots=True)
class Family:
    """What a family knows.

    Attributes:
        name: "3", "3.1", "3.2" or "3.3".
        tools: Whether it was trained to call tools.
        dialect: How it calls custom tools where there is no code interpreter; with one, all write JSON.
        images: Whether it has models that see.
    """

    name: str
    tools: bool = True
    dialect: Dialect = "json"
    images: bool = False

    def dialect_for(self, *, environment: bool) -> Dialect:
        """The dialect of custom calls.

        Args:
            environment: Whether the system message names built-in tools or a code interpreter. Then the form
                is that of 3.1 for every family.
        """
        return "json" if environment else self.dialect


FAMILIES: Final = {
    family.name: family
    for family in (
        Family("3", tools=False),
        Family("3.1"),
        Family("3.2", dialect="list", images=True),
        Family("3.3", dialect="list"),
    )
}
"""Every family by name. Source: Meta's prompt format pages of each."""


def detect_family(
    vocabulary: Mapping[str, int], config: Mapping[str, Any] | None = None, name: str = ""
) -> str:
    """Which family a model belongs to: "3", "3.1", "3.2" or "3.3".

    A ``llama3_family`` in the configuration decides; then the tokens, since the first family has no
    ``<|eom_id|>``; then the version in the name; then what the files show: models that see are 3.2, and its
    text models stretch their positions 32-fold where 3.1 and 3.3 take 8. Only the name tells 3.3 from 3.1.

    Args:
        vocabulary: The tokenizer's ids by token, as ``get_vocab()`` gives them.
        config: The model's ``config.json``.
        name: The model's name or folder.
    """
    config = config or {}
    if "llama3_family" in config:
        return str(config["llama3_family"])
    if EOM not in vocabulary:
        return "3"
    for pattern in _NAMED:
        if named := pattern.findall(name):
            return f"3.{named[-1]}"
    text = config.get("text_config") or config
    rope = text.get("rope_scaling") or text.get("rope_parameters") or {}
    rope = rope if isinstance(rope, Mapping) else {}
    return "3.2" if config.get("model_type") == "mllama" or rope.get("factor") == 32.0 else "3.1"
