"""Code Shield's semgrep rules, run by an invocation of our own.

Stock Code Shield passes `--project-root /`, with which semgrep 1.101 and later scan nothing and report
success. Here each run has a private project folder, two explicit files (the code, and a canary that must be
found in the very same run), a time limit that kills the whole process group, and no way for the code to
exempt itself. Whatever is not exactly as expected is `GateUnavailable`.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from llama3_tools.gate._codeshield import shield_finding
from llama3_tools.gate._types import Finding, GateUnavailable

CANARY = "import os\nos.system(input())  # nosemgrep\n"
CANARY_RULE = "insecure-os-system-use"
_OPTIONS = (
    "scan",
    "--experimental",
    "--quiet",
    "--json",
    "--disable-nosem",
    "--disable-version-check",
    *("--metrics", "off"),
    *("--max-target-bytes", "0"),
    *("--jobs", "1"),
    *("--timeout", "3"),
    *("--timeout-threshold", "1"),
    *("--optimizations", "all"),
)
_MOST_OUTPUT = 16_000_000
# What semgrep says of text that is not Python. That is for the other layers to judge: such text cannot run.
_SYNTAX = frozenset(
    {"PartialParsing", "SyntaxError", "Syntax error", "ParseError", "LexicalError", "Lexical error"}
)


def find_binary() -> Path:
    """The engine, `semgrep-core`: the installed package's, else the one on the path.

    Raises:
        GateUnavailable: if there is none.
    """
    spec = find_spec("semgrep")
    places = (
        [Path(place, "bin", "semgrep-core") for place in (spec.submodule_search_locations or ())]
        if spec
        else []
    )
    on_path = shutil.which("semgrep-core")
    for place in [*places, *([Path(on_path)] if on_path else [])]:
        if place.is_file():
            return place
    raise GateUnavailable("semgrep-core is not installed; run `pip install semgrep`")


def run_semgrep(code: str, *, binary: Path, rules: Path, time_limit: float) -> list[Finding]:
    """The findings of Code Shield's semgrep rules in `code`.

    Args:
        code: text that UTF-8 can encode.
        binary: `semgrep-core`.
        rules: semgrep's rule file.
        time_limit: seconds after which the engine and its children are killed.

    Raises:
        GateUnavailable: if the engine did not run, did not finish, or did not scan exactly what it was given.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="gate-") as folder:
            root = Path(folder).resolve()
            cell, canary = root / "project" / "cell.py", root / "project" / "canary.py"
            cell.parent.mkdir()
            cell.write_bytes(code.encode("utf-8"))
            canary.write_text(CANARY, encoding="utf-8")
            output = _run(_command(rules, cell, canary), binary, root, time_limit)
    except OSError as error:
        raise GateUnavailable(f"semgrep could not be started: {error.strerror or error}") from error
    return _read(output, cell, canary)


def _command(rules: Path, cell: Path, canary: Path) -> list[str]:
    # The engine behaves as `osemgrep` by its own name, argv[0]; no link of that name has to exist.
    return [
        "osemgrep",
        *_OPTIONS,
        "--config",
        str(rules),
        "--project-root",
        str(cell.parent),
        str(cell),
        str(canary),
    ]


def _run(command: list[str], binary: Path, root: Path, time_limit: float) -> bytes:
    environment = {
        "HOME": str(root),
        "PATH": os.defpath,
        "TMPDIR": str(root),
        "SEMGREP_SEND_METRICS": "off",
        "LC_ALL": "C.UTF-8",
    }
    with subprocess.Popen(
        command,
        executable=str(binary),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=root,
        env=environment,
        process_group=0,
    ) as process:
        try:
            output = _collect(process, time_limit)
        except subprocess.TimeoutExpired as error:
            raise GateUnavailable(f"semgrep took longer than {time_limit:g} s") from error
        finally:
            _kill_group(process.pid)
    if process.returncode != 0:
        raise GateUnavailable(f"semgrep ended with exit code {process.returncode}")
    return output


def _collect(process: subprocess.Popen[bytes], time_limit: float) -> bytes:
    """What the engine prints until it ends, as it comes: neither its length nor its time is trusted."""
    deadline = time.monotonic() + time_limit
    assert process.stdout is not None
    output = bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not ready.select(max(0.0, deadline - time.monotonic())):
                raise subprocess.TimeoutExpired(process.args, time_limit)
            piece = os.read(process.stdout.fileno(), 65_536)
            if not piece:
                break
            output += piece
            if len(output) > _MOST_OUTPUT:
                raise GateUnavailable("semgrep's report is too long")
    process.wait(max(0.0, deadline - time.monotonic()))
    return bytes(output)


def _kill_group(group: int) -> None:
    # Also after a normal end: a child that outlived the engine keeps its group alive.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _read(output: bytes, cell: Path, canary: Path) -> list[Finding]:
    try:
        report: dict[str, Any] = json.loads(output)
        scanned = sorted(report["paths"]["scanned"])
        results = [_result(result) for result in report["results"]]
        errors = [_error_kind(error) for error in report["errors"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GateUnavailable("semgrep's report cannot be read") from error
    if scanned != sorted((str(cell), str(canary))):
        raise GateUnavailable("semgrep did not scan the code it was given")
    if not any(path == str(canary) and rule == CANARY_RULE for path, rule, _, _ in results):
        raise GateUnavailable("semgrep missed its canary")
    unexpected = [kind for kind in errors if kind not in _SYNTAX]
    if unexpected:
        raise GateUnavailable(f"semgrep reports {unexpected[0]!r}")
    return [shield_finding(rule, line, message) for path, rule, line, message in results if path == str(cell)]


def _result(result: dict[str, Any]) -> tuple[str, str, int, str]:
    """Path, rule, line and message of one match."""
    rule = str(result["check_id"]).rpartition(".")[2]
    return str(result["path"]), rule, int(result["start"]["line"]), str(result["extra"]["message"])


def _error_kind(error: dict[str, Any]) -> str:
    kind = error["type"]
    return str(kind[0] if isinstance(kind, list) else kind)
