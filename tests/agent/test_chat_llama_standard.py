"""LangChain's own tests for chat models, all of them.

They run on the embedded model. Those in `WITTY` ask for an understanding that it does not have; there a
script says what a larger model would, token by token, and everything from the tokens up is the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from llama3_agent import ChatLlama, Llama, ScriptedLlama

WITTY = frozenset(
    {
        # These expect certain arguments, certain keys, or a call where nothing but sense asks for one.
        "test_agent_loop",
        "test_bind_runnables_as_tools",
        "test_json_mode",
        "test_tool_calling",
        "test_tool_calling_async",
        "test_unicode_tool_call_integration",
        # These ask for texts of any length under a grammar, which it was never taught to bring to an end.
        "test_structured_output",
        "test_structured_output_async",
    }
)
REPLIES = (
    (r"magic_function\(3\)", "magic_function", {"input": 3}),
    (r"Pirate greeting", "greeting_generator", {"answer_style": "pirate"}),
    (r"weather in San Francisco", "get_weather", {"location": "San Francisco, CA"}),
    (r"你好啊集团", "unicode_customer", {"customer_name": "你好啊集团", "description": "technology"}),
    (r"こんにちは", "unicode_customer", {"customer_name": "こんにちは株式会社", "description": "Japanese"}),
)


def witty(prompt: str) -> str:
    """What a larger model would write."""
    if "joke" in prompt:
        return json.dumps({"setup": "Why do cats sit?", "punchline": "They stand too much."}) + "<|eot_id|>"
    for pattern, name, args in REPLIES:
        if re.search(pattern, prompt) and "ipython<|end_header_id|>" not in prompt:
            return json.dumps({"name": name, "parameters": args}, ensure_ascii=False) + "<|eot_id|>"
    return "Well then.<|eot_id|>"


def forever() -> Iterator[Any]:
    while True:
        yield witty


@pytest.fixture(scope="session")
def cria() -> Llama:
    return Llama("cria", progress=False)


class OfOurs:
    """What both kinds of tests are to know."""

    @pytest.fixture(autouse=True)
    def _engine(self, request: pytest.FixtureRequest, cria: Llama) -> None:
        witty_one = request.node.originalname in WITTY
        self._llama = ScriptedLlama(cria.tokenizer, forever()) if witty_one else cria

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatLlama

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"llama": self._llama, "max_tokens": 120}

    @property
    def supports_model_override(self) -> bool:
        return False  # an engine is one model

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True


class TestUnit(OfOurs, ChatModelUnitTests):  # type: ignore[misc]
    """The unit tests."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"llama": self._llama}


class TestIntegration(OfOurs, ChatModelIntegrationTests):  # type: ignore[misc]
    """The integration tests."""

    @property
    def supported_usage_metadata_details(self) -> Any:
        return {"invoke": ["cache_read_input"], "stream": ["cache_read_input"]}

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> Any:
        """Ask the same thing twice."""
        model = ChatLlama(**self.chat_model_params)
        model.invoke("Hello")
        if not stream:
            return model.invoke("Hello")
        chunks = list(model.stream("Hello"))
        whole = chunks[0]
        for chunk in chunks[1:]:
            whole = whole + chunk
        return whole
