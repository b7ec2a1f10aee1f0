"""What the content of a message holds beside text."""

from __future__ import annotations

from typing import Final

from langchain_core.messages import BaseMessage, HumanMessage

_IMAGES: Final = ("image", "image_url")


def count_images(message: BaseMessage) -> int:
    """How many images a message holds.

    Raises:
        TypeError: It holds something that is neither text nor an image that a user sends.
    """
    kinds = [str(block.get("type")) for block in message.content if isinstance(block, dict)]
    images = _IMAGES if isinstance(message, HumanMessage) else ()
    for kind in kinds:
        if kind != "text" and kind not in images:
            raise TypeError(
                f"Llama 3's format has no {kind!r} in a {type(message).__name__}; "
                "send text, or images in a HumanMessage"
            )
    return sum(kind in images for kind in kinds)
