"""Which verdict counts, and what an error says."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import Any

import httpx
import langgraph.errors
import pytest
from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelRateLimitError,
    ModelTimeoutError,
    OutputParserException,
)

from langchain_nvgateway.breaker import BreakerState, CircuitBreaker, Opening, Permit, opening_of
from langchain_nvgateway.errors import (
    CircuitOpenError,
    ContentFilteredError,
    StarfleetUnavailableError,
    StreamInterruptedError,
)

from .conftest import FAILURE, Clock, NewBreaker, fail, probe

NEUTRAL = [
    asyncio.CancelledError(),
    concurrent.futures.CancelledError(),
    KeyboardInterrupt(),
    GeneratorExit(),
    SystemExit(),
    langgraph.errors.GraphInterrupt(),
    langgraph.errors.GraphBubbleUp(),
    ModelInvalidRequestError("400"),
    ContextOverflowError("too long"),
    ContentFilteredError("filtered"),
    TypeError(),
    AttributeError(),
    NameError(),
    UnboundLocalError(),
    AssertionError(),
    CircuitOpenError("another circuit is open"),
    ExceptionGroup("two", [TypeError(), ModelInvalidRequestError("400")]),
    BaseExceptionGroup("two", [KeyboardInterrupt(), ValueError()]),
]

FAILURES: list[tuple[BaseException, Opening]] = [
    (ConnectionError(), "at-threshold"),
    (TimeoutError(), "at-threshold"),
    (httpx.ReadTimeout("slow"), "at-threshold"),
    (ValueError(), "at-threshold"),
    (OutputParserException("not JSON"), "at-threshold"),
    (ModelAPIError("500"), "at-threshold"),
    (ModelTimeoutError("408"), "at-threshold"),
    (StreamInterruptedError("cut"), "at-threshold"),
    (StarfleetUnavailableError("503", status_code=503), "at-threshold"),
    (ModelAPIError("500 in a group"), "at-threshold"),
    (ExceptionGroup("two", [TypeError(), TimeoutError()]), "at-threshold"),
    (ExceptionGroup("one", [ModelRateLimitError("429")]), "at-threshold"),
    (ModelRateLimitError("429"), "at-once"),
    (ModelAPIError("429"), "at-threshold"),
    (StreamInterruptedError("429", status_code=429), "at-once"),
    (ModelNotFoundError("404"), "for-maximum"),
    (StreamInterruptedError("410", status_code=410), "for-maximum"),
]

VERDICTS: list[Callable[[Permit], None]] = [
    Permit.success,
    lambda permit: permit.failure(FAILURE, opens="at-once"),
    Permit.neutral,
]


@pytest.mark.parametrize("error", NEUTRAL, ids=repr)
def test_errors_that_say_nothing_about_the_endpoint(breaker: CircuitBreaker, error: BaseException) -> None:
    """Given as a failure they are neutral all the same."""
    assert opening_of(error) is None

    for _ in range(5):
        breaker.acquire().failure(error)
    assert breaker.snapshot().consecutive_failures == 0


@pytest.mark.parametrize(("error", "opening"), FAILURES, ids=repr)
def test_errors_that_are_failures(error: BaseException, opening: Opening) -> None:
    """And what they do to a closed circuit."""
    assert opening_of(error) == opening


def test_namesake_of_langgraphs_control_flow_is_a_failure() -> None:
    """Only LangGraph's own is control flow."""
    assert opening_of(type("GraphBubbleUp", (Exception,), {})()) == "at-threshold"


@pytest.mark.parametrize("later", VERDICTS)
@pytest.mark.parametrize("first", [0, 1, 2])
def test_first_verdict_wins(
    open_breaker: CircuitBreaker, clock: Clock, first: int, later: Callable[[Permit], None]
) -> None:
    """Whatever is said afterwards, by a probe too."""
    permit = probe(open_breaker, clock)
    VERDICTS[first](permit)
    expected = [BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN][first]
    assert open_breaker.state is expected

    later(permit)

    assert open_breaker.state is expected


def test_verdict_counts_once(breaker: CircuitBreaker) -> None:
    """The same failure said twice is one."""
    permit = breaker.acquire()
    permit.failure(FAILURE)
    permit.failure(FAILURE)

    assert breaker.snapshot().consecutive_failures == 1


@pytest.mark.parametrize("verdict", VERDICTS)
def test_call_that_began_before_the_opening_no_longer_counts(
    breaker: CircuitBreaker, clock: Clock, verdict: Callable[[Permit], None]
) -> None:
    """Not while it is open, not while it is half-open, and not when it has closed again."""
    late = [breaker.acquire() for _ in range(3)]
    fail(breaker, 2)
    before = breaker.snapshot()
    verdict(late[0])
    assert breaker.snapshot() == before

    permit = probe(breaker, clock)
    before = breaker.snapshot()
    verdict(late[1])
    assert breaker.snapshot() == before

    permit.success()
    before = breaker.snapshot()
    verdict(late[2])
    assert breaker.snapshot() == before


def test_call_that_began_before_a_reset_no_longer_counts(breaker: CircuitBreaker) -> None:
    """It belongs to what was forgotten."""
    late = breaker.acquire()
    breaker.reset()
    late.failure(FAILURE)

    assert breaker.snapshot().consecutive_failures == 0


def test_permit_of_a_closed_circuit_may_be_dropped(breaker: CircuitBreaker) -> None:
    """That is neutral."""
    breaker.acquire()
    fail(breaker)
    breaker.acquire()

    assert breaker.snapshot().consecutive_failures == 1


@pytest.mark.parametrize("error", [None, "it failed", ConnectionError])
def test_verdict_failure_with_something_that_is_no_error_is_a_failure(breaker: CircuitBreaker, error: Any) -> None:
    """Types are not checked at run time, and what somebody calls a failure must not pass for nothing."""
    breaker.acquire().failure(error)

    assert breaker.snapshot().consecutive_failures == 1


def test_retries_after_of_threads_do_not_leak_between_breakers(new_breaker: NewBreaker) -> None:
    """Two breakers know nothing of each other."""
    first, second = new_breaker(), new_breaker()
    fail(first, 2)

    assert (first.state, second.state) == (BreakerState.OPEN, BreakerState.CLOSED)
