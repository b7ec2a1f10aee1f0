"""The session's working directory as the host sees it: a folder full of hostile names and links.

The folder is an open descriptor, handed out before any user code ran. It works while a cell runs, and after
the worker died.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from ._errors import SandboxFileError
from ._openat2 import open_beneath
from ._types import FileInfo

_MOST_FILES, _MOST_ENTRIES, _DEPTH = 1_000, 10_000, 4
_CHUNK = 1 << 20

Stamp = tuple[int, int]
"""Size and time of the last change, in ns."""


@dataclass(frozen=True, slots=True)
class WorkDirectory:
    """Reads and writes below one open folder, and nowhere else."""

    fd: int
    owner: int | None
    """Who the files belong to, when the host is root; None leaves them as created."""
    capacity_mb: int

    def write(self, name: str, chunks: Iterator[bytes], *, holes: bool = False) -> None:
        """Create or replace a file.

        Parameters
        ----------
        holes
            Leave out what is zero: what a sparse file claims may be more than the disk holds.

        Raises
        ------
        SandboxFileError
            If the name cannot be used, or the disk is full.
        """
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self.fd)
            fd = open_beneath(self.fd, name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            with os.fdopen(fd, "wb") as target:
                for chunk in chunks:
                    if holes and not chunk.strip(b"\0"):
                        target.seek(len(chunk), os.SEEK_CUR)
                    else:
                        target.write(chunk)
                target.truncate()
                if self.owner is not None:
                    os.fchown(fd, self.owner, self.owner)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                self._remove(name)
                message = f"{name!r} does not fit: the sandbox's disk holds {self.capacity_mb} MB in all"
                raise SandboxFileError(f"{message}; ask for more with `disk_mb=`") from None
            raise SandboxFileError(f"cannot write {name!r} in the sandbox: {error.strerror}") from None

    def read(self, name: str) -> Iterator[bytes]:
        """The content of one regular file, in pieces, as long as it was when it was opened.

        Raises
        ------
        SandboxFileError
            If there is no such file, or it is a link, a device, a pipe, or shared by a hard link.
        """
        try:
            fd = open_beneath(self.fd, name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except (OSError, ValueError) as error:
            reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
            raise SandboxFileError(f"cannot read {name!r} from the sandbox: {reason}") from None
        try:
            left = self._judged_size(name, os.fstat(fd))
            while left > 0 and (piece := os.read(fd, min(left, _CHUNK))):
                left -= len(piece)
                yield piece
        finally:
            os.close(fd)

    def stamps(self) -> dict[str, Stamp]:
        """Every ordinary file with an ordinary name, down to a bounded depth and count."""
        found: dict[str, Stamp] = {}
        for name, status in self._walk("", _DEPTH, [_MOST_ENTRIES]):
            if len(found) >= _MOST_FILES:
                break
            found[name] = (status.st_size, status.st_mtime_ns)
        return found

    def files(self) -> list[FileInfo]:
        """`stamps`, as public values sorted by name."""
        return [FileInfo(name, size) for name, (size, _) in sorted(self.stamps().items())]

    def copy_from(self, other: WorkDirectory) -> list[str]:
        """Take over another session's files, into a directory that user code has not touched yet.

        Returns the names of those that could not be taken over: unreadable, or too large together.
        """
        lost = []
        for name in other.stamps():
            try:
                for end in (index for index, letter in enumerate(name) if letter == "/"):
                    self._make_folder(name[:end])
                self.write(name, other.read(name), holes=True)
            except SandboxFileError:
                lost.append(name)
        return lost

    def close(self) -> None:
        """Give the folder up; when the sandbox is gone too, its content is."""
        os.close(self.fd)

    def _walk(self, folder: str, depth: int, budget: list[int]) -> Iterator[tuple[str, os.stat_result]]:
        try:
            fd = open_beneath(self.fd, folder or ".", os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return  # removed, replaced or locked since it was listed: it has no files to offer
        try:
            for entry, status in _entries(fd, budget):
                name = f"{folder}/{entry}" if folder else entry
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                    yield name, status
                elif stat.S_ISDIR(status.st_mode) and depth > 1:
                    yield from self._walk(name, depth - 1, budget)
        finally:
            os.close(fd)

    def _judged_size(self, name: str, status: os.stat_result) -> int:
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise SandboxFileError(f"{name!r} is not an ordinary file of the sandbox")
        if status.st_size > self.capacity_mb * 2**20:
            raise SandboxFileError(f"{name!r} claims {status.st_size} bytes, more than the disk holds")
        return status.st_size

    def _make_folder(self, name: str) -> None:
        try:
            os.mkdir(name, 0o755, dir_fd=self.fd)
            if self.owner is not None:
                os.chown(name, self.owner, self.owner, dir_fd=self.fd, follow_symlinks=False)
        except FileExistsError:
            return
        except OSError as error:
            raise SandboxFileError(f"cannot make the folder {name!r}: {error.strerror}") from None

    def _remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=self.fd)


def _entries(fd: int, budget: list[int]) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(fd) as entries:
        for entry in entries:
            budget[0] -= 1
            if budget[0] < 0:
                return
            if is_ordinary(entry.name):
                with contextlib.suppress(OSError):
                    yield entry.name, entry.stat(follow_symlinks=False)


def is_ordinary(name: str) -> bool:
    """Whether an entry's name is one to show: printable, not hidden, not too long."""
    plain = name.isprintable() and "\\" not in name and len(os.fsencode(name)) <= 200
    return plain and not name.startswith((".", "__pycache__"))
