"""Looking at a question and its files before anything starts."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from .errors import (
    BadFileName,
    DuplicateFileName,
    EmptyQuestion,
    FileMissing,
    FileTooLarge,
    FileUnreadable,
    NotAFile,
)

MOST_MB = 100
"""Default for one file: pandas reads such a table within the local sandbox's memory."""


def checked_question(text: str) -> str:
    """Return the question.

    Raises:
        EmptyQuestion: there is nothing in it but white space.
    """
    if not text.strip():
        raise EmptyQuestion("the question is empty; ask something")
    return text


def checked_files(files: Iterable[str | Path] | str | Path, *, most_bytes: int) -> list[Path]:
    """Return the files to attach, in the order given.

    Raises:
        InputError: one of them is missing, not a plain file, unreadable, too large, or badly or doubly named.
    """
    given = [files] if isinstance(files, str | Path) else files
    paths = [Path(path).expanduser() for path in given]
    for path in paths:
        _check(path, most_bytes)
    seen: dict[str, Path] = {}
    for path in paths:
        if (other := seen.setdefault(path.name, path)) is not path:
            raise DuplicateFileName(
                f"two attached files are named {path.name!r}: {other} and {path}; rename one"
            )
    return paths


def _check(path: Path, most_bytes: int) -> None:
    try:
        found = path.stat()
    except FileNotFoundError:
        raise FileMissing(f"no such file: {str(path)!r}; check the name and the folder") from None
    except (OSError, ValueError) as error:
        raise FileMissing(f"cannot look at {str(path)!r}: {error}") from None
    if stat.S_ISDIR(found.st_mode):
        raise NotAFile(f"{str(path)!r} is a directory; attach the files in it one by one")
    if not stat.S_ISREG(found.st_mode):
        raise NotAFile(f"{str(path)!r} is not a plain file; attach a copy of its contents")
    if found.st_size > most_bytes:
        raise FileTooLarge(
            f"{str(path)!r} has {found.st_size / 1e6:,.1f} MB, but at most {most_bytes / 1e6:,.0f} MB can be "
            "attached; attach a smaller extract"
        )
    if not os.access(path, os.R_OK):
        raise FileUnreadable(f"{str(path)!r} may not be read; change its permissions")
    if not path.name.isprintable() or "," in path.name:
        raise BadFileName(f"the file name {path.name!r} has a comma or a control character; rename the file")
