"""Where a JSON Schema refers to itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def resolved(reference: Any, root: Mapping[str, Any]) -> Any:
    """What a local reference such as ``#/$defs/Side`` points to; None if it points nowhere, or elsewhere."""
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    node: Any = root
    for part in reference.removeprefix("#/").split("/"):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node
