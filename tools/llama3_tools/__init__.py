"""What a tool call may do: the code gate, the sandboxes, and the tools that ask the web.

Nothing is loaded before it is used: each name below is imported from its own package on first access.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama3_tools.gate import CodeBlocked, CodeGate, Finding, GateUnavailable, Verdict
    from llama3_tools.sandbox import (
        E2BSandbox,
        Execution,
        ExecutionError,
        FileInfo,
        Isolation,
        LocalSandbox,
        Logs,
        Result,
        Sandbox,
        SandboxClosed,
        SandboxError,
        SandboxFileError,
        SandboxPool,
        SandboxUnavailable,
    )
    from llama3_tools.web import brave_search, wolfram_alpha

__all__ = [
    "CodeBlocked",
    "CodeGate",
    "E2BSandbox",
    "Execution",
    "ExecutionError",
    "FileInfo",
    "Finding",
    "GateUnavailable",
    "Isolation",
    "LocalSandbox",
    "Logs",
    "Result",
    "Sandbox",
    "SandboxClosed",
    "SandboxError",
    "SandboxFileError",
    "SandboxPool",
    "SandboxUnavailable",
    "Verdict",
    "brave_search",
    "wolfram_alpha",
]

_GATE = frozenset({"CodeBlocked", "CodeGate", "Finding", "GateUnavailable", "Verdict"})
_WEB = frozenset({"brave_search", "wolfram_alpha"})


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    package = "gate" if name in _GATE else "web" if name in _WEB else "sandbox"
    return getattr(import_module(f"{__name__}.{package}"), name)


def __dir__() -> list[str]:
    return __all__
