"""The same walls when the host process is an ordinary user: the suite runs itself again as one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import llama3_tools

from ...ordinary_user import run_as_ordinary_user
from .test_lower_level import alone

_MODULES = ("test_abuse", "test_lower_level", "test_isolation", "test_limits", "test_lifecycle", "test_files")
_CHOICE = "test_abuse or test_lower_level or memory_of_many or are_limited or close_leaves or restart"


@pytest.mark.timeout(600)
@pytest.mark.skipif(os.geteuid() != 0, reason="the whole suite runs as an ordinary user already")
def test_as_an_ordinary_user() -> None:
    folders = {"tools": Path(llama3_tools.__file__).parents[1], "tests": Path(__file__).parent}
    options = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--import-mode=importlib"]
    modules = [f"{{stage}}/tests/{module}.py" for module in _MODULES]
    arguments = [*options, "--rootdir", "{stage}", "-k", _CHOICE, *modules]
    with alone():
        run = run_as_ordinary_user(arguments, folders, sources=["tools"], timeout=580)
    assert run.returncode == 0, run.stdout[-6_000:] + run.stderr[-2_000:]
    assert " passed" in run.stdout
