"""Where model-written code runs: a stateful Python session cut off from the host."""

from ._errors import SandboxClosed, SandboxError, SandboxFileError, SandboxUnavailable
from ._local import LocalSandbox, probe
from ._names import inside_name
from ._pool import SandboxPool
from ._types import Execution, ExecutionError, FileInfo, Isolation, Logs, Result, Sandbox
from .e2b import E2BSandbox

__all__ = [
    "E2BSandbox",
    "Execution",
    "ExecutionError",
    "FileInfo",
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
    "inside_name",
    "probe",
]
