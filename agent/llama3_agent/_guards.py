"""What an agent is told about its guards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from .errors import ConfigurationError

if TYPE_CHECKING:
    from .guards._panel import Panel
    from .guards._policy import Post, TextGuard
    from .guards._types import Guard

POLITE: Final = "I am sorry, I cannot help with that."

Streaming = Literal["hold", "window", "after"]
"""When the text of an answer is let out: once all has passed, piece by piece as it passes, or at once."""


@dataclass(frozen=True, slots=True)
class Guards:
    """What may enter, be done, be read, and leave.

    Attributes:
        posts: Guards, each where it is made to stand, or posted elsewhere with `Post`.
        input: A function that sees each question first, and returns None or why to stop it.
        output: The same for each answer before the user sees it.
        stream: How answers are streamed where a guard stands at the output. With ``hold``, text comes when
            the whole answer has passed. With ``window``, it is judged every ``window`` characters, and comes
            as far as it has passed. With ``after``, it comes as it is written and is judged at the end.
        window: Characters between two looks.
        message: What a blocked run answers; by default a polite sentence, and nothing where ``input`` and
            ``output`` are all there is.
        timeout: Seconds that a guard may take. One that takes longer has not passed anything.

    Raises:
        ConfigurationError: a value is out of range.
    """

    posts: Sequence[Guard | Post | TextGuard] = ()
    input: TextGuard | None = None
    output: TextGuard | None = None
    stream: Streaming = "hold"
    window: int = 200
    message: str | None = None
    timeout: float = 30.0

    def __post_init__(self) -> None:
        if self.stream not in ("hold", "window", "after"):
            raise ConfigurationError(f"stream must be 'hold', 'window' or 'after', not {self.stream!r}")
        if self.window < 1:
            raise ConfigurationError(f"window must be at least 1 character, not {self.window!r}")
        if not 0 < self.timeout < float("inf"):
            raise ConfigurationError(f"timeout must be above 0 and finite, not {self.timeout!r}")

    @property
    def apology(self) -> str:
        """What a blocked run answers."""
        if self.message is not None:
            return self.message
        return POLITE if self.posts else ""

    def panel(self) -> Panel:
        """The guards, ready to be asked."""
        from .guards._panel import Panel
        from .guards._policy import Post

        posts = [one if isinstance(one, Post) else Post(one) for one in self.posts]
        posts += [Post(self.input, at="input")] if self.input is not None else []
        posts += [Post(self.output, at="output")] if self.output is not None else []
        return Panel(posts, timeout=self.timeout)


def guards_of(given: Guards | Iterable[Guard | Post | TextGuard] | None) -> Guards:
    """What `Agent` was given, as `Guards`.

    Raises:
        ConfigurationError: it is neither that nor a list of guards.
    """
    if isinstance(given, Guards):
        return given
    if given is not None and not isinstance(given, Iterable):
        raise ConfigurationError("guards is a list of guards, or Guards; put a single guard in brackets")
    return Guards(tuple(given or ()))
