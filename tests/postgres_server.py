"""A real PostgreSQL server, for as long as a test needs it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FETCHED = Path(__file__).parents[1] / "build" / "postgres" / "root"
"""Where ``scripts/postgres build/postgres`` puts one."""


class ServerMissingError(Exception):
    """There is no PostgreSQL here; the message says how to come by it."""


@contextmanager
def running() -> Iterator[str]:
    """Start a server with an empty database, reached over a Unix socket; yields its URL.

    Raises:
        ServerMissingError: There is none on this machine, or none that root could start.
    """
    place = Path(tempfile.mkdtemp(prefix="pg-"))  # short: the path of a socket has at most 107 bytes
    try:
        binaries = _binaries(place)
        as_user = _as_ordinary_user(place)
        data = place / "data"
        environment = {**os.environ, "LC_ALL": "C", **_libraries(place / "root")}
        command = [binaries / "initdb", "-D", data, "-U", "agent", "-A", "trust", "-E", "UTF8", "--no-sync"]
        made = subprocess.run(
            [*as_user, *command], capture_output=True, text=True, env=environment, cwd=place
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr}")
        settings = {"listen_addresses": "", "unix_socket_directories": place, "fsync": "off"}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (place / "log").open("wb") as log:
            server = subprocess.Popen(
                [*as_user, binaries / "postgres", "-D", data, *words],
                stdout=log,
                stderr=log,
                env=environment,
                cwd=place,
            )
        try:
            url = f"postgresql://agent@/postgres?host={place}"
            _wait(url, server, place / "log")
            yield url
        finally:
            server.send_signal(signal.SIGINT)  # ends it without waiting for clients
            server.wait(30)
    finally:
        shutil.rmtree(place)


def _binaries(place: Path) -> Path:
    """The folder of the server's programs, which an ordinary user can reach."""
    if on_path := shutil.which("initdb"):
        beside = Path(on_path).resolve().parent
        if (beside / "postgres").exists():
            return beside
    pattern = "usr/lib/postgresql/*/bin/initdb"
    if installed := sorted(Path("/").glob(pattern)):
        return installed[-1].parent
    if not (FETCHED.parent / "complete").exists():
        raise ServerMissingError(
            "there is no PostgreSQL server; `scripts/postgres build/postgres` fetches one"
        )
    # Our own folder may be private to root.
    shutil.copytree(FETCHED, place / "root", symlinks=True)
    return sorted((place / "root").glob(pattern))[-1].parent


def _as_ordinary_user(place: Path) -> list[str]:
    """What a command is begun with: PostgreSQL refuses to run as root, and ends when the tests do."""
    if not shutil.which("setpriv"):
        raise ServerMissingError("there is no setpriv (util-linux) to run PostgreSQL as an ordinary user")
    end = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid():
        return end
    try:
        user = pwd.getpwnam("nobody")
    except KeyError:
        raise ServerMissingError("root cannot run PostgreSQL, and there is no user named nobody") from None
    os.chown(place, user.pw_uid, user.pw_gid)
    return [*end, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _libraries(root: Path) -> dict[str, str]:
    """Where libraries are that were fetched with the server."""
    if not root.exists():
        return {}
    folders = [folder for lib in ("usr/lib", "lib") for folder in sorted((root / lib).glob("*-linux-gnu*"))]
    return {"LD_LIBRARY_PATH": ":".join(map(str, folders))}


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers."""
    import psycopg

    end = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from None
            time.sleep(0.05)
        else:
            return
