"""What can go wrong with a sandbox itself (what goes wrong *inside* it is `Execution.error`).

SandboxError
├── SandboxUnavailable   no isolation can be had on this machine; nothing was run
├── SandboxClosed        the sandbox was closed before this call
└── SandboxFileError     a name that is not allowed, a missing file, a full disk
"""


class SandboxError(Exception):
    """The sandbox could not do what it was asked."""


class SandboxUnavailable(SandboxError):  # noqa: N818 - a state of the machine, read as such
    """This machine offers no isolation that was proven to hold; nothing was run unconfined."""


class SandboxClosed(SandboxError):  # noqa: N818
    """The sandbox is closed."""


class SandboxFileError(SandboxError):
    """A file could not be brought in or out."""
