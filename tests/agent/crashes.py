"""Kill a program again and again while it answers, and look at what is left.

python crashes.py FOLDER KILLS: in each round a child process answers two questions on a thread kept in
SQLite, and is killed at a random moment. The next child goes on where that one was cut off, until one
comes to the end. In the second turn, the first has to make room. Prints how many rounds, kills and unknown
outcomes there were; ends with an error when something was lost or done twice.

The children are forked, so that a kill costs no more than what the child had done.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from langgraph.checkpoint.sqlite import SqliteSaver
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from llama3_agent import Agent, Run, ScriptedLlama, tool_options

STEPS = 6
WINDOW = 6_000
TALK = 400
"""Words that fill so much of the window that there is no room for them beside all steps."""
LONGEST = 0.6
"""Seconds after which a child is killed at the latest; about what an answer takes."""

SPECIALS = (
    "begin_of_text",
    "end_of_text",
    "start_header_id",
    "end_header_id",
    "eom_id",
    "eot_id",
    "python_tag",
)


def tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, and Llama 3's special tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken(f"<|{name}|>", special=True, normalized=False) for name in SPECIALS])
    return PreTrainedTokenizerFast(tokenizer_object=core)


def reply(prompt: str) -> str:
    """What a deterministic model writes next: three calls at once, several times, then an answer."""
    if "Order everything." not in prompt:
        return "Well. " * TALK + "<|eot_id|>"
    step = prompt.count('{"item": "look') + 1
    if step > STEPS:
        return "All done.<|eot_id|>"
    calls = [{"name": "order", "parameters": {"item": f"thing {step}{half}"}} for half in "ab"]
    calls.append({"name": "look", "parameters": {"item": f"look {step}"}})
    return "; ".join(map(json.dumps, calls)) + "<|eot_id|>"


def answer(folder: Path, words: PreTrainedTokenizerFast) -> Run:
    """Answer the question of the thread, or go on answering it."""

    def note(line: str) -> None:
        with (folder / "journal").open("a") as file:
            file.write(line + "\n")

    def order(item: str) -> str:
        """Order something, which is not to be done twice.

        Args:
            item: What.
        """
        note(f"begin {item}")
        time.sleep(random.uniform(0, 0.02))
        note(f"end {item}")
        return f"ordered {item}"

    @tool_options(repeatable=True)
    def look(item: str) -> str:
        """Look something up.

        Args:
            item: What.
        """
        time.sleep(random.uniform(0, 0.02))
        return f"{item} is there"

    saver = SqliteSaver(sqlite3.connect(folder / "threads", check_same_thread=False))
    llama = ScriptedLlama(words, (reply for _ in range(100)), context_length=WINDOW)
    limits = {"max_steps": 20, "max_tokens": 3_000}
    with Agent(llama, [order, look], sandbox=None, checkpointer=saver, **limits) as agent:
        run = agent.last("t") or agent.run("Talk.", thread="t")
        if run.finish_reason != "answered":
            run = agent.resume(thread="t")
        if "Order everything." not in [message.text for message in run.messages]:
            run = agent.run("Order everything.", thread="t")
        return run


def child(folder: Path, words: PreTrainedTokenizerFast, pause: float | None) -> bool:
    """Answer in a process of its own, killed after a pause; whether it came to the end."""
    process = os.fork()
    if process == 0:
        status = 1
        try:
            run = answer(folder, words)
            saved = {
                "reason": run.finish_reason,
                "ids": run.ids,
                "messages": [[message.type, str(message.content)] for message in run.messages],
            }
            (folder / "outcome").write_text(json.dumps(saved))
            status = 0
        except Exception:  # noqa: BLE001 - a forked child must end here, whatever happens
            traceback.print_exc()
        os._exit(status)
    if pause is not None:
        time.sleep(pause)
        os.kill(process, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert code in (0, -signal.SIGKILL), "a child fell over"
    return code == 0


def check(folder: Path, whole: list[int]) -> int:
    """See that nothing was lost or done twice; return how many outcomes the model was told to be unknown."""
    saved = json.loads((folder / "outcome").read_text())
    assert saved["reason"] == "answered", saved
    kinds = [kind for kind, _ in saved["messages"]]
    assert saved["messages"][1][1].startswith("2 earlier messages"), saved["messages"][1]
    assert kinds == ["system", "system", "human", *["ai", "tool", "tool", "tool"] * STEPS, "ai"], kinds
    texts = [text for kind, text in saved["messages"] if kind == "tool"]
    begun = Counter((folder / "journal").read_text().splitlines())
    assert max(begun.values()) == 1, f"done twice: {begun.most_common(1)}"
    unknown = 0
    for step in range(1, STEPS + 1):
        for half, text in zip("ab", texts[3 * step - 3 :], strict=False):
            if text == f"ordered thing {step}{half}":
                assert begun[f"end thing {step}{half}"] == 1
            else:
                assert "not known whether it took effect" in text, text
                unknown += 1
        assert texts[3 * step - 1] == f"look {step} is there", "a call that may be repeated was not"
    assert unknown or saved["ids"] == whole, "the ids differ from those of an answer in one go"
    return unknown


def main(folder: Path, kills: int) -> None:
    """Do rounds until there were enough kills."""
    words = tokenizer()
    (folder / "whole").mkdir()
    assert child(folder / "whole", words, None)
    whole = json.loads((folder / "whole" / "outcome").read_text())["ids"]
    done = rounds = unknown = 0
    while done < kills:
        rounds += 1
        place = folder / str(rounds)
        place.mkdir()
        while not child(place, words, random.uniform(0, LONGEST) if done < kills else None):
            done += 1
        unknown += check(place, whole)
    print(json.dumps({"rounds": rounds, "kills": done, "unknown": unknown}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
