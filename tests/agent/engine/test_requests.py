"""One request: its end, its stream, its cancellation, its account."""

import threading

import pytest

from llama3_agent._llama import Llama
from llama3_agent.engine import ContextOverflow, Engine, InvalidTokens, Sampling

PROMPT = list(b"tell me a story")


def greedy(llama: Llama, n: int = 40) -> tuple[int, ...]:
    return llama.complete(PROMPT, tenant="oracle", sampling=Sampling(max_tokens=n)).ids


def test_it_is_an_engine(llama: Llama) -> None:
    assert isinstance(llama, Engine)


def test_stop_token_ends_it_and_is_kept(llama: Llama) -> None:
    third = greedy(llama)[2]
    llama._loop._stop_ids = frozenset({third})
    answer = llama.complete(PROMPT, sampling=Sampling(max_tokens=40))
    assert answer.finish == "stop"
    assert answer.ids[-1] == third
    assert third not in answer.ids[:-1]


def test_stop_ids_come_from_the_tokenizer_by_name(llama: Llama) -> None:
    names = {"<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"}
    assert llama.stop_ids == {llama.tokenizer.convert_tokens_to_ids(name) for name in names}


def test_token_limit(llama: Llama) -> None:
    answer = llama.complete(PROMPT, sampling=Sampling(max_tokens=5))
    assert answer.finish == "length"
    assert answer.generated_tokens == len(answer.ids) == len(answer.logprobs) == 5


def test_every_token_is_streamed_in_order(llama: Llama) -> None:
    seen: list[int] = []
    answer = llama.complete(PROMPT, sampling=Sampling(max_tokens=20), on_token=seen.append)
    assert tuple(seen) == answer.ids
    assert 0 < answer.first_token_seconds <= answer.seconds


def test_account_of_two_turns(llama: Llama) -> None:
    first = llama.complete(PROMPT, sampling=Sampling(max_tokens=10))
    follow_up = [*PROMPT, *first.ids, *b" and then"]
    second = llama.complete(follow_up, sampling=Sampling(max_tokens=10))
    # The last token of an answer is never forwarded, so it counts with the next turn's own nine.
    assert second.computed_tokens == 1 + 9
    assert second.cached_tokens == len(follow_up) - 10
    stats = llama.stats()
    assert stats.requests == 2
    assert stats.prompt_tokens == len(PROMPT) + len(follow_up)
    assert stats.cached_tokens == second.cached_tokens
    assert stats.computed_tokens == len(PROMPT) + 10
    assert stats.generated_tokens == first.generated_tokens + second.generated_tokens
    assert stats.sessions == 1
    assert stats.cache_bytes > 0


def test_cancel_before_the_start_computes_nothing(llama: Llama) -> None:
    cancel = threading.Event()
    cancel.set()
    answer = llama.complete(PROMPT, cancel=cancel)
    assert (answer.finish, answer.ids, answer.computed_tokens) == ("cancelled", (), 0)
    assert answer.first_token_seconds is None


def test_cancel_in_mid_answer_keeps_what_was_computed(llama: Llama) -> None:
    expected = greedy(llama)
    cancel = threading.Event()
    seen: list[int] = []

    def stop_at_seven(token: int) -> None:
        seen.append(token)
        if len(seen) == 7:
            cancel.set()

    answer = llama.complete(PROMPT, sampling=Sampling(max_tokens=40), on_token=stop_at_seven, cancel=cancel)
    assert answer.finish == "cancelled"
    assert answer.ids == expected[:7]
    rest = llama.complete([*PROMPT, *answer.ids], sampling=Sampling(max_tokens=33))
    assert rest.cached_tokens == len(PROMPT) + 6
    assert answer.ids + rest.ids == expected


def test_cancel_between_the_chunks_of_a_prompt(llama: Llama) -> None:
    llama._runner.chunk = 4
    expected = greedy(llama)
    cancel = threading.Event()
    forward = llama._runner.forward

    def forward_then_cancel(session, tokens, **options):
        if len(session.tokens) == 4:
            cancel.set()
        return forward(session, tokens, **options)

    llama._runner.forward = forward_then_cancel  # type: ignore[method-assign]
    answer = llama.complete(PROMPT, cancel=cancel)
    llama._runner.forward = forward  # type: ignore[method-assign]
    assert (answer.finish, answer.computed_tokens, answer.ids) == ("cancelled", 8, ())
    again = llama.complete(PROMPT, sampling=Sampling(max_tokens=40))
    assert again.cached_tokens == 8
    assert again.ids == expected


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
def test_an_exception_from_the_callback_leaves_a_good_cache(
    llama: Llama, interruption: type[BaseException]
) -> None:
    expected = greedy(llama)
    countdown = iter(range(5))

    def fail(_token: int) -> None:
        if next(countdown) == 4:
            raise interruption

    with pytest.raises(interruption):
        llama.complete(PROMPT, on_token=fail)
    again = llama.complete(PROMPT, sampling=Sampling(max_tokens=40))
    assert again.cached_tokens == len(PROMPT) - 1
    assert again.ids == expected


@pytest.mark.parametrize("length", [1, 6], ids=["decode", "prefill"])
def test_an_exception_inside_a_forward_leaves_a_good_cache(llama: Llama, length: int) -> None:
    expected = greedy(llama)
    llama.complete(PROMPT[:-length], sampling=Sampling(max_tokens=1))
    session = llama._sessions._sessions["", "default"]
    append, calls = session.kv.append, iter(range(100))

    def fail_in_the_second_layer(*args):
        if next(calls) == 1:
            raise MemoryError("no room")
        return append(*args)

    session.kv.append = fail_in_the_second_layer  # type: ignore[method-assign]
    with pytest.raises(MemoryError):
        llama.complete(PROMPT)
    session.kv.append = append  # type: ignore[method-assign]
    assert session.kv.length == len(session.tokens) == len(PROMPT) - length
    assert llama.complete(PROMPT, sampling=Sampling(max_tokens=40)).ids == expected


def test_a_prompt_that_fills_the_context_is_refused_before_it_runs(llama: Llama) -> None:
    with pytest.raises(ContextOverflow, match=r"prompt has 512 tokens.*holds 512") as caught:
        llama.complete([1] * 512)
    assert (caught.value.prompt_tokens, caught.value.context_length) == (512, 512)
    assert llama.stats().requests == 0


def test_the_answer_ends_where_the_context_does(llama: Llama) -> None:
    answer = llama.complete([1] * 509, sampling=Sampling(max_tokens=100))
    assert answer.finish == "length"
    assert answer.generated_tokens == 3


@pytest.mark.parametrize(("ids", "message"), [([], "empty"), ([5, 264], "264"), ([-1], "-1")])
def test_prompts_of_unknown_ids_are_refused(llama: Llama, ids: list[int], message: str) -> None:
    with pytest.raises(InvalidTokens, match=message):
        llama.complete(ids)
