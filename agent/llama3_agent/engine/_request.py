"""Checks before a request runs."""

from collections.abc import Sequence

from llama3_agent.engine.errors import ContextOverflow, InvalidTokens


def checked_prompt(
    ids: Sequence[int], *, vocabulary: int, context_length: int, watch: Sequence[int] = ()
) -> list[int]:
    """The prompt as a list.

    Raises:
        InvalidTokens: it is empty, or an id, one to watch included, is outside ``range(vocabulary)``.
        ContextOverflow: it leaves no room for a new token.
    """
    prompt = list(ids)
    if not prompt:
        raise InvalidTokens("the prompt is empty: give at least one token id")
    for extreme in (min(prompt), max(prompt), *watch):
        if not 0 <= extreme < vocabulary:
            raise InvalidTokens(f"token id {extreme} is outside the model's vocabulary of {vocabulary}")
    if len(prompt) >= context_length:
        raise ContextOverflow(len(prompt), context_length)
    return prompt
