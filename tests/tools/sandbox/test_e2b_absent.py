"""Without a key, and without anything that answers."""

from __future__ import annotations

import pytest

from llama3_tools.sandbox import E2BSandbox, SandboxError, SandboxUnavailable


def test_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("E2B_API_KEY", raising=False)
    with pytest.raises(SandboxUnavailable, match="E2B_API_KEY"):
        E2BSandbox()


@pytest.mark.usefixtures("e2b_port")
def test_without_a_server() -> None:
    with pytest.raises(SandboxError, match="E2B"):
        E2BSandbox(debug=True)
