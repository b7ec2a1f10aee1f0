"""Guards: what may reach the model, what it may do, and what may reach the user.

Importing this package loads neither torch nor transformers; a guard's model is loaded with the guard.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._hidden import HiddenText
    from ._llama_guard import LlamaGuard
    from ._policy import Action, Policy, Post
    from ._prompt_guard import PromptGuard
    from ._types import Assessment, Guard, Place, Subject
    from ._verdict import GuardVerdict

_HOMES = {
    "_hidden": ("HiddenText",),
    "_llama_guard": ("LlamaGuard",),
    "_policy": ("Action", "Policy", "Post"),
    "_prompt_guard": ("PromptGuard",),
    "_types": ("Assessment", "Guard", "Place", "Subject"),
    "_verdict": ("GuardVerdict",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Action",
    "Assessment",
    "Guard",
    "GuardVerdict",
    "HiddenText",
    "LlamaGuard",
    "Place",
    "Policy",
    "Post",
    "PromptGuard",
    "Subject",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
