"""`with` and `async with`: the verdict that a block gives by how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from langchain_nvgateway.breaker import BreakerState, CircuitBreaker, Permit
from langchain_nvgateway.errors import CircuitOpenError

from .conftest import FAILURE, Clock, fail
from .test_open_period import StatusError
from .test_verdicts import NEUTRAL

Block = Callable[[Permit], None]
Run = Callable[[CircuitBreaker, Block], Awaitable[None]]


async def _run_sync(breaker: CircuitBreaker, block: Block) -> None:
    with breaker.guard() as permit:
        block(permit)


async def _run_async(breaker: CircuitBreaker, block: Block) -> None:
    async with breaker.guard() as permit:
        block(permit)


@pytest.fixture(params=[_run_sync, _run_async], ids=["with", "async with"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a block under a guard."""
    found: Run = request.param
    return found


def raising(error: BaseException) -> Block:
    """A block that ends so."""

    def block(permit: Permit) -> None:
        raise error

    return block


async def test_block_without_error_is_a_success(run: Run, breaker: CircuitBreaker) -> None:
    """It ends a row."""
    fail(breaker)
    await run(breaker, lambda permit: None)

    assert breaker.snapshot().consecutive_failures == 0


async def test_error_is_a_failure_and_passes(run: Run, breaker: CircuitBreaker) -> None:
    """As it is."""
    for _ in range(2):
        with pytest.raises(ConnectionError) as caught:
            await run(breaker, raising(FAILURE))
        assert caught.value is FAILURE

    assert breaker.state is BreakerState.OPEN


# `GeneratorExit` and `SystemExit` that a task raises stop the event loop of the tests; see below for streams.
@pytest.mark.parametrize("error", [error for error in NEUTRAL if isinstance(error, Exception)], ids=repr)
async def test_neutral_error_passes_and_counts_nothing(run: Run, breaker: CircuitBreaker, error: BaseException) -> None:
    """Neither as failure nor as success."""
    fail(breaker)
    with pytest.raises(type(error)):
        await run(breaker, raising(error))

    assert breaker.snapshot().consecutive_failures == 1


@pytest.mark.parametrize("error", [error for error in NEUTRAL if not isinstance(error, Exception)], ids=repr)
def test_interruption_passes_and_counts_nothing(breaker: CircuitBreaker, error: BaseException) -> None:
    """Cancellation, `KeyboardInterrupt`, `GeneratorExit`, `SystemExit`."""
    fail(breaker)
    with pytest.raises(type(error)), breaker.guard():
        raise error

    assert breaker.snapshot().consecutive_failures == 1


async def test_rate_limit_opens_for_what_the_error_knows(run: Run, breaker: CircuitBreaker) -> None:
    """At once."""
    with pytest.raises(StatusError):
        await run(breaker, raising(StatusError(429, 5)))

    assert breaker.snapshot().retry_after == 5.0


async def test_given_verdict_wins_over_the_end_of_the_block(run: Run, breaker: CircuitBreaker) -> None:
    """Whichever way the block ends."""
    await run(breaker, lambda permit: permit.failure(FAILURE))
    assert breaker.snapshot().consecutive_failures == 1

    def neutral_then_error(permit: Permit) -> None:
        permit.neutral()
        raise FAILURE

    with pytest.raises(ConnectionError):
        await run(breaker, neutral_then_error)
    assert breaker.snapshot().consecutive_failures == 1


async def test_open_circuit_keeps_the_block_from_running(run: Run, open_breaker: CircuitBreaker) -> None:
    """It raises on entering."""
    ran: list[Permit] = []
    with pytest.raises(CircuitOpenError):
        await run(open_breaker, ran.append)

    assert not ran


async def test_permit_is_taken_on_entering(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """Not when the guard is made."""
    guard = open_breaker.guard()
    clock.advance(180.0)
    with guard:
        assert open_breaker.snapshot().retry_after == 300.0

    assert open_breaker.state is BreakerState.CLOSED


async def test_cancelled_probe_lets_another_go_out(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """Cancellation says nothing about the endpoint."""
    clock.advance(180.0)
    entered = asyncio.Event()

    async def call() -> None:
        async with open_breaker.guard():
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await entered.wait()
    with pytest.raises(CircuitOpenError):
        open_breaker.acquire()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert open_breaker.state is BreakerState.HALF_OPEN
    open_breaker.acquire().success()
    assert open_breaker.state is BreakerState.CLOSED


async def test_timeout_of_a_call_is_a_failure(breaker: CircuitBreaker) -> None:
    """Though asyncio makes it out of a cancellation: outside of the block that it cut, it is a `TimeoutError`."""

    async def call() -> None:
        async with breaker.guard(), asyncio.timeout(0):
            await asyncio.Event().wait()

    for _ in range(2):
        with pytest.raises(TimeoutError):
            await call()

    assert breaker.state is BreakerState.OPEN


def test_stream_that_is_closed_returns_its_probe(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """By its reader, before it said how it went."""
    clock.advance(180.0)

    def stream() -> Iterator[int]:
        with open_breaker.guard():
            yield 1

    reading = stream()
    next(reading)
    with pytest.raises(CircuitOpenError):
        open_breaker.acquire()
    reading.close()  # type: ignore[attr-defined]

    assert open_breaker.snapshot().retry_after is None


async def test_async_stream_that_is_closed_returns_its_probe(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """As the other does."""
    clock.advance(180.0)

    async def stream() -> AsyncIterator[int]:
        async with open_breaker.guard():
            yield 1

    reading = stream()
    await anext(reading)
    await reading.aclose()  # type: ignore[attr-defined]

    assert open_breaker.snapshot().retry_after is None
    assert open_breaker.state is BreakerState.HALF_OPEN
