"""One timer for many waits does what a timer for each would."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from langchain_nvgateway.pauses import Pauses

SOON = 0.02
LONG = 60.0


def run(waiting: Coroutine[Any, Any, Any]) -> None:
    asyncio.run(waiting)


async def never() -> None:
    await asyncio.Event().wait()


async def given(value: str, *, after: float = 0.0) -> str:
    await asyncio.sleep(after)
    return value


def test_what_comes_in_time_is_returned() -> None:
    """Waits that follow one another return what they waited for."""

    async def waiting() -> None:
        async with Pauses() as pauses:
            assert [await pauses.wait(given(value), LONG) for value in "abc"] == ["a", "b", "c"]

    run(waiting())


@pytest.mark.parametrize("before", [[], [LONG], [SOON * 50, LONG]])
def test_a_wait_that_lasts_too_long_is_ended(before: list[float]) -> None:
    """The limit is that of the wait, whatever those before it were."""
    ended: list[str] = []

    async def noting() -> None:
        try:
            await never()
        finally:
            ended.append("ended")

    async def waiting() -> None:
        async with Pauses() as pauses:
            for seconds in before:
                await pauses.wait(given("a"), seconds)
            with pytest.raises(TimeoutError):
                await pauses.wait(noting(), SOON)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    run(waiting())
    assert ended == ["ended"]


def test_time_between_two_waits_does_not_count() -> None:
    """What the reader of a stream does with a chunk may take longer than the next chunk may."""

    async def waiting() -> None:
        async with Pauses() as pauses:
            await pauses.wait(given("a"), SOON)
            await asyncio.sleep(3 * SOON)
            assert await pauses.wait(given("b"), LONG) == "b"
            with pytest.raises(TimeoutError):
                await pauses.wait(never(), SOON)

    run(waiting())


def test_a_longer_limit_holds_after_a_shorter_one() -> None:
    """The timer of a wait that is over does not end the next one."""

    async def waiting() -> None:
        async with Pauses() as pauses:
            await pauses.wait(given("a"), SOON)
            assert await pauses.wait(given("b", after=3 * SOON), LONG) == "b"

    run(waiting())


def test_a_task_that_is_cancelled_ends_as_cancelled() -> None:
    """Only the own limit is a `TimeoutError`."""

    async def waiting() -> None:
        async with Pauses() as pauses:
            await pauses.wait(never(), LONG)

    async def cancelling() -> None:
        task = asyncio.ensure_future(waiting())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(cancelling())


def test_a_limit_around_it_holds() -> None:
    """`asyncio.timeout` around the waits sees its own end."""

    async def waiting() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SOON), Pauses() as pauses:
                await pauses.wait(never(), LONG)

    run(waiting())


def test_an_error_of_what_is_awaited_is_passed_on() -> None:
    """What is ended may say so in an error of its own, and the task goes on."""

    async def failing() -> None:
        try:
            await never()
        except asyncio.CancelledError:
            msg = "ended"
            raise ValueError(msg) from None

    async def waiting() -> None:
        async with Pauses() as pauses:
            with pytest.raises(ValueError, match="ended"):
                await pauses.wait(failing(), SOON)
            assert await pauses.wait(given("b"), LONG) == "b"

    run(waiting())


def test_no_timer_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that is over leaves nothing in the event loop."""
    timers: list[asyncio.TimerHandle] = []

    async def waiting() -> None:
        loop = asyncio.get_running_loop()
        call_at = loop.call_at

        def noting(*args: Any, **kwargs: Any) -> asyncio.TimerHandle:
            timers.append(call_at(*args, **kwargs))
            return timers[-1]

        monkeypatch.setattr(loop, "call_at", noting)
        async with Pauses() as pauses:
            for _ in range(3):
                await pauses.wait(given("a"), LONG)
        assert [timer.cancelled() for timer in timers if timer.when() > loop.time() + SOON] == [True]

    run(waiting())
