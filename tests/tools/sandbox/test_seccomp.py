"""The filter by itself: decided by a small interpreter of its instructions, for both architectures."""

from __future__ import annotations

import errno
import struct

import pytest

from llama3_tools.sandbox import SandboxUnavailable
from llama3_tools.sandbox._seccomp import program

ALLOW = "allow"
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def decide(
    machine: str,
    number: int,
    first: int = 0,
    second: int = 0,
    audit: int | None = None,
    *,
    namespaces: bool = True,
) -> str:
    data = struct.pack("<IIQQQ", number, AUDIT[machine] if audit is None else audit, 0, first, second)
    code = list(struct.iter_unpack("<HBBI", program(machine, namespaces=namespaces)))
    accumulator, position = 0, 0
    while True:
        operation, on_true, on_false, value = code[position]
        position += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif operation == 0x54:
            accumulator &= value
        elif operation == 0x06:
            if value == 0x00050000:
                return "pretended"
            return {0x7FFF0000: ALLOW, 0x80000000: "kill"}.get(
                value, errno.errorcode.get(value & 0xFFFF, "?")
            )
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[
                operation
            ]
            position += on_true if holds else on_false


@pytest.mark.parametrize(
    ("machine", "name", "number", "first", "second", "decision"),
    [
        ("x86_64", "read", 0, 0, 0, ALLOW),
        ("x86_64", "ptrace", 101, 0, 0, "EPERM"),
        ("x86_64", "mount", 165, 0, 0, "EPERM"),
        ("x86_64", "fork by clone", 56, 0x01200011, 0, ALLOW),
        ("x86_64", "thread by clone", 56, 0x3D0F00, 0, ALLOW),
        ("x86_64", "clone NEWUSER", 56, 0x10000011, 0, "EPERM"),
        ("x86_64", "clone NEWNS", 56, 0x00020011, 0, "EPERM"),
        ("x86_64", "clone3", 435, 0, 0, "ENOSYS"),
        ("x86_64", "socket UNIX", 41, 1, 0, ALLOW),
        ("x86_64", "socket INET6", 41, 10, 0, ALLOW),
        ("x86_64", "socket NETLINK", 41, 16, 0, "EAFNOSUPPORT"),
        ("x86_64", "socket VSOCK, high half set", 41, 40 + (1 << 32), 0, "EAFNOSUPPORT"),
        ("x86_64", "ioctl TCGETS", 16, 0, 0x5401, ALLOW),
        ("x86_64", "ioctl TIOCSTI", 16, 0, 0x5412, "EPERM"),
        ("x86_64", "ioctl TIOCSTI, high half set", 16, 0, 0x5412 + (1 << 40), "EPERM"),
        ("x86_64", "x32 read", 0x40000000, 0, 0, "ENOSYS"),
        ("x86_64", "a call of the future", 600, 0, 0, "ENOSYS"),
        ("aarch64", "read", 63, 0, 0, ALLOW),
        ("aarch64", "ptrace", 117, 0, 0, "EPERM"),
        ("aarch64", "clone NEWUSER", 220, 0x10000011, 0, "EPERM"),
        ("aarch64", "fork by clone", 220, 0x01200011, 0, ALLOW),
        ("aarch64", "socket NETLINK", 198, 16, 0, "EAFNOSUPPORT"),
        ("aarch64", "memfd_create", 279, 0, 0, "EPERM"),
        ("aarch64", "openat", 56, 0, 0, ALLOW),
    ],
)
def test_decisions(machine: str, name: str, number: int, first: int, second: int, decision: str) -> None:
    assert decide(machine, number, first, second) == decision, name


def test_foreign_architectures_are_killed() -> None:
    assert decide("x86_64", 0, audit=0x40000003) == "kill"


def test_unknown_machines_are_refused() -> None:
    with pytest.raises(SandboxUnavailable, match="riscv64"):
        program("riscv64")


@pytest.mark.parametrize(
    ("machine", "name", "number", "first", "second", "decision"),
    [
        ("x86_64", "read", 0, 0, 0, ALLOW),
        ("x86_64", "socket UNIX", 41, 1, 1, "EPERM"),
        ("x86_64", "connect", 42, 0, 0, "EPERM"),
        ("x86_64", "socketpair UNIX STREAM CLOEXEC", 53, 1, 0x80001, ALLOW),
        ("x86_64", "socketpair UNIX DGRAM", 53, 1, 2, "EPERM"),
        ("x86_64", "socketpair INET STREAM", 53, 2, 1, "EAFNOSUPPORT"),
        ("x86_64", "prlimit64 of itself", 302, 0, 7, ALLOW),
        ("x86_64", "prlimit64 of another", 302, 4242, 7, "EPERM"),
        ("x86_64", "chmod", 90, 0, 0, "pretended"),
        ("x86_64", "chown", 92, 0, 0, "EPERM"),
        ("x86_64", "ptrace", 101, 0, 0, "EPERM"),
        ("aarch64", "socket INET", 198, 2, 1, "EPERM"),
        ("aarch64", "fchmodat", 53, 0, 0, "pretended"),
        ("aarch64", "prlimit64 of another", 261, 4242, 7, "EPERM"),
        ("aarch64", "openat", 56, 0, 0, ALLOW),
    ],
)
def test_without_namespaces(
    machine: str, name: str, number: int, first: int, second: int, decision: str
) -> None:
    assert decide(machine, number, first, second, namespaces=False) == decision, name
