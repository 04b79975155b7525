"""Rule 2: one refresh at a time, for any mix of threads, tasks and event loops, and no waiter owns it."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from langchain_nvgateway.errors import StarfleetUnavailableError
from langchain_nvgateway.starfleet import StarfleetTokenProvider

from .token_server import PATIENCE, Clocks, TokenServer, elapsed_since


def ask_in_threads(provider: StarfleetTokenProvider, count: int, found: list[str]) -> list[threading.Thread]:
    """Start threads that each ask once."""
    threads = [threading.Thread(target=lambda: found.append(provider.get_token())) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def ask_in_loop(provider: StarfleetTokenProvider, count: int, found: list[str]) -> threading.Thread:
    """Start a thread with an event loop of its own in which tasks each ask once."""

    async def ask_all() -> None:
        found.extend(await asyncio.gather(*(provider.aget_token() for _ in range(count))))

    thread = threading.Thread(target=lambda: asyncio.run(ask_all()))
    thread.start()
    return thread


def test_two_hundred_threads_and_three_loops_make_one_request(
    provider: StarfleetTokenProvider, server: TokenServer
) -> None:
    """All start from cold while the first request stands at the endpoint."""
    gate, found = server.gate(), []  # type: ignore[var-annotated]

    threads = ask_in_threads(provider, 200, found)
    threads += [ask_in_loop(provider, 50, found) for _ in range(3)]
    gate.wait_for_request()
    gate.open()
    for thread in threads:
        thread.join(PATIENCE)

    assert found == ["fake-token-1"] * 350
    assert len(server.requests) == 1


def test_expired_token_is_replaced_once(provider: StarfleetTokenProvider, server: TokenServer, clocks: Clocks) -> None:
    """The same holds when an old token is there."""
    provider.get_token()
    clocks.at(895.0)
    gate, found = server.gate(), []  # type: ignore[var-annotated]

    threads = [*ask_in_threads(provider, 20, found), ask_in_loop(provider, 20, found)]
    gate.wait_for_request()
    gate.open()
    for thread in threads:
        thread.join(PATIENCE)

    assert found == ["fake-token-2"] * 40
    assert len(server.requests) == 2


def test_event_loop_goes_on_while_tasks_wait(provider: StarfleetTokenProvider, server: TokenServer) -> None:
    """Another task of the same loop is what lets the token out."""
    gate = server.gate()

    async def wait_and_work() -> str:
        waiting = asyncio.create_task(provider.aget_token())
        await asyncio.sleep(0)
        gate.open()
        return await waiting

    assert asyncio.run(wait_and_work()) == "fake-token-1"


def test_waiting_tasks_need_no_executor(provider: StarfleetTokenProvider, server: TokenServer) -> None:
    """With every thread of the loop's executor blocked, tasks get their token all the same."""
    free = threading.Event()

    async def ask_with_blocked_executor() -> list[str]:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(2))
        blocked = [loop.run_in_executor(None, free.wait, PATIENCE) for _ in range(2)]
        try:
            return await asyncio.gather(*(provider.aget_token() for _ in range(10)))
        finally:
            free.set()
            await asyncio.gather(*blocked)

    assert asyncio.run(ask_with_blocked_executor()) == ["fake-token-1"] * 10
    assert len(server.requests) == 1


@pytest.mark.parametrize("cancelled", [0, 1, 2])
def test_cancelled_waiter_harms_nobody(provider: StarfleetTokenProvider, server: TokenServer, cancelled: int) -> None:
    """Neither the first, who started the refresh, nor a later one."""
    gate = server.gate()

    async def cancel_one() -> list[str | BaseException]:
        tasks = [asyncio.create_task(provider.aget_token()) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[cancelled].cancel()
        await asyncio.sleep(0)
        gate.open()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(cancel_one())

    assert isinstance(found.pop(cancelled), asyncio.CancelledError)
    assert found == ["fake-token-1"] * 2
    assert len(server.requests) == 1


def test_refresh_goes_on_when_all_waiters_are_cancelled(provider: StarfleetTokenProvider, server: TokenServer) -> None:
    """The next caller finds it under way, or its token."""
    gate = server.gate()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(provider.aget_token(), 0.01)

    asyncio.run(give_up())
    gate.open()

    assert provider.get_token() == "fake-token-1"
    assert len(server.requests) == 1


def test_closed_event_loop_harms_nobody(
    provider: StarfleetTokenProvider, server: TokenServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A waiter whose loop was closed under it is forgotten in silence."""
    gate = server.gate()
    loop = asyncio.new_event_loop()
    task = loop.create_task(provider.aget_token())
    loop.run_until_complete(asyncio.sleep(0))
    gate.wait_for_request()
    loop.close()
    gate.open()

    assert provider.get_token() == "fake-token-1"
    assert not caplog.records
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # This is what the test is about.
    task.get_coro().close()  # type: ignore[union-attr]
    del task
    gc.collect()


def test_two_event_loops_one_after_the_other(provider: StarfleetTokenProvider, clocks: Clocks) -> None:
    """Nothing in a provider belongs to the loop that used it first."""
    assert asyncio.run(provider.aget_token()) == "fake-token-1"
    clocks.at(895.0)
    assert asyncio.run(provider.aget_token()) == "fake-token-2"


def test_waiters_are_not_held_longer_than_the_timeout_and_a_second(
    new_provider: Callable[..., StarfleetTokenProvider],
) -> None:
    """Not even by something that knows no timeout, like a name lookup or a secret's function."""
    free = threading.Event()

    def hanging_secret() -> str:
        free.wait(PATIENCE)
        return "fake-secret"

    provider = new_provider(client_secret=hanging_secret, timeout=0.2, real_time=True)
    start = time.monotonic()
    try:
        with pytest.raises(StarfleetUnavailableError, match="is not done after"):
            provider.get_token()
        with pytest.raises(StarfleetUnavailableError, match="is not done after"):
            asyncio.run(provider.aget_token())
    finally:
        free.set()

    assert elapsed_since(start) < 5


def test_refresh_that_cannot_start_is_a_typed_failure(
    provider: StarfleetTokenProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interpreter that shuts down gives no new threads."""

    def refuse(_: threading.Thread) -> None:
        msg = "can't create new thread at interpreter shutdown"
        raise RuntimeError(msg)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(StarfleetUnavailableError, match="no thread can be started"):
            provider.get_token()


def test_caller_with_little_time_leaves_the_refresh_to_the_others(
    provider: StarfleetTokenProvider, server: TokenServer
) -> None:
    """Who gives up after `longest_wait` disturbs nobody: the one request goes on and serves the next caller."""
    gate = server.gate()
    with pytest.raises(StarfleetUnavailableError, match="is not done after"):
        provider.get_token(longest_wait=0.05)
    with pytest.raises(StarfleetUnavailableError, match="is not done after"):
        asyncio.run(provider.aget_token(longest_wait=0.05))
    gate.wait_for_request()
    gate.open()

    assert provider.get_token() == "fake-token-1"
    assert len(server.requests) == 1
