"""Sessions: apart from each other, within a budget, from many threads."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from llama3_agent._llama import Llama
from llama3_agent.engine import Sampling

SHORT = Sampling(max_tokens=8)


def prompt_of(number: int, length: int = 60) -> list[int]:
    return [256, number, *[(number * 31 + i * 7) % 256 for i in range(length)]]


def bytes_of_one(folder: Path) -> int:
    llama = Llama(folder, device="cpu", progress=False)
    llama.complete(prompt_of(0), sampling=SHORT)
    return llama.stats().cache_bytes


def test_sessions_share_what_they_have_in_common(llama: Llama) -> None:
    first = llama.complete(prompt_of(1), session="a", sampling=SHORT)
    again = llama.complete(prompt_of(1), session="b", sampling=SHORT)
    assert (again.cached_tokens, again.computed_tokens, again.ids) == (61, 1, first.ids)
    half = [*prompt_of(1)[:30], 9, 9, 9]
    assert llama.complete(half, session="c", sampling=SHORT).cached_tokens == 30


def test_tenants_share_nothing(llama: Llama) -> None:
    first = llama.complete(prompt_of(1), tenant="x", sampling=SHORT)
    other = llama.complete(prompt_of(1), tenant="y", sampling=SHORT)
    assert (other.cached_tokens, other.ids) == (0, first.ids)
    assert llama.stats().sessions == 2
    llama.release("default", tenant="x")
    assert llama.stats().sessions == 1


def test_going_back_and_forth_computes_nothing_twice(llama: Llama) -> None:
    here, there = [*prompt_of(1), 1, 2, 3], [*prompt_of(1), 4, 5, 6]
    first = llama.complete(here, sampling=SHORT)
    llama.complete(there, sampling=SHORT)
    again = llama.complete([*here, *first.ids, 7], sampling=SHORT)
    assert again.computed_tokens == 2  # the last token generated, and the new one
    assert llama.stats().sessions == 1


def test_what_a_cancelled_request_computed_is_not_lost(llama: Llama) -> None:
    stop = threading.Event()
    answer = llama.complete(prompt_of(1), session="a", cancel=stop, on_token=lambda _: stop.set())
    assert answer.finish == "cancelled"
    assert llama.complete(prompt_of(1), session="b", sampling=SHORT).cached_tokens == 61


def test_interleaved_sessions_each_keep_their_own(llama: Llama) -> None:
    conversations = {name: prompt_of(i, 10) for i, name in enumerate("abc")}
    for _ in range(4):
        for name, ids in conversations.items():
            alone = llama.complete(ids, tenant=f"fresh-{len(ids)}-{name}", sampling=SHORT)
            together = llama.complete(ids, session=name, sampling=SHORT)
            assert together.ids == alone.ids
            ids += [*together.ids, 65]
        assert together.computed_tokens in (2, len(prompt_of(0, 10)) - 1, len(prompt_of(0, 10)))


def test_a_released_session_leaves_its_prefixes_to_the_others(llama: Llama) -> None:
    llama.complete(prompt_of(1), sampling=SHORT)
    llama.release("default")
    llama.release("never seen")
    stats = llama.stats()
    assert stats.sessions == 0
    assert stats.cache_bytes == stats.shared_bytes > 0
    assert llama.complete(prompt_of(1), sampling=SHORT).cached_tokens == 61


def test_a_shared_prefix_is_stored_once(llama: Llama) -> None:
    llama.complete(prompt_of(1, 200), session="0", sampling=Sampling(max_tokens=1))
    alone = llama.stats().shared_bytes
    for name in "123456":
        llama.complete([*prompt_of(1, 200), int(name)], session=name, sampling=Sampling(max_tokens=1))
    assert llama.stats().shared_bytes < 1.1 * alone


def test_what_was_used_longest_ago_makes_room(folder: Path) -> None:
    one = bytes_of_one(folder)
    llama = Llama(folder, device="cpu", progress=False, cache_bytes=2 * one)
    first = llama.complete(prompt_of(0), session="0", sampling=SHORT)
    llama.complete(prompt_of(1), session="1", sampling=SHORT)
    for n in range(2, 6):
        llama.complete(prompt_of(0), session="0", sampling=SHORT)
        llama.complete(prompt_of(n), session=str(n), sampling=SHORT)
    stats = llama.stats()
    assert stats.evictions > 0
    assert stats.cache_bytes <= 2 * one
    kept = llama.complete(prompt_of(0), session="0", sampling=SHORT)
    assert (kept.cached_tokens, kept.ids) == (61, first.ids)
    # All that is left of it is what every prompt begins with.
    assert llama.complete(prompt_of(1), session="1", sampling=SHORT).cached_tokens == 1


def test_the_last_session_stays_even_beyond_the_budget(folder: Path) -> None:
    llama = Llama(folder, device="cpu", progress=False, cache_bytes=1)
    llama.complete(prompt_of(0), session="0", sampling=SHORT)
    assert llama.complete(prompt_of(0), session="0", sampling=SHORT).cached_tokens == 61
    llama.complete(prompt_of(1), session="1", sampling=SHORT)
    assert llama.stats().sessions == 1
    assert llama.stats().shared_bytes == 0


def test_a_pinned_prefix_stays_whatever_the_budget(folder: Path) -> None:
    llama = Llama(folder, device="cpu", progress=False, cache_bytes=1)
    with llama.pin(prompt_of(0)) as pin:
        for n in range(1, 4):
            llama.complete(prompt_of(n), session=str(n), sampling=SHORT)
        assert llama.complete(prompt_of(0), session="new", sampling=SHORT).cached_tokens == 61
    pin.release()
    llama.complete(prompt_of(1), session="1", sampling=SHORT)
    assert llama.complete(prompt_of(0), session="newer", sampling=SHORT).cached_tokens <= 1


def test_a_pin_computes_only_what_is_missing(llama: Llama) -> None:
    llama.complete(prompt_of(0), sampling=SHORT)
    before = llama.stats().sessions
    llama.pin(prompt_of(0)).release()
    assert llama.stats().sessions == before


def test_threads_on_many_sessions_get_what_each_would_get_alone(folder: Path) -> None:
    llama = Llama(folder, device="cpu", progress=False, cache_bytes=3 * bytes_of_one(folder))
    alone = Llama(folder, device="cpu", progress=False)
    expected = {n: alone.complete(prompt_of(n), session=str(n), sampling=SHORT).ids for n in range(8)}

    def ask(job: int) -> bool:
        n = job % 8
        return llama.complete(prompt_of(n), session=str(n), sampling=SHORT).ids == expected[n]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(64)))
    stats = llama.stats()
    assert stats.requests == 64
    assert stats.prompt_tokens == stats.cached_tokens + stats.computed_tokens == 64 * 62


def test_threads_on_one_session_take_turns(llama: Llama) -> None:
    expected = {n: llama.complete(prompt_of(n), session=str(n), sampling=SHORT).ids for n in range(4)}
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(
            lambda job: (job % 4, llama.complete(prompt_of(job % 4), sampling=SHORT).ids), range(16)
        )
        assert all(ids == expected[n] for n, ids in answers)


def test_waiting_for_a_session_can_be_cancelled(llama: Llama) -> None:
    entered, leave, cancel = threading.Event(), threading.Event(), threading.Event()

    def hold(_token: int) -> None:
        entered.set()
        leave.wait(10)

    with ThreadPoolExecutor(2) as pool:
        holder = pool.submit(llama.complete, prompt_of(0), sampling=SHORT, on_token=hold)
        entered.wait(10)
        waiter = pool.submit(llama.complete, prompt_of(1), cancel=cancel)
        cancel.set()
        assert waiter.result(10).finish == "cancelled"
        # Another session is not held up by one whose caller is slow.
        assert llama.complete(prompt_of(2), session="other", sampling=SHORT).ids
        leave.set()
        assert holder.result(10).ids


def test_releasing_a_session_in_use_drops_it_afterwards(llama: Llama) -> None:
    answer = llama.complete(prompt_of(0), sampling=SHORT, on_token=lambda _: llama.release("default"))
    assert answer.generated_tokens > 0
    assert llama.stats().sessions == 0
