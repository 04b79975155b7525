"""Fixtures: a clock that stands still, and breakers that run on it without chance."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from blockbuster import blockbuster_ctx

from langchain_nvgateway.breaker import CircuitBreaker, Permit
from langchain_nvgateway.errors import CircuitOpenError

NewBreaker = Callable[..., CircuitBreaker]

FAILURE = ConnectionError("nobody is there")


class Clock:
    """Monotonic time that a test moves."""

    def __init__(self) -> None:
        self.now = 1024.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


def fail(breaker: CircuitBreaker, times: int = 1, **said: Any) -> None:
    """Make calls that fail."""
    for _ in range(times):
        breaker.acquire().failure(FAILURE, **said)


def succeed(breaker: CircuitBreaker, times: int = 1) -> None:
    """Make calls that succeed."""
    for _ in range(times):
        breaker.acquire().success()


def refusal(breaker: CircuitBreaker) -> CircuitOpenError:
    """Return the error that a call meets."""
    with pytest.raises(CircuitOpenError) as caught:
        breaker.acquire()
    return caught.value


def probe(breaker: CircuitBreaker, clock: Clock) -> Permit:
    """Wait until the open time is over, and let a probe go out."""
    clock.advance(breaker.snapshot().retry_after or 0.0)
    return breaker.acquire()


@pytest.fixture(autouse=True, scope="session")
def no_blocking_calls_in_event_loops() -> Iterator[None]:
    """Make each blocking call of the package in an event loop an error, as LangGraph's server does."""
    with blockbuster_ctx("langchain_nvgateway"):
        yield


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def new_breaker(clock: Clock) -> NewBreaker:
    """Build breakers on the clock, without jitter."""
    return functools.partial(CircuitBreaker, "nvidia-nim:fake-model", jitter=0.0, clock=clock)


@pytest.fixture
def breaker(new_breaker: NewBreaker) -> CircuitBreaker:
    """A closed breaker with the default settings."""
    return new_breaker()


@pytest.fixture
def open_breaker(breaker: CircuitBreaker) -> CircuitBreaker:
    """One that has just opened for 180 s."""
    fail(breaker, 2)
    return breaker
