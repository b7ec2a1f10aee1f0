"""What follows from a finding, by guard, label and score."""

from __future__ import annotations

from typing import Any

import pytest

from llama3_agent.errors import ConfigurationError
from llama3_agent.guards import Assessment, HiddenText, Policy, Post

RULES = Policy(
    default={0.5: "warn", 0.8: "ask", 0.95: "block"},
    labels={"S1": "block", "S6": "pass", "jailbreak": "ask", "S9": {0.9: "block"}},
)


@pytest.mark.parametrize(
    ("found", "action"),
    [
        (Assessment("safe", flagged=False, score=0.99), "pass"),
        (Assessment("unsafe", flagged=True, score=0.6), "warn"),
        (Assessment("unsafe", flagged=True, score=0.8), "ask"),
        (Assessment("unsafe", flagged=True, score=0.99), "block"),
        (Assessment("unsafe", flagged=True, score=0.2), "pass"),
        (Assessment("unsafe", flagged=True, score=0.6, categories=("S1",)), "block"),
        (Assessment("unsafe", flagged=True, score=0.99, categories=("S6",)), "pass"),
        (Assessment("unsafe", flagged=True, score=0.8, categories=("S6", "S2")), "ask"),
        (Assessment("unsafe", flagged=True, score=0.85, categories=("S9",)), "pass"),
        (Assessment("jailbreak", flagged=True, score=0.99), "ask"),
        (Assessment("hidden", flagged=True), "block"),
        (Assessment("error", flagged=True), "block"),
    ],
)
def test_decisions(found: Assessment, action: str) -> None:
    assert RULES.decide(found) == action


def test_an_error_blocks_under_every_policy() -> None:
    assert Policy("pass", labels={"error": "pass"}).decide(Assessment("error", flagged=True)) == "block"


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"at": "cellar"}, "not at 'cellar'"),
        ({"at": ()}, "stands nowhere"),
        ({"policy": "shoot"}, "not 'shoot'"),
        ({"timeout": 0}, "timeout must be above 0"),
        ({"guard": 3}, "is no guard"),
    ],
)
def test_a_post_that_cannot_be_is_refused(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Post(**{"guard": HiddenText(), **keywords})


@pytest.mark.parametrize("rule", ["maybe", {0.5: "maybe"}, {7: "block"}])
def test_a_rule_that_cannot_be_is_refused(rule: Any) -> None:
    with pytest.raises(ConfigurationError):
        Policy(rule)
