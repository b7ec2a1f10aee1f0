"""What the package asks of a tokenizer, and the names of the tokens that steer a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

BEGIN_OF_TEXT: Final = "<|begin_of_text|>"
END_OF_TEXT: Final = "<|end_of_text|>"
START_HEADER: Final = "<|start_header_id|>"
END_HEADER: Final = "<|end_header_id|>"
EOM: Final = "<|eom_id|>"
EOT: Final = "<|eot_id|>"
PYTHON_TAG: Final = "<|python_tag|>"
IMAGE: Final = "<|image|>"

TERMINATORS: Final = frozenset({END_OF_TEXT, EOM, EOT})
"""Generation stops on each of these."""

IGNORED: Final = frozenset({BEGIN_OF_TEXT, "<|finetune_right_pad_id|>", "<|step_id|>", IMAGE})
"""Control tokens that mean nothing inside an assistant message."""

CONTROLS: Final = TERMINATORS | IGNORED | {START_HEADER, END_HEADER, PYTHON_TAG}


@runtime_checkable
class Tokenizer(Protocol):
    """The part of transformers' fast tokenizers that this package uses.

    Any byte-level BPE tokenizer that has Llama 3's special tokens by name will do, whatever their ids.
    """

    @property
    def added_tokens_decoder(self) -> Mapping[int, Any]:
        """Added tokens by id, each with `content` and `special`."""
        ...

    def encode(self, text: str, *, add_special_tokens: bool, split_special_tokens: bool) -> list[int]:
        """The ids of a text; `split_special_tokens` takes special tokens for plain text."""
        ...

    def convert_ids_to_tokens(self, ids: list[int]) -> Sequence[str | None]:
        """The vocabulary's own spelling of each id."""
        ...
