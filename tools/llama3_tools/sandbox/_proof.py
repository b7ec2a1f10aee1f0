"""Checking from outside that a started worker is as confined as was asked for.

The worker reports what it can still reach (`worker/_confine.py`); here the kernel is asked, which the worker
cannot influence. Whatever cannot be checked counts as not confined.
"""

from __future__ import annotations

import os
from pathlib import Path

from ._errors import SandboxUnavailable
from ._host import Identity

_NAMESPACES = ("mnt", "pid", "net", "ipc", "uts")
_CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapAmb")


def prove(pid: int, who: Identity, escapes: list[str], processes: int, *, namespaces: bool) -> None:
    """Return only if the process is confined.

    Parameters
    ----------
    pid
        The worker, as the host numbers it.
    escapes
        What the worker found that it can still reach.
    namespaces
        Whether it was given namespaces of its own.

    Raises
    ------
    SandboxUnavailable
        With everything that is wrong.
    """
    try:
        wrong = [*escapes, *_status(pid, who), *_limits(pid, processes)]
        if namespaces:
            wrong += _shared_namespaces(pid, who)
    except (OSError, ValueError, KeyError) as error:
        raise SandboxUnavailable(f"the sandbox could not be checked from outside: {error!r}") from None
    if wrong:
        raise SandboxUnavailable("the sandbox does not hold here: " + "; ".join(wrong))


def _status(pid: int, who: Identity) -> list[str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
    uid = who.uid if who.drop else os.geteuid()
    wrong = [f"it has capabilities ({key})" for key in _CAPABILITIES if int(status[key], 16)]
    if set(status["Uid"].split()) != {str(uid)}:
        wrong.append(f"it runs as uid {status['Uid']}, not {uid}")
    if who.drop and status["Groups"]:
        wrong.append("it kept groups of the host")
    if status["NoNewPrivs"] != "1":
        wrong.append("it may gain privileges")
    if status["Seccomp"] != "2":
        wrong.append("it has no system-call filter")
    return wrong


def _shared_namespaces(pid: int, who: Identity) -> list[str]:
    kinds = _NAMESPACES if who.drop else (*_NAMESPACES, "user")
    places = [(kind, Path(f"/proc/{pid}/ns/{kind}"), Path(f"/proc/self/ns/{kind}")) for kind in kinds]
    return [
        f"it shares the host's {kind} namespace"
        for kind, its, ours in places
        if its.readlink() == ours.readlink()
    ]


def _limits(pid: int, processes: int) -> list[str]:
    for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
        if line.startswith("Max processes"):
            hard = line.split()[3]
            held = hard.isdecimal() and int(hard) <= processes
            return [] if held else [f"its process limit is {hard}, not {processes}"]
    return ["its process limit is unknown"]
