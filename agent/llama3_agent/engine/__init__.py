"""Engines: token ids in; ids, log-probabilities and an account of the work out.

Importing this package loads neither torch nor transformers.
"""

from llama3_agent.engine._types import STOP_TOKENS, Completion, Engine, EngineStats, Finish, Sampling
from llama3_agent.engine.errors import (
    ContextOverflow,
    EngineError,
    GrammarError,
    GrammarUnavailable,
    InvalidSampling,
    InvalidTokens,
    MissingSpecialTokens,
    ModelError,
    ModelNotFound,
    ModelUnavailable,
    ModelUnsuitable,
    NotEnoughMemory,
    RequestError,
    SavedPrefixesError,
    ScriptExhausted,
)

__all__ = [
    "STOP_TOKENS",
    "Completion",
    "ContextOverflow",
    "Engine",
    "EngineError",
    "EngineStats",
    "Finish",
    "GrammarError",
    "GrammarUnavailable",
    "InvalidSampling",
    "InvalidTokens",
    "MissingSpecialTokens",
    "ModelError",
    "ModelNotFound",
    "ModelUnavailable",
    "ModelUnsuitable",
    "NotEnoughMemory",
    "RequestError",
    "Sampling",
    "SavedPrefixesError",
    "ScriptExhausted",
]
