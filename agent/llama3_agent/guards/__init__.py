"""Guards: what may reach the model, what it may do, and what may reach the user.

Importing this package loads neither torch nor transformers; a guard's model is loaded with the guard.
"""

from typing import TYPE_CHECKING

from .._lazy import exports

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

__getattr__, __dir__ = exports(__name__, _HOMES)
