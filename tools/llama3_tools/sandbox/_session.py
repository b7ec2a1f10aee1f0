"""What every sandbox does the same way: it is a context manager, takes files in, and ends once."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from ._errors import SandboxClosed, SandboxFileError
from ._names import inside_name

_CHUNK = 1 << 20


class Session(ABC):
    """The common part of the sandboxes."""

    _closed = False

    @abstractmethod
    def close(self) -> None:
        """End the session."""

    @abstractmethod
    def _write(self, name: str, chunks: Iterator[bytes]) -> None:
        """Put a file into the working directory under a name that is fit for it."""

    def upload(self, source: str | os.PathLike[str] | bytes, name: str | None = None) -> str:
        """Copy a file, or bytes with a `name`, into the working directory.

        Returns
        -------
        str
            Its name inside: the given one unless it had to be mended.

        Raises
        ------
        SandboxFileError
            If there is no such file, its name is not usable, or it does not fit.
        """
        self._check_open()
        if isinstance(source, bytes):
            if name is None:
                raise ValueError("bytes need a `name` to be uploaded under")
            inside, chunks = inside_name(name), iter([source])
        else:
            path = Path(source)
            if not path.is_file():
                raise SandboxFileError(f"no such file: {str(path)!r}")
            inside, chunks = inside_name(path.name if name is None else name), _read(path)
        self._write(inside, chunks)
        return inside

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise SandboxClosed("this sandbox is closed; make a new one")


def _read(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as source:
            while chunk := source.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise SandboxFileError(f"cannot read {str(path)!r}: {error.strerror}") from None
