"""Kill a program again and again while it answers, and look at what is left.

In each round a child process answers one question, on a thread kept in SQLite or PostgreSQL, and is killed
(SIGKILL): at a random moment, or right before or after a random one of the checkpointer's writes. The next
child goes on where that one was cut off, until one comes to the end. Then everything must be there, nothing
may have been done twice, and the token ids must be those that a run which nobody kills has for the same
results. Prints how many rounds, kills and unknown outcomes there were; ends with an error when something was
lost or done twice.

The children are forked, so that a kill costs no more than what the child had done.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import itertools
import json
import os
import random
import shutil
import signal
import sqlite3
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from llama3_agent import Agent, Run, ScriptedLlama, tool_options

QUESTION = "Order everything."
STEPS = 6
LONGEST = 0.6
"""Seconds after which a child is killed at the latest; about what an answer takes."""
TALK = 400
WINDOW = 6_000
"""So many words fill so much of the window that there is no room for them beside all steps."""
WRITES = 40
"""About as often does a checkpointer write during an answer."""
TODAY = datetime.date(2026, 1, 1)

SPECIALS = (
    "begin_of_text",
    "end_of_text",
    "start_header_id",
    "end_header_id",
    "eom_id",
    "eot_id",
    "python_tag",
)

Saver = BaseCheckpointSaver[Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a thread is kept, and what is written beside it.

    Attributes:
        folder: For the journal of what was done and the outcome, and for SQLite's file.
        url: A PostgreSQL database instead of that file.
        history: Questions that were answered before.
        ask: Whether orders wait for a yes.
        compact: Whether the window is small, and talk before the question has to make room for the answer.
    """

    folder: Path
    url: str | None
    history: int
    ask: bool
    compact: bool

    @contextmanager
    def saver(self) -> Iterator[Saver]:
        if self.url is None:
            with closing(sqlite3.connect(self.folder / "threads", check_same_thread=False)) as connection:
                yield SqliteSaver(connection)
        else:
            from langgraph.checkpoint.postgres import PostgresSaver

            with PostgresSaver.from_conn_string(self.url) as saver:
                saver.setup()
                yield saver

    def note(self, line: str) -> None:
        with (self.folder / "journal").open("a") as file:
            file.write(line + "\n")

    @property
    def thread(self) -> str:
        """Its name: in a file that is copied always the same one, in a database never."""
        return "t" if self.url is None else str(self.folder)

    @property
    def outcome(self) -> Path:
        return self.folder / "outcome"


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
    step = prompt.count('{"item": "look') + 1
    if QUESTION not in prompt:
        return ("Well. " * TALK if "Talk." in prompt else "Noted.") + "<|eot_id|>"
    if step > STEPS:
        return "All done.<|eot_id|>"
    calls = [{"name": "order", "parameters": {"item": f"thing {step}{half}"}} for half in "ab"]
    calls.append({"name": "look", "parameters": {"item": f"look {step}"}})
    return "; ".join(map(json.dumps, calls)) + "<|eot_id|>"


def tools(place: Place, told: dict[str, str] | None) -> list[Callable[[str], str]]:
    """The tools; with ``told``, they do nothing and say what is in there."""

    def order(item: str) -> str:
        """Order something, which is not to be done twice.

        Args:
            item: What.
        """
        if told is not None:
            return told[item]
        place.note(f"begin {item}")
        time.sleep(random.uniform(0, 0.02))
        place.note(f"end {item}")
        return f"ordered {item}"

    @tool_options(repeatable=True)
    def look(item: str) -> str:
        """Look something up.

        Args:
            item: What.
        """
        if told is not None:
            return told[item]
        time.sleep(random.uniform(0, 0.02))
        return f"{item} is there"

    return [order, look]


def agent(place: Place, words: PreTrainedTokenizerFast, saver: Saver, told: dict[str, str] | None) -> Agent:
    """The program that is killed."""
    return Agent(
        ScriptedLlama(words, itertools.repeat(reply), context_length=WINDOW if place.compact else 200_000),
        tools(place, told),
        sandbox=None,
        checkpointer=saver,
        max_steps=20,
        max_tokens=3_000,
        approve={"order": "ask"} if place.ask else None,
        today=TODAY,
    )


def chat(place: Place, words: PreTrainedTokenizerFast) -> None:
    """Fill the thread with what was said before."""
    with place.saver() as saver, agent(place, words, saver, None) as one:
        for number in range(place.history):
            one.run(f"This is number {number}.", thread=place.thread)


def answer(
    place: Place,
    words: PreTrainedTokenizerFast,
    told: dict[str, str] | None = None,
    deadly: Callable[[Saver], None] | None = None,
) -> None:
    """Answer the question of the thread, or go on answering it, and write down what came of it."""
    thread = place.thread
    with place.saver() as saver, agent(place, words, saver, told) as one:
        if deadly:
            deadly(saver)
        run = one.last(thread)
        if run is None and place.compact:
            run = one.run("Talk.", thread=thread)
        elif run is not None and run.finish_reason != "answered":
            run = one.resume(thread=thread)
        if run is None or QUESTION not in [message.text for message in run.messages]:
            run = one.run(QUESTION, thread=thread)
        while run.waiting:
            run = one.resume(thread=thread)
    place.outcome.write_text(json.dumps(saved(run)))


