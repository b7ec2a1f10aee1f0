"""The gate: Code Shield, made to work, and layers of our own. It advises; the sandbox is the boundary."""

from llama3_tools.gate._gate import CodeGate
from llama3_tools.gate._policy import Policy
from llama3_tools.gate._types import Decision, Finding, GateUnavailable, Verdict

__all__ = ["CodeGate", "Decision", "Finding", "GateUnavailable", "Policy", "Verdict"]
