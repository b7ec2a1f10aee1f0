"""`ChatLlama`: any of our engines as a LangChain chat model."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import ConfigDict, Field, PrivateAttr

from llama3_prompts import Grammar, Transcript, json_grammar

from ._chat_answer import Answer, from_thread
from ._chat_sessions import SessionNames
from ._checks import can_constrain, loaded
from ._dialogue import transcript_of
from ._structured import request
from .engine import Engine, Sampling
from .errors import ConfigurationError

ANY_JSON: dict[str, Any] = {"type": "object"}
Method = Literal["json_schema", "function_calling", "json_mode"]


class ChatLlama(BaseChatModel):
    """A Llama 3 model as LangChain knows chat models, with tools, streaming and structured output.

    What the model wrote goes back to it as the ids that it wrote, so a conversation that grows is computed
    only as far as it is new; ``usage_metadata["input_token_details"]["cache_read"]`` says how much was not.

    Args:
        llama: An engine, or what `Llama` takes.
        instructions: What the assistant is told where the messages do not begin with a system message.
        temperature: 0 takes the likeliest token each time.
        top_p: Draw only from the likeliest tokens whose probabilities reach this.
        seed: Makes draws repeatable.
        max_tokens: The most tokens of an answer.
        stop: Texts that end an answer.
        timeout: Seconds for an answer; None for as long as it takes.
        today: The date that the model is told.
        constrain: Whether calls follow the grammar of their tools' declarations; by default where llguidance
            is installed. A ``tool_choice`` that demands a call, and structured output, need it.
        tenant: Nothing that was computed for one tenant serves another.

    Raises:
        ModelError: The model cannot be loaded.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    llama: Any = Field(exclude=True)
    instructions: str = "You are a helpful assistant."
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    timeout: float | None = None
    today: datetime.date | None = None
    constrain: bool = Field(default_factory=can_constrain)
    tenant: str = ""
    _sessions: SessionNames = PrivateAttr()

    def __init__(self, llama: Engine | str | Path = "cria", **settings: Any) -> None:
        super().__init__(llama=loaded(llama), **settings)  # type: ignore[call-arg]
        self._sessions = SessionNames(self.llama, self.tenant)

    @property
    def model_name(self) -> str:
        """What the engine calls itself."""
        return str(getattr(self.llama, "name", f"llama-{self.llama.family}"))

    @property
    def _llm_type(self) -> str:
        return "llama3"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, **self.model_dump(exclude={"llama", "cache", "callbacks"})}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop or self.stop, **kwargs)
        params["ls_provider"] = "llama3_agent"
        params.setdefault("ls_model_name", self.model_name)
        return params

    def bind_tools(
        self,
        tools: Sequence[Mapping[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | bool | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools that it may call.

        Args:
            tools: Functions, LangChain tools, pydantic models, schemas.
            tool_choice: "auto", "none", "any" (or "required", or True) to have a call in any case, or the
                name of the tool to call, also as OpenAI's ``{"function": {"name": ...}}``.
            kwargs: Go with each request. ``strict`` and ``parallel_tool_calls`` change nothing: calls are
                held to their schemas where they can be.

        Raises:
            ConfigurationError: There is no such tool, or a call cannot be demanded here.
        """
        for name in ("strict", "parallel_tool_calls"):
            kwargs.pop(name, None)
        schemas = [convert_to_openai_tool(tool) for tool in tools]
        choice = _choice(tool_choice, [schema["function"]["name"] for schema in schemas])
        if choice not in ("auto", "none") and not self.constrain:
            raise ConfigurationError(_NEEDS_GRAMMAR.format(what=f"tool_choice={tool_choice!r}"))
        return super().bind(tools=schemas, tool_choice=choice, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: Method = "json_schema",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """The model, answering with values of a type.

        Args:
            schema: A pydantic model, a TypedDict, a JSON Schema or a function schema.
            include_raw: Return ``{"raw", "parsed", "parsing_error"}`` instead of the value.
            method: "json_schema" decodes under the grammar of the schema; "function_calling" has the model
                call a tool of that schema; "json_mode" asks for JSON of whatever shape.
            strict: Changes nothing: the schema is always held to.

        Raises:
            ConfigurationError: There is no such method, or no grammar can be followed here.
        """
        del strict
        if method == "function_calling":
            return super().with_structured_output(schema, include_raw=include_raw, **kwargs)
        if method not in ("json_schema", "json_mode"):
            raise ConfigurationError(
                f"method={method!r} is unknown; use 'json_schema', 'function_calling' or 'json_mode'"
            )
        if not self.constrain:
            raise ConfigurationError(_NEEDS_GRAMMAR.format(what="structured output"))
        json_schema = convert_to_json_schema(schema)
        asked = self.bind(
            output_schema=json_schema if method == "json_schema" else ANY_JSON,
            ls_structured_output_format={"kwargs": {"method": method}, "schema": schema},
            **kwargs,
        )
        parser: Any = JsonOutputParser()
        if isinstance(schema, type) and is_basemodel_subclass(schema):
            parser = PydanticOutputParser(pydantic_object=schema)
        if not include_raw:
            value: Runnable[LanguageModelInput, Any] = asked | parser
            return value
        parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
        unparsed = RunnablePassthrough.assign(parsed=lambda _: None)
        told: Runnable[LanguageModelInput, Any] = RunnableMap(raw=asked) | parsed.with_fallbacks(
            [unparsed], exception_key="parsing_error"
        )
        return told

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del run_manager
        answer = self._answer(messages, stop, kwargs, threading.Event())
        message = answer.run(lambda _: None)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        cancel = threading.Event()
        answer = self._answer(messages, stop, kwargs, cancel)
        for message in from_thread(answer.run, cancel):
            chunk = ChatGenerationChunk(message=_chunk(message))
            if run_manager:
                run_manager.on_llm_new_token(str(chunk.message.text), chunk=chunk)
            yield chunk

    def _answer(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        options: Mapping[str, Any],
        cancel: threading.Event,
    ) -> Answer:
        choice = options.get("tool_choice", "auto")
        tools = options.get("tools", ()) if choice != "none" else ()
        transcript = transcript_of(
            messages,
            tokenizer=self.llama.tokenizer,
            family=self.llama.family,
            instructions=self.instructions,
            tools=tools,
            today=self.today,
        )
        grammar = self._grammar(transcript, choice, options.get("output_schema"))
        return Answer(
            self,
            self._sessions,
            transcript,
            grammar,
            stop=stop or self.stop or [],
            sampling=self._sampling(options),
            cancel=cancel,
        )

    def _grammar(
        self, transcript: Transcript, choice: str, schema: Mapping[str, Any] | None
    ) -> Grammar | None:
        if schema is not None:
            transcript.append(HumanMessage(request(schema)))
            return json_grammar(schema)
        return transcript.call_grammar(choice) if self.constrain and choice != "none" else None

    def _sampling(self, options: Mapping[str, Any]) -> Sampling:
        settings = {name: options.get(name, getattr(self, name)) for name in _SAMPLING}
        return Sampling(**{name: value for name, value in settings.items() if value is not None})


_SAMPLING = ("temperature", "top_p", "seed", "max_tokens")
_NEEDS_GRAMMAR = (
    "{what} needs decoding under a grammar; pip install 'llama3-agent[grammar]' and leave constrain=True"
)


def _choice(choice: str | bool | Mapping[str, Any] | None, names: list[str]) -> str:
    """Ours: "auto", "none", "required" or a name."""
    if isinstance(choice, Mapping):
        choice = str(choice.get("function", choice).get("name", ""))
    if choice is True or choice in ("any", "required"):
        return "required"
    if not choice or choice == "auto":
        return "auto"
    if choice != "none" and choice not in names:
        raise ConfigurationError(
            f"tool_choice={choice!r} is no tool; choose 'auto', 'any', 'none' or one of: {', '.join(names)}"
        )
    return str(choice)


def _chunk(message: BaseMessage) -> AIMessageChunk:
    assert isinstance(message, AIMessageChunk)
    return message
