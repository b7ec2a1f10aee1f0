"""A tool-using agent for Llama 3: a LangGraph state machine over an engine that keeps its KV cache.

Importing this package loads nothing heavy; each name below is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from ._lazy import exports

if TYPE_CHECKING:
    from ._agent import Agent
    from ._chat_llama import ChatLlama
    from ._guards import Guards
    from ._llama import Llama
    from ._options import ToolOptions, tool_options
    from ._run import FinishReason, Run, RunFiles, RunGuards, Usage
    from ._scripted import ScriptedLlama
    from ._stream import EventStream
    from .engine import Completion, Engine, EngineError, EngineStats, Sampling
    from .errors import (
        AgentError,
        CodeRefused,
        ConfigurationError,
        InputError,
        NothingToResume,
        ThreadBusy,
        ToolDefinitionError,
    )
    from .events import (
        CodeScan,
        ContextCompacted,
        Event,
        Final,
        GuardVerdict,
        TextDelta,
        ToolCall,
        ToolCallDelta,
        ToolResult,
    )
    from .guards import LlamaGuard, PromptGuard

_HOMES = {
    "_agent": ("Agent",),
    "_chat_llama": ("ChatLlama",),
    "_guards": ("Guards",),
    "_llama": ("Llama",),
    "_options": ("ToolOptions", "tool_options"),
    "_run": ("FinishReason", "Run", "RunFiles", "RunGuards", "Usage"),
    "_scripted": ("ScriptedLlama",),
    "_stream": ("EventStream",),
    "engine": ("Completion", "Engine", "EngineError", "EngineStats", "Sampling"),
    "errors": (
        "AgentError",
        "CodeRefused",
        "ConfigurationError",
        "InputError",
        "NothingToResume",
        "ThreadBusy",
        "ToolDefinitionError",
    ),
    "events": (
        "CodeScan",
        "ContextCompacted",
        "Event",
        "Final",
        "GuardVerdict",
        "TextDelta",
        "ToolCall",
        "ToolCallDelta",
        "ToolResult",
    ),
    "guards": ("LlamaGuard", "PromptGuard"),
}

__all__ = [
    "Agent",
    "AgentError",
    "ChatLlama",
    "CodeRefused",
    "CodeScan",
    "Completion",
    "ConfigurationError",
    "ContextCompacted",
    "Engine",
    "EngineError",
    "EngineStats",
    "Event",
    "EventStream",
    "Final",
    "FinishReason",
    "GuardVerdict",
    "Guards",
    "InputError",
    "Llama",
    "LlamaGuard",
    "NothingToResume",
    "PromptGuard",
    "Run",
    "RunFiles",
    "RunGuards",
    "Sampling",
    "ScriptedLlama",
    "TextDelta",
    "ThreadBusy",
    "ToolCall",
    "ToolCallDelta",
    "ToolDefinitionError",
    "ToolOptions",
    "ToolResult",
    "Usage",
    "tool_options",
]

__getattr__, __dir__ = exports(__name__, _HOMES)
