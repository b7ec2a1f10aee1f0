"""Each step computes what nobody has computed yet, and nothing else."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from langchain_core.messages import AIMessage

from llama3_agent import Llama, Run

from .conftest import MakeAgent
from .tables import houses


def _steps(run: Run) -> list[tuple[int, int, int]]:
    """Prompt, cached and generated tokens of everything the model wrote in the thread."""
    counts = []
    for message in run.messages:
        if isinstance(message, AIMessage):
            assert message.usage_metadata is not None
            cached = message.usage_metadata["input_token_details"]["cache_read"]
            counts.append(
                (message.usage_metadata["input_tokens"], cached, message.usage_metadata["output_tokens"])
            )
    return counts


def test_the_second_question_computes_only_its_new_tokens(
    make_agent: MakeAgent, llama: Llama, tmp_path: Path
) -> None:
    houses(51).to_csv(tmp_path / "houses.csv", index=False)
    agent = make_agent(tenant="nobody else")
    first = agent.run("What is the average price?", files=[tmp_path / "houses.csv"], thread="t")
    second = agent.run("And the median?", thread="t")
    steps = _steps(second)
    assert len(steps) == first.steps + second.steps >= 4
    assert steps[0][1] == 0
    # The token that ended a message has not been fed to the model, so it is computed with what follows.
    for (prompt, _, generated), (_, cached, _) in pairwise(steps):
        assert cached == prompt + generated - 1

    new = steps[first.steps :]
    assert second.usage.computed_tokens == sum(prompt - cached for prompt, cached, _ in new)
    assert second.usage.cached_tokens == sum(cached for _, cached, _ in new)
    assert new[0][0] - new[0][1] < len(llama.tokenizer.encode("And the median?")) + 20
    assert second.usage.computed_tokens < first.usage.computed_tokens / 2


def test_another_thread_computes_only_what_differs(make_agent: MakeAgent) -> None:
    agent = make_agent()
    first = agent.run("Hello!", thread="one")
    again = agent.run("Hello!", thread="two").usage
    assert again.computed_tokens == 1
    assert again.cached_tokens == first.usage.prompt_tokens - 1


def test_another_tenant_starts_cold(make_agent: MakeAgent) -> None:
    make_agent(tenant="one").run("Hello!")
    assert make_agent(tenant="two").run("Hello!").usage.cached_tokens == 0
