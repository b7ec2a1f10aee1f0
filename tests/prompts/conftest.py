"""The tools that the prompt tests offer to the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def get_weather(city: str, days: int = 1) -> str:
    """Tells the weather.

    Args:
        city: The city.
        days: How many days ahead.
    """
    return f"{city}: sun for {days} days"


def note(text: str, meta: dict[str, Any] | None = None) -> str:
    """Takes a note."""
    return f"{text} {meta}"


def mix(a: int, n: int) -> int:
    """Mixes two numbers."""
    return a + n


def ping() -> str:
    """Answers."""
    return "pong"


@pytest.fixture(scope="session")
def tools() -> list[Callable[..., Any]]:
    return [get_weather, note, mix, ping]
