"""Giving up files, TCP and signals to the outside by Landlock, and the rest by a system-call filter.

For hosts without namespaces. Numbers and structures are those of `linux/landlock.h` and `linux/seccomp.h`.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE, _READ, _READ_DIR, _TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_REMOVE, _MAKE_DIR, _MAKE_FILE, _MAKE_FIFO, _MAKE_LINK, _REFER = (
    3 << 4,
    1 << 7,
    1 << 8,
    1 << 10,
    1 << 12,
    1 << 13,
)
_ALL_FILES, _ALL_TCP, _ALL_SCOPES = (1 << 16) - 1, 0b11, 0b11
_LOOK = _EXECUTE | _READ | _READ_DIR
_CHANGE = (
    _READ
    | _READ_DIR
    | _WRITE
    | _TRUNCATE
    | _REMOVE
    | _MAKE_DIR
    | _MAKE_FILE
    | _MAKE_FIFO
    | _MAKE_LINK
    | _REFER
)
_OF_A_FILE = _EXECUTE | _WRITE | _READ | _TRUNCATE
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER_MODE = 38, 22, 2


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("tcp", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _Filter(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """The kernel's version of Landlock; 0 where there is none."""
    return max(0, int(_libc.syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))))


def restrict(looked_at: Iterable[str], changed: Iterable[str], devices: Iterable[str]) -> None:
    """Leave this process and all that come from it nothing but these places.

    Parameters
    ----------
    looked_at
        Files and folders to read and to execute; those that do not exist are passed over.
    changed
        Folders to write in. Nothing in them can be executed.
    devices
        Files to read and write.
    """
    rules = ctypes.c_int(_checked(_libc.syscall(_CREATE, _pointer(_ruleset()), ctypes.c_size_t(24), 0)))
    for places, rights in ((looked_at, _LOOK), (changed, _CHANGE), (devices, _READ | _WRITE)):
        for place in places:
            _allow(rules, place, rights)
    _checked(_libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _checked(_libc.syscall(_RESTRICT, rules, ctypes.c_uint32(0)))
    os.close(rules.value)


def install(filter_program: bytes) -> None:
    """Apply an assembled system-call filter to this process and all that come from it."""
    program = _Filter(len(filter_program) // 8, filter_program)
    _checked(_libc.prctl(_SET_SECCOMP, _FILTER_MODE, _pointer(program), 0, 0))


def unreadable(places: Iterable[str]) -> list[str]:
    """Which of the places that exist this process may not read."""
    return [place for place in places if Path(place).exists() and not os.access(place, os.R_OK)]


def _ruleset() -> _Ruleset:
    return _Ruleset(_ALL_FILES, _ALL_TCP, _ALL_SCOPES)


def _allow(rules: ctypes.c_int, place: str, rights: int) -> None:
    try:
        parent = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            rights &= _OF_A_FILE
        rule = _PathBeneath(rights, parent)
        _checked(_libc.syscall(_ADD, rules, ctypes.c_int(_PATH_BENEATH), _pointer(rule), ctypes.c_uint32(0)))
    finally:
        os.close(parent)


def _pointer(structure: ctypes.Structure) -> ctypes.c_void_p:
    return ctypes.cast(ctypes.pointer(structure), ctypes.c_void_p)


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