def saved(run: Run) -> dict[str, Any]:
    """What is looked at of a run."""
    return {
        "reason": run.finish_reason,
        "ids": run.ids,
        "messages": [[message.type, str(message.content)] for message in run.messages],
    }


def beside_a_write(saver: Saver, *, number: int, before: bool) -> None:
    """Have a checkpointer end its process right before or after one of its writes."""
    writes = itertools.count()

    def deadly(write: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(write)
        def wrapped(*args: Any, **options: Any) -> Any:
            last = next(writes) == number
            if last and before:
                os.kill(os.getpid(), signal.SIGKILL)
            result = write(*args, **options)
            if last:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapped

    # A class of their own would have to be told which of the two checkpointers it extends.
    for name in ("put", "put_writes"):
        setattr(saver, name, deadly(getattr(saver, name)))


def child(work: Callable[[], None], pause: float | None = None) -> bool:
    """Do work in a process of its own, killed after a pause; whether it came to the end."""
    process = os.fork()
    if process == 0:
        status = 1
        try:
            work()
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


def check(place: Place) -> dict[str, str]:
    """See that nothing was lost or done twice; return what the model was told of each call."""
    outcome = json.loads(place.outcome.read_text())
    assert outcome["reason"] == "answered", outcome
    kinds = [kind for kind, _ in outcome["messages"]]
    before = ["system", *["human", "ai"] * place.history]
    if place.compact:
        before.append("system")
        assert outcome["messages"][1][1].startswith("2 earlier messages"), outcome["messages"][1]
    assert kinds == [*before, "human", *["ai", "tool", "tool", "tool"] * STEPS, "ai"], kinds
    texts = [text for kind, text in outcome["messages"] if kind == "tool"]
    begun = Counter((place.folder / "journal").read_text().splitlines())
    assert max(begun.values()) == 1, f"done twice: {begun.most_common(1)}"
    told: dict[str, str] = {}
    for step in range(1, STEPS + 1):
        for half, text in zip("ab", texts[3 * step - 3 :], strict=False):
            told[f"thing {step}{half}"] = text
            if text == f"ordered thing {step}{half}":
                assert begun[f"end thing {step}{half}"] == 1
            else:
                assert "not known whether it took effect" in text, text
        told[f"look {step}"] = texts[3 * step - 1]
        assert texts[3 * step - 1] == f"look {step} is there", "a call that may be repeated was not"
    return told


def attempt(place: Place, words: PreTrainedTokenizerFast) -> bool:
    """Have one child answer, to be killed one way or the other; whether it came to the end before."""
    if random.random() < 0.5:
        return child(functools.partial(answer, place, words), random.uniform(0, LONGEST))
    fate = functools.partial(beside_a_write, number=random.randrange(WRITES), before=random.random() < 0.5)
    return child(functools.partial(answer, place, words, deadly=fate))


def new_place(name: str, options: argparse.Namespace) -> Place:
    """A thread that has its history behind it and the question before it."""
    folder = options.folder / name
    if options.history:
        shutil.copytree(options.folder / "seed", folder)
    else:
        folder.mkdir()
    return Place(folder, options.url, options.history, options.ask, options.compact)


def main() -> None:
    """Do rounds until there were enough kills."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("kills", type=int)
    parser.add_argument("--url", help="a PostgreSQL database; else SQLite files in the folder")
    parser.add_argument("--history", type=int, default=0, help="questions answered before; SQLite only")
    parser.add_argument("--ask", action="store_true", help="each order waits for a yes")
    parser.add_argument("--compact", action="store_true", help="what was said before has to make room")
    options = parser.parse_args()
    if options.history and (options.url or options.compact):
        parser.error("--history copies SQLite's file and needs a large window: not with --url or --compact")
    words = tokenizer()
    if options.history:
        (options.folder / "seed").mkdir()
        seed = Place(options.folder / "seed", None, options.history, options.ask, False)
        assert child(functools.partial(chat, seed, words))
    done = rounds = unknown = 0
    while done < options.kills:
        rounds += 1
        killed, whole = new_place(f"killed-{rounds}", options), new_place(f"whole-{rounds}", options)
        while done < options.kills and not attempt(killed, words):
            done += 1
        assert child(functools.partial(answer, killed, words))
        told = check(killed)
        unknown += sum("not known" in text for text in told.values())
        assert child(functools.partial(answer, whole, words, told))
        ids = [json.loads(place.outcome.read_text())["ids"] for place in (killed, whole)]
        assert ids[0] == ids[1], "the ids differ from those of an answer in one go"
    print(json.dumps({"rounds": rounds, "kills": done, "unknown": unknown}))


if __name__ == "__main__":
    main()
