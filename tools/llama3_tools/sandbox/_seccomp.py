"""The system-call filter, assembled as classic BPF without any library.

Everything is allowed except what reaches beyond an ordinary computing process. The filter is the second wall:
namespaces come first, but they do not cover AF_VSOCK, AF_NETLINK, keyrings, memfd or System V memory.

Format: `struct sock_filter` of `linux/filter.h` over `struct seccomp_data` of `linux/seccomp.h`.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Iterator

from . import _syscalls as calls
from ._errors import SandboxUnavailable

_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENT_0, _ARGUMENT_1 = 0, 4, 16, 24  # offsets; low halves, little endian
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_X32_BIT = 0x40000000
_NAMESPACE_FLAGS = 0x7E020000  # NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6
_STREAM, _KIND_OF_SOCKET = 1, 0xF  # SOCK_STREAM, and the bits beside SOCK_NONBLOCK and SOCK_CLOEXEC
_TERMINAL_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX

_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_COLUMN = {"x86_64": 0, "aarch64": 1}

Instruction = tuple[int, int, int, int]


def program(machine: str, *, namespaces: bool = True) -> bytes:
    """Assemble the filter for one architecture.

    Parameters
    ----------
    machine
        As `platform.machine()` gives it: `"x86_64"` or `"aarch64"`.
    namespaces
        Whether the process is in namespaces of its own; otherwise the filter is stricter.

    Raises
    ------
    SandboxUnavailable
        For every other architecture: its numbers are not known here.
    """
    if machine not in _AUDIT:
        known = ", ".join(sorted(_AUDIT))
        raise SandboxUnavailable(f"no system-call filter for {machine!r}; there is one for: {known}")
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in _assemble(machine, namespaces))


def instructions(filter_program: bytes) -> int:
    """How many instructions an assembled filter has (the kernel's limit is 4,096)."""
    return len(filter_program) // 8


def _assemble(machine: str, namespaces: bool) -> Iterator[Instruction]:
    column = _COLUMN[machine]
    yield _LOAD, 0, 0, _ARCHITECTURE
    yield _JUMP_EQUAL, 1, 0, _AUDIT[machine]
    yield _RETURN, 0, 0, _KILL
    yield _LOAD, 0, 0, _NUMBER
    if machine == "x86_64":
        yield from _when(_JUMP_GREATER_EQUAL, _X32_BIT, errno.ENOSYS)
    yield from _when(_JUMP_GREATER_EQUAL, calls.NEWEST_KNOWN + 1, errno.ENOSYS)
    for numbers in calls.REFUSED.values():
        number = numbers[column]
        if number is not None:
            yield from _when(_JUMP_EQUAL, number, errno.EPERM)
    if not namespaces:
        yield from _stricter(column)
    # clone3 hides its flags behind a pointer; glibc falls back to clone when it is missing.
    yield from _when(_JUMP_EQUAL, calls.CLONE3[column], errno.ENOSYS)
    yield from _judge_argument(calls.CLONE[column], _ARGUMENT_0, _refuse_namespaces())
    for call in (calls.SOCKET, calls.SOCKETPAIR):
        yield from _judge_argument(call[column], _ARGUMENT_0, _allow_only(_FAMILIES))
    yield from _judge_argument(calls.IOCTL[column], _ARGUMENT_1, _refuse(_TERMINAL_INJECTION))
    yield _RETURN, 0, 0, _ALLOW


def _stricter(column: int) -> Iterator[Instruction]:
    for table, error in ((calls.REFUSED_BELOW, errno.EPERM), (calls.PRETENDED_BELOW, 0)):
        for numbers in table.values():
            if (number := numbers[column]) is not None:
                yield from _when(_JUMP_EQUAL, number, error)
    # Datagram pairs can send to any address, and limits can be set on any process of the same user.
    yield from _judge_argument(calls.SOCKETPAIR[column], _ARGUMENT_1, _only_streams())
    yield from _judge_argument(calls.PRLIMIT64[column], _ARGUMENT_0, _only_itself())


def _only_streams() -> Iterator[Instruction]:
    yield _AND, 0, 0, _KIND_OF_SOCKET
    yield _JUMP_EQUAL, 1, 0, _STREAM
    yield _RETURN, 0, 0, _ERRNO | errno.EPERM
    yield _LOAD, 0, 0, _ARGUMENT_0
    yield from _allow_only((1,))


def _only_itself() -> Iterator[Instruction]:
    yield _JUMP_EQUAL, 1, 0, 0
    yield _RETURN, 0, 0, _ERRNO | errno.EPERM
    yield _RETURN, 0, 0, _ALLOW


def _when(jump: int, value: int, error: int) -> Iterator[Instruction]:
    yield jump, 0, 1, value
    yield _RETURN, 0, 0, _ERRNO | error


def _judge_argument(number: int, offset: int, body: Iterable[Instruction]) -> Iterator[Instruction]:
    """For one system call only: load an argument and let `body` decide (it must end in a return)."""
    block = [(_LOAD, 0, 0, offset), *body]
    yield _JUMP_EQUAL, 0, len(block), number
    yield from block


def _refuse_namespaces() -> Iterator[Instruction]:
    yield _JUMP_SET, 0, 1, _NAMESPACE_FLAGS
    yield _RETURN, 0, 0, _ERRNO | errno.EPERM
    yield _RETURN, 0, 0, _ALLOW


def _allow_only(values: tuple[int, ...]) -> Iterator[Instruction]:
    for value in values:
        yield _JUMP_EQUAL, 0, 1, value
        yield _RETURN, 0, 0, _ALLOW
    yield _RETURN, 0, 0, _ERRNO | errno.EAFNOSUPPORT


def _refuse(values: tuple[int, ...]) -> Iterator[Instruction]:
    for value in values:
        yield from _when(_JUMP_EQUAL, value, errno.EPERM)
    yield _RETURN, 0, 0, _ALLOW
