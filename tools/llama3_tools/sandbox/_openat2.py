"""`openat2(2)`: opening a name below a folder without ever leaving it.

Python has no wrapper. The call's number is 437 on every architecture; it exists since Linux 5.6.
"""

from __future__ import annotations

import ctypes
import os

_NUMBER = 437
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x01, 0x02, 0x04, 0x08


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_beneath(folder: int, name: str, flags: int, mode: int = 0) -> int:
    """Open `name` below the open `folder`, following no link of any kind and crossing no mount.

    Raises
    ------
    OSError
        As `os.open`; ELOOP for a link, EXDEV for a way out.
    """
    how = _How(flags | os.O_CLOEXEC, mode, _NO_XDEV | _NO_MAGICLINKS | _NO_SYMLINKS | _BENEATH)
    call = ctypes.CDLL(None, use_errno=True).syscall
    fd = call(
        ctypes.c_long(_NUMBER),
        ctypes.c_int(folder),
        ctypes.c_char_p(os.fsencode(name)),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if fd < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)
    return int(fd)
