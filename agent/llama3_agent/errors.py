# ruff: noqa: N818 - an error says what happened; the tree below says that it is one
"""Everything the agent raises on purpose, beside what its engine, gate and sandbox raise.

::

    AgentError
    ├── InputError (ValueError)     the question or the files; nothing was started
    │   ├── EmptyQuestion           there is nothing to answer
    │   ├── FileMissing             no such file
    │   ├── NotAFile                a directory, a device, ...
    │   ├── FileUnreadable          no permission
    │   ├── FileTooLarge            more than the sandbox is given
    │   ├── BadFileName             a name that would garble the prompt
    │   ├── DuplicateFileName       two files would land on one name
    │   └── FilesNeedSandbox        files were attached, but the agent has no sandbox
    ├── ConfigurationError          an argument of `Agent` that cannot work
    │   └── ToolDefinitionError     a tool that cannot be described to the model
    ├── ThreadBusy                  the thread is still answering
    ├── NothingToResume             the thread does not wait for an approval
    └── CodeRefused                 code without a passing verdict reached the door of the sandbox

Messages are one line: what was wrong, and what to do about it.
"""


class AgentError(Exception):
    """Base of every error that the agent raises on purpose."""


class InputError(AgentError, ValueError):
    """The question or an attached file cannot be used; nothing was started."""


class EmptyQuestion(InputError):
    """There is nothing to answer."""


class FileMissing(InputError):
    """There is no such file."""


class NotAFile(InputError):
    """The path is a directory, a device or a socket."""


class FileUnreadable(InputError):
    """The file is there but may not be read."""


class FileTooLarge(InputError):
    """The file is larger than what may go into the sandbox."""


class BadFileName(InputError):
    """The file's name would garble the prompt that lists it."""


class DuplicateFileName(InputError):
    """Two attached files have the same name."""


class FilesNeedSandbox(InputError):
    """Files were attached, but there is no sandbox to put them in."""


class ConfigurationError(AgentError, ValueError):
    """An argument of `Agent` that cannot work."""


class ToolDefinitionError(ConfigurationError):
    """A tool that cannot be described to the model."""


class ThreadBusy(AgentError):
    """The thread is still answering another question."""


class NothingToResume(AgentError):
    """The thread does not wait for an approval."""


class CodeRefused(AgentError):
    """Code without a passing verdict on exactly this text reached the door of the sandbox."""
