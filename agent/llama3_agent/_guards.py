"""Asking the guards, which may be any callable, and taking no answer for a no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Guard = Callable[[str], str | None]
"""Takes text; returns None to let it pass, or the reason for stopping it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """What may enter and what may leave.

    Attributes:
        input: Sees each question before the model does.
        output: Sees each answer before the user does; text is then held back until it has passed.
    """

    input: Guard | None = None
    output: Guard | None = None


def refusal(guard: Guard | None, text: str) -> str | None:
    """Return why ``text`` must stop here, or None. A guard that cannot answer stops it too."""
    if guard is None:
        return None
    try:
        return guard(text)
    except Exception as error:  # noqa: BLE001 - whatever fails in a guard, the answer must be no
        return f"the guard could not answer ({type(error).__name__}: {error})"
