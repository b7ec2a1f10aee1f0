"""Tools of MCP servers, which are processes of their own, over standard input and over HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import BaseTool
from langchain_mcp_adapters.client import MultiServerMCPClient

from llama3_agent import Run
from llama3_agent._options import options_of

from .conftest import MakeAgent, say

SERVER = Path(__file__).with_name("mcp_server.py")


def connect(connection: dict[str, Any]) -> dict[str, BaseTool]:
    tools = asyncio.run(MultiServerMCPClient({"shop": connection}).get_tools())  # type: ignore[dict-item]
    return {tool.name: tool for tool in tools}


@pytest.fixture(scope="module")
def over_http() -> Iterator[dict[str, Any]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, SERVER, str(port)])
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield {"transport": "streamable_http", "url": f"http://127.0.0.1:{port}/mcp"}
    finally:
        process.terminate()
        process.wait(10)


OVER_STDIO = {"transport": "stdio", "command": sys.executable, "args": [str(SERVER)]}


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_tools_of_a_server_are_tools(
    make_agent: MakeAgent, transport: str, request: pytest.FixtureRequest
) -> None:
    tools = connect(OVER_STDIO if transport == "stdio" else request.getfixturevalue("over_http"))
    assert options_of(tools["price"]).repeatable
    assert not options_of(tools["buy"]).repeatable
    asked = [("price", {"item": "tea"}), ("buy", {"item": "tea", "count": 2}), ("price", {"item": "gold"})]
    calls = "; ".join(json.dumps({"name": name, "parameters": args}) for name, args in asked)
    wrong = json.dumps({"name": "buy", "parameters": {"item": "tea", "count": "many"}})
    agent = make_agent(f"{calls}<|eot_id|>", f"{wrong}<|eot_id|>", say("Done."), tools=tools.values())
    run = agent.run("Buy two teas.")
    price, bought, failed, misread = results(run)
    assert price == "4.5"
    assert bought == "bought 2 tea"
    assert failed.startswith("error: ")
    assert "gold" in failed
    assert "count" in misread
    assert "the price of an item" in str(run.messages[0].content).lower()


def results(run: Run) -> list[str]:
    return [str(message.content) for message in run.messages if message.type == "tool"]
