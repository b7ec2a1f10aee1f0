"""What the content of a message holds beside text."""

from __future__ import annotations

from typing import Final

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

_IMAGES: Final = ("image", "image_url")
_UNSAID: Final = ("tool_use", "tool_call", "function_call", "reasoning", "thinking", "redacted_thinking")
"""What other models' messages hold beside their text: calls that stand in `tool_calls` too, and thoughts."""


def count_images(message: BaseMessage) -> int:
    """How many images a message holds.

    Raises:
        TypeError: It holds something that is neither text nor an image that a user sends.
    """
    kinds = [str(block.get("type")) for block in message.content if isinstance(block, dict)]
    images = _IMAGES if isinstance(message, HumanMessage) else ()
    known = ("text", *images, *(_UNSAID if isinstance(message, AIMessage) else ()))
    for kind in kinds:
        if kind not in known:
            raise TypeError(
                f"Llama 3's format has no {kind!r} in a {type(message).__name__}; "
                "send text, or images in a HumanMessage"
            )
    return sum(kind in images for kind in kinds)
