"""The banks of phrasings, and the ways in which people bend them."""

from __future__ import annotations

import functools
import re
import tomllib
from random import Random
from typing import Any

from . import words
from .words import DATA

_BEFORE = (
    "Hi, ",
    "Hello, ",
    "Hey, ",
    "Please ",
    "Hi! ",
    "Quick question: ",
    "One more thing: ",
    "OK, ",
    "So, ",
    "Now, ",
    "I have a question. ",
    "For my report: ",
    "For my homework, ",
    "Can you help me? ",
    "Well, ",
    "Thanks. ",
    "Good morning. ",
    "I was wondering: ",
    "Sorry, ",
    "Next: ",
    "Great. ",
    "Also, ",
    "And ",
    "Tell me: ",
    "My boss asks: ",
    "Hmm, ",
    "Let's see. ",
    "Right, ",
    "Just checking, ",
    "Could you help me with this? ",
    "I am curious: ",
    "hey ",
    "pls ",
)
_LEADS = (
    "I am looking at {} and {}.",
    "We are moving to {} this {} and I found this.",
    "I'm thinking of {} in {}.",
    "My {} gave me this yesterday.",
    "It's about the {}.",
    "I have to write about {} and {} this week.",
    "Here is what we collected on {}.",
    "We have a meeting about {} at {} o'clock.",
    "I am new here and this is the list of {}.",
    "It's {} today.",
    "I'm off to {} on the weekend.",
    "My {} and I cannot agree on this.",
    "This is the {} of the {}.",
    "I was talking to {} about {}.",
    "We just got the {} from {}.",
    "I need it for the {} tomorrow.",
    "There is a {} that I do not understand.",
    "I'm writing a report on {} for {}.",
    "You know the {}, don't you?",
    "This {} has 3 parts.",
    "I'm thinking of moving to {} this {} and found this list of {}.",
    "Here is the list of {} I told you about.",
    "We found this list of {} from {}.",
    "It's {} in here.",
    "I'm {} and {}.",
    "My {} is a bit {}.",
)
"""What people say before they come to the point, with holes for words."""
_AFTER = (
    " Thanks!",
    " Thank you.",
    " please",
    " Thanks",
    " I need it for a report.",
    " Just the number.",
    " Thank you!",
    " Cheers.",
    " It is urgent.",
    " I keep forgetting.",
    " Be precise.",
    " Use Python.",
    " thx",
    " Can you do that?",
    " That would help a lot.",
    " I want to be sure.",
    " Keep it short.",
    " No rush.",
)


@functools.cache
def bank(name: str) -> dict[str, Any]:
    """One TOML file of phrasings: intent to list."""
    return tomllib.loads((DATA / f"{name}.toml").read_text(encoding="utf-8"))


def fill(template: str, slots: dict[str, str]) -> str:
    """Put the slots' values into a phrasing."""
    return re.sub(r"\{(\w+)\}", lambda match: slots[match[1]], template)


def typo(rng: Random, text: str) -> str:
    """Swap or drop one letter in one ordinary word."""
    spots = [m.start() for m in re.finditer(r"(?<=[a-z])[a-z](?=[a-z]{2})", text)]
    if not spots:
        return text
    at = rng.choice(spots)
    return (
        text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        if rng.random() < 0.5
        else text[:at] + text[at + 1 :]
    )


def bend(rng: Random, template: str) -> str:
    """Vary a phrasing before its slots are filled: greeting, thanks, case, punctuation, a typo."""
    if rng.random() < 0.06:
        template = typo(rng, template) if "{" not in template else _typo_around(rng, template)
    if rng.random() < 0.14:
        before = rng.choice(_BEFORE)
        if before.endswith((", ", "Please ", "And ", ": ", "hey ", "pls ")) and not template.startswith(
            ("I ", "I'", "{")
        ):
            template = template[:1].lower() + template[1:]
        template = before + template
    elif len(template) > 20 and rng.random() < 0.14:
        template = _lead(rng) + " " + template
    if rng.random() < 0.1:
        template = template + rng.choice(_AFTER)
    roll = rng.random()
    if roll < 0.12:
        template = re.sub(
            r"\{\w+\}|.", lambda m: m[0] if m[0].startswith("{") and len(m[0]) > 1 else m[0].lower(), template
        )
    if rng.random() < 0.15:
        template = template.rstrip("?.!")
    return template


def _lead(rng: Random) -> str:
    lead = rng.choice(_LEADS)
    return lead.format(*(words.phrase(rng, 1, 2) for _ in range(lead.count("{}"))))


def _typo_around(rng: Random, template: str) -> str:
    parts = re.split(r"(\{\w+\})", template)
    spots = [i for i, part in enumerate(parts) if not part.startswith("{") and len(part) > 6]
    if spots:
        at = rng.choice(spots)
        parts[at] = typo(rng, parts[at])
    return "".join(parts)


def say(rng: Random, name: str, intent: str, slots: dict[str, str]) -> str:
    """What a user might write for an intent."""
    return fill(bend(rng, rng.choice(bank(name)[intent])), slots)
