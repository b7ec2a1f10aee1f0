"""The gate: Code Shield, made to work, and layers of our own. It advises; the sandbox is the boundary."""

from llama3_tools.gate._gate import CodeGate
from llama3_tools.gate._policy import Policy
from llama3_tools.gate._types import CodeBlocked, Decision, Finding, GateUnavailable, Verdict
from llama3_tools.gate._watch import Watch

__all__ = [
    "CodeBlocked",
    "CodeGate",
    "Decision",
    "Finding",
    "GateUnavailable",
    "Policy",
    "Verdict",
    "Watch",
]
