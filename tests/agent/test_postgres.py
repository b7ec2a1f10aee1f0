"""Threads in a real PostgreSQL server: killed and resumed, and growing by the same at each step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise

import psycopg
import pytest
from langgraph.checkpoint.postgres import PostgresSaver
from transformers import PreTrainedTokenizerFast

from llama3_agent import Agent, ScriptedLlama

from ..postgres_server import ServerMissingError, running
from .conftest import say
from .test_crashes import SCRIPT, call


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a server's empty database."""
    try:
        with running() as url:
            yield url
    except ServerMissingError as error:
        pytest.skip(str(error))


def test_killed_again_and_again(url: str, tmp_path: object) -> None:
    kills = os.environ.get("LLAMA3_AGENT_KILLS", "6")
    command = [sys.executable, SCRIPT, tmp_path, kills, "--url", url]
    done = subprocess.run(command, capture_output=True, text=True)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kills"] == int(kills)


def test_checkpoints_do_not_grow_with_the_conversation(url: str, tokenizer: PreTrainedTokenizerFast) -> None:
    sizes: list[int] = []

    def order(item: str) -> str:
        """Order.

        Args:
            item: What.
        """
        sizes.append(stored(url, "grows"))
        return f"ordered {item}"

    replies = [*(call("order", f"{n:03}") for n in range(30)), say("Done.")]
    llama = ScriptedLlama(tokenizer, replies, context_length=100_000)
    with PostgresSaver.from_conn_string(url) as saver:
        saver.setup()
        with Agent(llama, [order], sandbox=None, checkpointer=saver, max_steps=99) as agent:
            agent.run("Order a lot.", thread="grows")
    steps = [later - earlier for earlier, later in pairwise(sizes)]
    assert min(steps) > 0
    assert sum(steps[-10:]) < 1.1 * sum(steps[5:15])


def stored(url: str, thread: str) -> int:
    """Bytes that the database holds of a thread."""
    tables = {
        "checkpoints": "octet_length(checkpoint::text) + octet_length(metadata::text)",
        "checkpoint_blobs": "coalesce(octet_length(blob), 0)",
        "checkpoint_writes": "octet_length(blob)",
    }
    with psycopg.connect(url) as connection:
        sizes = [
            connection.execute(
                f"SELECT coalesce(sum({size}), 0) FROM {table} WHERE thread_id = %s",  # type: ignore[arg-type]
                (thread,),
            ).fetchone()
            for table, size in tables.items()
        ]
    return sum(int(size[0]) for size in sizes if size)
