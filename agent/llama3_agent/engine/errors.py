# ruff: noqa: N818 - an error says what happened; the tree below says that it is one
"""Everything the engine raises on purpose.

::

    EngineError
    ├── ModelError                  the model could not be made ready
    │   ├── ModelNotFound           no such folder, Hugging Face id or packaged model
    │   ├── ModelUnavailable        it exists, but could not be fetched (gated, no network, disk full)
    │   └── ModelUnsuitable         it is here, but cannot be run (no Llama, damaged, no tokenizer)
    │       └── MissingSpecialTokens    the tokenizer lacks Llama 3's message markers
    ├── RequestError (ValueError)   the request itself is wrong; nothing was computed
    │   ├── ContextOverflow         the prompt does not fit into the context
    │   ├── InvalidTokens           an empty prompt, or ids outside the vocabulary
    │   ├── InvalidSampling         a sampling value out of range
    │   ├── NotEnoughMemory         the cache of prompt and answer would not fit
    │   └── GrammarError            a grammar that is not well-formed
    │       └── GrammarUnavailable  a grammar, and nothing installed that could follow it
    ├── SavedPrefixesError          a file of prefixes that is missing, damaged or another model's
    └── ScriptExhausted             `ScriptedLlama` was asked for more replies than it was given

Messages are one line: what was wrong, and what to do about it.
"""


class EngineError(Exception):
    """Base of every error that the engine raises on purpose."""


class ModelError(EngineError):
    """The model could not be made ready."""


class ModelNotFound(ModelError):
    """There is no such folder, Hugging Face id or packaged model."""


class ModelUnavailable(ModelError):
    """The model exists but could not be fetched: gated, no network, no room."""


class ModelUnsuitable(ModelError):
    """The files are here but this engine cannot run them."""


class MissingSpecialTokens(ModelUnsuitable):
    """The tokenizer lacks special tokens that every Llama 3 conversation needs."""


class RequestError(EngineError, ValueError):
    """The request is wrong; nothing was computed."""


class ContextOverflow(RequestError):
    """The prompt leaves no room for a single new token.

    Attributes:
        prompt_tokens: length of the refused prompt.
        context_length: the most tokens the engine holds at once.
    """

    def __init__(self, prompt_tokens: int, context_length: int) -> None:
        super().__init__(
            f"the prompt has {prompt_tokens} tokens, but the context holds {context_length} "
            f"including the answer: shorten it by at least {prompt_tokens - context_length + 1} tokens"
        )
        self.prompt_tokens = prompt_tokens
        self.context_length = context_length


class InvalidTokens(RequestError):
    """The prompt is empty or contains ids outside the vocabulary."""


class InvalidSampling(RequestError):
    """A sampling value is out of range."""


class NotEnoughMemory(RequestError):
    """The cache of prompt and answer would not fit into what memory is left."""


class GrammarError(RequestError):
    """The grammar is not well-formed."""


class GrammarUnavailable(GrammarError):
    """There is nothing installed that could follow a grammar."""


class SavedPrefixesError(EngineError):
    """A file of saved prefixes is missing, damaged, or belongs to another model."""


class ScriptExhausted(EngineError):
    """A `ScriptedLlama` was asked for more replies than it was given."""
