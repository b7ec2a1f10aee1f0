"""From ``--guard`` and its companions to guards."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from .._guards import Guards, Streaming
from ..errors import InputError
from ._setup import quiet_libraries

if TYPE_CHECKING:
    from ..guards import Guard

Policy = Literal["block", "ask", "warn"]


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """What the command line says about guards.

    Attributes:
        given: ``NAME`` or ``NAME=MODEL``, a model being a folder or a Hugging Face id.
        policy: What follows from a finding.
        stream: When the text of an answer is let out.
        timeout: Seconds that a guard may take.

    Raises:
        InputError: there is no such guard, or it takes no model.
        ConfigurationError: the time limit is none.
    """

    given: Sequence[str] = ()
    policy: Policy = "block"
    stream: Streaming = "hold"
    timeout: float = 30.0

    def __post_init__(self) -> None:
        for one in self.given:
            _parsed(one)
        Guards(stream=self.stream, timeout=self.timeout)  # a typing error should not cost the loading

    def load(self) -> Guards:
        """The guards, their models loaded, with a bar on a terminal.

        Raises:
            ModelError: a model cannot be loaded; there is no going on without it.
        """
        if not self.given:
            return Guards()
        from ..guards import Post

        quiet_libraries()
        posts = [Post(_loaded(*_parsed(one)), policy=self.policy) for one in dict.fromkeys(self.given)]
        return Guards(posts, stream=self.stream, timeout=self.timeout)


def tell_active(active: Sequence[str]) -> None:
    """Say on stderr who stands where, if anybody does."""
    if active:
        print(f"guards: {', '.join(active)}", file=sys.stderr)


def _parsed(given: str) -> tuple[str, str | None]:
    """The name of a guard, and its model if one is named."""
    name, equals, model = given.partition("=")
    if name not in _MAKERS:
        raise InputError(f"there is no guard {name!r}; there are {', '.join(_MAKERS)}")
    if equals and not model:
        raise InputError(f"--guard {given} names no model; write {name}=FOLDER, or {name} alone")
    if model and name == _HIDDEN:
        raise InputError(f"the guard {name} takes no model; write --guard {name}")
    return name, model or None


def _loaded(name: str, model: str | None) -> Guard:
    if name != _HIDDEN and sys.stderr.isatty():
        print(f"loading the guard {name} ...", file=sys.stderr, flush=True)
    return _MAKERS[name](model)


def _llama_guard(model: str | None) -> Guard:
    from ..guards import LlamaGuard

    return LlamaGuard() if model is None else LlamaGuard(model)


def _prompt_guard(model: str | None) -> Guard:
    from ..guards import PromptGuard

    return PromptGuard() if model is None else PromptGuard(model)


def _hidden_text(_: str | None) -> Guard:
    from ..guards import HiddenText

    return HiddenText()


_HIDDEN: Final = "hidden-text"
_MAKERS: Final[Mapping[str, Callable[[str | None], Guard]]] = MappingProxyType(
    {"llama-guard": _llama_guard, "prompt-guard": _prompt_guard, _HIDDEN: _hidden_text}
)
