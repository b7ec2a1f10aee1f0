"""`Llama`: a Llama 3 model on this machine that computes only what its sessions have not computed yet."""

import functools
import os
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from llama3_agent.engine import Completion, EngineStats, ModelUnsuitable, Sampling, _config
from llama3_agent.engine._request import checked_prompt
from llama3_agent.engine._source import folder_of

if TYPE_CHECKING:
    import torch

    from llama3_prompts import Grammar

GIB = 2**30


class Pin:
    """A prefix that is kept in memory until `release`, or until the end of a ``with`` block.

    Args:
        release: lets go of it.
    """

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release

    def __enter__(self) -> "Pin":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let the prefix make room like any other. A second time changes nothing."""
        release, self._release = self._release, None
        if release is not None:
            release()


class Llama:
    """A Llama 3 model, run by transformers, whose sessions share what any of them has computed.

    Args:
        name: ``"cria"`` (the small demonstration model in this package), a folder in Hugging Face form, or a
            Hugging Face id such as ``"meta-llama/Llama-3.1-8B-Instruct"``.
        dtype: ``"float32"``, ``"bfloat16"`` or ``"float16"``; by default float32 on a CPU (whatever the files
            hold) and bfloat16 on a GPU.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...; by default a GPU when there is one.
        progress: True shows a bar on stderr while loading, False none; by default one appears on a terminal
            when loading takes more than a second, and so when a long prompt is read.
        context_length: the most tokens, prompt and answer together; by default what the model was made for.
        cache_bytes: memory that the caches may occupy. Buffers of idle sessions make room first, then the
            prefixes used longest ago; the session used last keeps its buffer.
        weights: ``"int8"`` for eight bits a weight on a CPU: about four times as fast a token for models of a
            billion parameters and more, and not exactly the same model. What it says is the same to the bit,
            whether cached or not and whoever else is being served.
        speculate: whether to guess what greedy answers copy from the prompt and compute it together; the
            answer is the same. By default where it pays: with 8-bit weights and on a GPU.

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
        weights: Literal["full", "int8"] = "full",
        speculate: bool | None = None,
    ) -> None:
        if weights not in ("full", "int8"):
            raise ModelUnsuitable(f"weights must be 'full' or 'int8', not {weights!r}")
        self._name = str(name)
        self._progress = progress
        folder = folder_of(name, download_bar=progress is not False)
        config = _config.read_config(folder)
        self._context_length = _config.pick_context_length(context_length, config)

        # Seconds: only once there is a model to load.
        from llama3_agent.engine import _load, _saved
        from llama3_agent.engine._full_model import FullModel
        from llama3_agent.engine._guide import Guides
        from llama3_agent.engine._int8_model import Int8Model
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
        kept = None if weights == "int8" else _load.pick_dtype(dtype, target)
        with loading_bar(folder.name, show=progress):
            model = _load.load_model(folder, device=target, dtype=kept)
            self._parameters = int(model.num_parameters())
            self._fingerprint = _saved.fingerprint(model, weights)
            self._model = Int8Model(model) if weights == "int8" else FullModel(model)
        pays = weights == "int8" or target.type != "cpu"
        self._speculate = pays if speculate is None else speculate
        self._runner = Runner(self._model, context_length=self._context_length, parameters=self._parameters)
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
        return self._model.device

    @property
    def dtype(self) -> "torch.dtype":
        """Element type of the weights and of the caches."""
        return self._model.dtype

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return self._parameters

    def complete(
        self,
        ids: Sequence[int],
        *,
        session: str = "default",
        sampling: Sampling = Sampling(),  # noqa: B008 - frozen
        on_token: Callable[[int], None] | None = None,
        cancel: threading.Event | None = None,
        grammar: "Grammar | None" = None,
        tenant: str = "",
    ) -> Completion:
        """Continue `ids` until a stop token, the limit, or `cancel`.

        Any number of threads may call; sessions take turns token by token, requests on one session one after
        another. Whatever ends a request, its session keeps all that was computed.

        Args:
            ids: the whole conversation so far. What any session of the tenant has computed of it, checked id
                by id, is not computed again.
            session: whose buffer to use.
            sampling: how to choose tokens.
            on_token: called with each id as it is chosen, in the calling thread.
            cancel: checked at every token, and between the chunks of a long prompt.
            grammar: what the answer may be. Tokens that it leaves no choice about are not sampled; their
                log-probabilities are the model's own all the same.
            tenant: nothing is shared between tenants.

        Raises:
            GrammarUnavailable: there is a grammar, but llguidance is not installed.
            GrammarError: the grammar is not well-formed.
            ContextOverflow: the prompt leaves no room for an answer.
            InvalidTokens: it is empty, or holds ids that the model does not know.
        """
        from llama3_agent.engine._lookup import Lookup
        from llama3_agent.engine._loop import Request
        from llama3_agent.engine._sampler import Sampler

        started = time.perf_counter()
        rule, watch = Sampler(sampling), sampling.watch
        prompt = checked_prompt(
            ids, vocabulary=self._runner.vocabulary, context_length=self._context_length, watch=watch
        )
        limit = min(sampling.max_tokens, self._context_length - len(prompt))
        guide = self._guides.guide(grammar) if grammar is not None else None
        lookup = Lookup(prompt) if self._speculate and sampling.temperature == 0 else None
        request = Request(prompt, limit, rule, on_token, cancel, started, guide, lookup, watch=watch)
        completion = self._run(request, session, tenant)
        with self._totals_lock:
            self._totals = self._totals.plus(completion)
        return completion

    def release(self, session: str, *, tenant: str = "") -> None:
        """Forget a session. Unknown sessions are ignored, and what it shares stays for the others."""
        self._sessions.release(session, tenant=tenant)

    def pin(self, ids: Sequence[int], *, tenant: str = "") -> "Pin":
        """Compute a prefix, if nobody has, and keep it whatever the budget: a system message with its tools.

        Args:
            ids: the prefix, such as the ``ids`` of a new `Transcript`.
            tenant: whose sessions begin with it.

        Returns:
            What ends it again; the last token is left to the first request.

        Raises:
            ContextOverflow: it leaves no room for an answer.
            InvalidTokens: it is empty, or holds ids that the model does not know.
        """
        from llama3_agent.engine._loop import Request
        from llama3_agent.engine._sampler import Sampler

        prompt = checked_prompt(ids, vocabulary=self._runner.vocabulary, context_length=self._context_length)
        request = Request(prompt, 0, Sampler(Sampling()), None, None, time.perf_counter())
        name = f"pin {uuid.uuid4()}"
        session = self._sessions.acquire(name, None, tenant=tenant)
        assert session is not None  # nothing can cancel it
        try:
            self._loop.prefill(request, session)
            node = self._sessions.pin(session)
        finally:
            self._sessions.give_back(session)
            self._sessions.release(name, tenant=tenant)
        return Pin(functools.partial(self._sessions.unpin, node))

    def save_prefixes(self, path: str | os.PathLike[str]) -> int:
        """Write all that is shared now to a file, for `load_prefixes` after a restart.

        Keep the file as you would the conversations: it holds their tokens.

        Returns:
            The number of tokens written.
        """
        from llama3_agent.engine import _saved

        return _saved.save(Path(path), self._sessions.export(), model=self._fingerprint)

    def load_prefixes(self, path: str | os.PathLike[str]) -> int:
        """Take over what `save_prefixes` wrote, as far as `cache_bytes` allows.

        Returns:
            The number of tokens read.

        Raises:
            SavedPrefixesError: the file is missing, damaged, or another model's. Nothing has changed.
        """
        from llama3_agent.engine import _saved

        stretches = _saved.load(Path(path), model=self._fingerprint)
        self._sessions.restore([one.on(self.device) for one in stretches])
        return sum(len(one.tokens) for one in stretches)

    def stats(self) -> EngineStats:
        """Totals since the model was loaded, and what the caches hold now."""
        held = self._sessions.holdings()
        with self._totals_lock:
            return replace(
                self._totals,
                cache_bytes=held.live + held.shared,
                shared_bytes=held.shared,
                sessions=held.sessions,
                evictions=held.evictions,
            )

    @property
    def _shown(self) -> bool | None:
        """Whether a bar may appear now: those of several requests would overwrite one another."""
        return self._progress if self._runner.batcher.requests < 2 else False

    def _run(self, request: Any, name: str, tenant: str) -> Completion:
        from llama3_agent.engine._progress import reading_bar

        session = self._sessions.acquire(name, request.cancel, tenant=tenant)
        if session is None:
            return request.completion("cancelled")  # type: ignore[no-any-return]
        try:
            with self._runner.batcher.request(), reading_bar(show=self._shown) as request.on_prefill:
                return request.completion(self._loop.run(request, session))  # type: ignore[no-any-return]
        finally:
            self._sessions.give_back(session)
