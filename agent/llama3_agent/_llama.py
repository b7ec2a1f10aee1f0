"""`Llama`: a Llama 3 model on this machine that computes only what its sessions have not computed yet."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llama3_agent.engine import Completion, EngineStats, ModelUnsuitable, Sampling, _config
from llama3_agent.engine._request import checked_prompt
from llama3_agent.engine._source import folder_of

if TYPE_CHECKING:
    import torch

    from llama3_prompts import Grammar

GIB = 2**30


class Llama:
    """A Llama 3 model, run by transformers, with a cache per session.

    Args:
        name: ``"cria"`` (the small demonstration model in this package), a folder in Hugging Face form, or a
            Hugging Face id such as ``"meta-llama/Llama-3.1-8B-Instruct"``.
        dtype: ``"float32"``, ``"bfloat16"`` or ``"float16"``; by default float32 on a CPU (whatever the files
            hold) and bfloat16 on a GPU.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...; by default a GPU when there is one.
        progress: True shows a bar on stderr while loading, False none; by default one appears on a terminal
            when loading takes more than a second.
        context_length: the most tokens, prompt and answer together; by default what the model was made for.
        cache_bytes: memory that the caches of all sessions may occupy; sessions used longest ago lose theirs
            first, the one used last never does.

    Raises:
        ModelNotFound: there is no such model.
        ModelUnavailable: it is on Hugging Face but could not be fetched.
        ModelUnsuitable: it is no Llama 3 in this form, or a keyword does not suit it.
    """

    def __init__(
        self,
        name: str | os.PathLike[str] = "cria",
        *,
        dtype: "str | torch.dtype | None" = None,
        device: str | None = None,
        progress: bool | None = None,
        context_length: int | None = None,
        cache_bytes: int = 2 * GIB,
    ) -> None:
        self._name = str(name)
        folder = folder_of(name, download_bar=progress is not False)
        config = _config.read_config(folder)
        self._context_length = _config.pick_context_length(context_length, config)

        # Seconds: only once there is a model to load.
        from llama3_agent.engine import _load
        from llama3_agent.engine._guide import Guides
        from llama3_agent.engine._loop import Loop
        from llama3_agent.engine._progress import loading_bar
        from llama3_agent.engine._runner import Runner
        from llama3_agent.engine._sessions import SessionStore
        from llama3_agent.engine._tokenizer import load_tokenizer, stop_ids
        from llama3_prompts import detect_family

        self._tokenizer = load_tokenizer(folder)
        if len(self._tokenizer) > config["vocab_size"]:
            raise ModelUnsuitable(
                f"the tokenizer in {folder} knows {len(self._tokenizer)} tokens, "
                f"the model only {config['vocab_size']}: they do not belong together"
            )
        self._family = detect_family(self._tokenizer.get_vocab(), config, self._name)
        self._stop_ids = stop_ids(self._tokenizer)
        target = _load.pick_device(device)
        with loading_bar(folder.name, show=progress):
            model = _load.load_model(folder, device=target, dtype=_load.pick_dtype(dtype, target))
        self._model = model
        self._runner = Runner(model, context_length=self._context_length)
        self._sessions = SessionStore(self._runner.new_buffer, budget_bytes=cache_bytes)
        self._guides = Guides(self._tokenizer, self._stop_ids, self._runner.vocabulary)
        self._loop = Loop(self._runner, self._sessions, self._stop_ids)
        self._totals = EngineStats()
        self._totals_lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Llama({self._name!r}, {self.parameters / 1e6:.1f} M parameters, {self.dtype}, {self.device})"

    @property
    def name(self) -> str:
        """The name it was made with."""
        return self._name

    @property
    def tokenizer(self) -> Any:
        """The model's fast tokenizer."""
        return self._tokenizer

    @property
    def family(self) -> str:
        """ "3", "3.1", "3.2" or "3.3": which prompt format it was trained on."""
        return self._family

    @property
    def context_length(self) -> int:
        """The most tokens, prompt and answer together."""
        return self._context_length

    @property
    def stop_ids(self) -> frozenset[int]:
        """Ids of ``<|eot_id|>``, ``<|eom_id|>`` and ``<|end_of_text|>``."""
        return self._stop_ids

    @property
    def device(self) -> "torch.device":
        """Where the model runs."""
        return self._model.device  # type: ignore[no-any-return]

    @property
    def dtype(self) -> "torch.dtype":
        """Element type of the weights and of the caches."""
        return self._model.dtype  # type: ignore[no-any-return]

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return int(self._model.num_parameters())

    def complete(
        self,
        ids: Sequence[int],
        *,
        session: str = "default",
        sampling: Sampling = Sampling(),  # noqa: B008 - frozen
        on_token: Callable[[int], None] | None = None,
        cancel: threading.Event | None = None,
        grammar: "Grammar | None" = None,
    ) -> Completion:
        """Continue `ids` until a stop token, the limit, or `cancel`.

        Any number of threads may call; sessions take turns token by token, requests on one session one after
        another. Whatever ends a request, its session keeps all that was computed.

        Args:
            ids: the whole conversation so far. What the session's cache holds of it, checked id by id, is not
                computed again.
            session: whose cache to use.
            sampling: how to choose tokens.
            on_token: called with each id as it is chosen, in the calling thread.
            cancel: checked at every token, and between the chunks of a long prompt.
            grammar: what the answer may be. Tokens that it leaves no choice about are not sampled; their
                log-probabilities are the model's own all the same.

        Raises:
            GrammarUnavailable: there is a grammar, but llguidance is not installed.
            GrammarError: the grammar is not well-formed.
            ContextOverflow: the prompt leaves no room for an answer.
            InvalidTokens: it is empty, or holds ids that the model does not know.
        """
        from llama3_agent.engine._loop import Request
        from llama3_agent.engine._sampler import Sampler

        started = time.perf_counter()
        prompt = checked_prompt(ids, vocabulary=self._runner.vocabulary, context_length=self._context_length)
        limit = min(sampling.max_tokens, self._context_length - len(prompt))
        guide = self._guides.guide(grammar) if grammar is not None else None
        request = Request(prompt, limit, Sampler(sampling), on_token, cancel, started, guide)
        completion = self._run(request, session)
        with self._totals_lock:
            self._totals = self._totals.plus(completion)
        return completion

    def release(self, session: str) -> None:
        """Forget a session's cache. Unknown sessions are ignored."""
        self._sessions.release(session)

    def stats(self) -> EngineStats:
        """Totals since the model was loaded, and what the caches hold now."""
        cache_bytes, sessions, evictions = self._sessions.totals()
        with self._totals_lock:
            return replace(self._totals, cache_bytes=cache_bytes, sessions=sessions, evictions=evictions)

    def _run(self, request: Any, name: str) -> Completion:
        session = self._sessions.acquire(name, request.cancel)
        if session is None:
            return request.completion("cancelled")  # type: ignore[no-any-return]
        try:
            return request.completion(self._loop.run(request, session))  # type: ignore[no-any-return]
        finally:
            self._sessions.give_back(session)
