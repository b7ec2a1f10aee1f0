"""Messages glued together from everything that means something to the parser, in any order and cut anywhere.

``python tests/prompts/fuzz.py --cases 1000000`` reads so many of them, each whole and in random chunks, and
stops at the first that breaks a promise. The suite reads a few hundred.
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage

from llama3_prompts import Event, StreamParser, TextDelta, ToolCallDelta
from llama3_prompts._toolbox import Toolbox

FRAGMENTS = [
    '{"name": "mix", "parameters": {"a": 1, "n": 2}}',
    '{"name": "note", "arguments": {"text": "x}\\"</function>"}}',
    '{"name": "teleport", "parameters": {}}',
    '{"type": "function", "function": {"name": "ping", "arguments": "{}"}}',
    '{"parameters": {"a": 1}, "name": "mix"}',
    '[{"name": "ping", "parameters": {}}, {"name": 3}, 4]',
    '{"a": [1, {"b": null}]}',
    '<function=mix>{"a": 1, "n": "2"}</function>',
    "<function=teleport>{}</function>",
    "[mix(a=1, n=2), ping()]",
    "[note(text='it\\'s', meta={'k': [1]})]",
    'brave_search.call(query="x")',
    'brave_search.call("""a"b""")',
    "code_interpreter.call(code='1')",
    "<|python_tag|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "print([f(v) for v in x])",
    '{"name": "mix", "parameters": {"a": 1, "n": 2}, "x": 1}',
    '{"name": "get_weather", "arguments": {"city": "Oslo"}}',
    "[get_weather(city='Oslo'), later]",
    "<function=ping></function>",
    "x = ",
    "```python\n",
    "Well, ",
    "; ",
    "\n",
    "```json\n",
    "\n```\n",
    "`",
    "{'name': 'mix', 'parameters': {'a': 1}}",
    '{name: "mix", parameters: {a: 1}}',
    "{“name”: “mix”, “parameters”: {}}",
    '{"name": "mix", "a": 1, "n": 2}',
    '{"name": "note", "parameters": {"text": 5, "meta": "{}"}, "arguments": {}}',
    "~~~\n",
    "````\n",
    " ",
    ",",
    "🦙",
    "`",
    *"{}[]()<>\"'\\:;=a1",
]

_LETTERS = "abc 01\n\t\"'\\{}[]()<>|_.,;:=`é🦙\ud800"
_WORD = re.compile(r"\b(?:teleport|print|Well|Oslo|later)\b")
"""Words of the fragments that are nobody's syntax."""
_GOES_ON = re.compile(r'\}\s*,\s*"')
"""Keys after the arguments, which a call has no use for: what stands in them is ignored."""
_CONTROL = re.compile(r"<\|\w+\|>")


def message(rng: random.Random) -> str:
    """A message of up to seven parts, whole fragments, halves of them, or letters."""
    return "".join(_part(rng) for _ in range(rng.randint(0, 7)))


def _part(rng: random.Random) -> str:
    fragment = rng.choice(FRAGMENTS)
    cut = rng.randint(0, len(fragment))
    letters = "".join(rng.choices(_LETTERS, k=rng.randint(0, 5)))
    return rng.choice((fragment, fragment, fragment[:cut], fragment[cut:], letters))


def chunks(rng: random.Random, text: str) -> list[str]:
    """The text in pieces of random length."""
    places = sorted({0, len(text), *(rng.randint(0, len(text)) for _ in range(rng.randint(0, 12)))})
    return [text[a:b] for a, b in itertools.pairwise(places)]


def read(toolbox: Toolbox, parts: list[str], *, truncated: bool) -> tuple[list[Event], AIMessage]:
    """What was told on the way, and the message."""
    parser = StreamParser.from_toolbox(toolbox)
    events = [event for part in parts for event in parser.feed(part)]
    last, whole = parser.end(truncated=truncated)
    return events + last, whole


def said(events: list[Event]) -> str:
    """The text that was streamed."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def told(events: list[Event]) -> list[str | None] | None:
    """The names of the calls that were streamed; None if they were not told of in order, each name once."""
    names: list[str | None] = []
    for event in events:
        if isinstance(event, ToolCallDelta):
            if event.index == len(names):
                names.append(event.name)
            elif event.index > len(names) or event.name is not None:
                return None
    return names


def called(message: AIMessage) -> list[str | None]:
    """The names of all calls of a message, good and bad, in the order of their ids."""
    calls = [*message.tool_calls, *message.invalid_tool_calls]
    return [call["name"] for call in sorted(calls, key=lambda call: int(str(call["id"]).split("_")[1]))]


def lost(text: str, message: AIMessage) -> list[str]:
    """Words of the source that are neither in the content nor in a call."""
    if _GOES_ON.search(text):
        return []
    kept = message.content + repr(message.tool_calls) + repr(message.invalid_tool_calls)
    return [word for word in _WORD.findall(_CONTROL.sub(" ", text)) if word not in kept]


def problem(toolbox: Toolbox, text: str, parts: list[str], *, truncated: bool) -> str | None:
    """What is wrong with the reading of a message, None if nothing is."""
    at_once, whole = read(toolbox, [text], truncated=truncated)
    streamed, again = read(toolbox, parts, truncated=truncated)
    if again != whole:
        return f"in chunks {parts!r} it is {again!r}"
    if not said(at_once) == said(streamed) == whole.content:
        return "the streamed text is not the content"
    if not told(at_once) == told(streamed) == called(whole):
        return f"in chunks {parts!r} calls were told of as {told(streamed)}, at once as {told(at_once)}"
    if missing := lost(text, whole):
        return f"these words were lost: {missing}"
    for call in whole.tool_calls:
        tool = toolbox.get(call["name"])
        if tool is None or tool.check(call["args"]) != call["args"]:
            return f"{call!r} is no call that can be carried out"
    if not (whole.tool_calls or whole.invalid_tool_calls or _CONTROL.search(text)):
        kept = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if whole.content not in (text, kept):
            return "text was lost"
    return None


def main() -> None:
    """Read many messages and tell what became of them."""
    sys.path.insert(0, str(Path(__file__).parent))
    from conftest import get_weather, mix, note, ping  # type: ignore[import-not-found]

    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--cases", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=0)
    arguments = options.parse_args()
    functions: list[Callable[..., Any]] = [get_weather, note, mix, ping]
    toolboxes = [Toolbox(functions, code_interpreter=enabled) for enabled in (True, True, False)]
    rng = random.Random(arguments.seed)
    counts: Counter[str] = Counter()
    start = time.monotonic()
    for number in range(arguments.cases):
        text, truncated, toolbox = message(rng), rng.random() < 0.2, rng.choice(toolboxes)
        found = problem(toolbox, text, chunks(rng, text), truncated=truncated)
        if found:
            sys.exit(f"case {number} of seed {arguments.seed}: {text!r}\n{found}")
        whole = read(toolbox, [text], truncated=truncated)[1]
        counts["with calls"] += bool(whole.tool_calls)
        counts["with broken calls"] += bool(whole.invalid_tool_calls)
        counts["characters"] += len(text)
        if number % 10_000 == 0:
            print(f"{number:,} in {time.monotonic() - start:.0f} s", file=sys.stderr)
    print(
        f"{arguments.cases:,} messages in {time.monotonic() - start:.0f} s, no promise broken; {dict(counts)}"
    )


if __name__ == "__main__":
    main()
