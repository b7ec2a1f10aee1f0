"""What ``sandbox=`` may be."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from llama3_tools import E2BSandbox, LocalSandbox, Sandbox

from .errors import ConfigurationError


def sandbox_maker(
    sandbox: Sandbox | Callable[[], Sandbox] | str | None,
) -> tuple[Callable[[], Sandbox] | None, bool]:
    """Return what makes a thread's sandbox (None for no sandbox), and whether all threads share it.

    Raises:
        ConfigurationError: there is no such sandbox, or the key for it is missing.
    """
    if sandbox is None:
        return None, False
    if sandbox == "local":
        return LocalSandbox, False
    if sandbox == "landlock":
        return partial(LocalSandbox, level="landlock"), False
    if sandbox == "e2b":
        if not os.environ.get("E2B_API_KEY", "").strip():
            raise ConfigurationError("sandbox='e2b' needs a key of e2b.dev in E2B_API_KEY; or use 'local'")
        return E2BSandbox, False
    if isinstance(sandbox, str):
        names = "'local', 'e2b', 'landlock' (weaker, see docs/sandbox.md), a Sandbox, or None"
        raise ConfigurationError(f"there is no sandbox {sandbox!r}; use {names}")
    if isinstance(sandbox, Sandbox):
        return (lambda: sandbox), True
    return sandbox, False
