"""A listener hears each transition once, in order, and outside of the lock."""

from __future__ import annotations

import logging
import threading

import pytest

from langchain_nvgateway.breaker import BreakerState, CircuitBreaker, Transition

from .conftest import FAILURE, Clock, NewBreaker, fail, probe
from .test_open_period import StatusError

NAME = "nvidia-nim:fake-model"
CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


@pytest.fixture
def heard() -> list[Transition]:
    """What the listener heard."""
    return []


@pytest.fixture
def breaker(new_breaker: NewBreaker, heard: list[Transition]) -> CircuitBreaker:
    """A breaker with a listener."""
    return new_breaker(on_transition=heard.append)


def test_full_round_is_heard(breaker: CircuitBreaker, clock: Clock, heard: list[Transition]) -> None:
    """With reasons, and how long it opened for."""
    fail(breaker, 2)
    probe(breaker, clock).failure(FAILURE)
    probe(breaker, clock).success()

    assert heard == [
        Transition(NAME, CLOSED, OPEN, "failures-in-a-row", 180.0),
        Transition(NAME, OPEN, HALF_OPEN, "open-time-over", None),
        Transition(NAME, HALF_OPEN, OPEN, "probe-failed", 360.0),
        Transition(NAME, OPEN, HALF_OPEN, "open-time-over", None),
        Transition(NAME, HALF_OPEN, CLOSED, "probes-succeeded", None),
    ]


def test_other_reasons_are_heard(breaker: CircuitBreaker, clock: Clock, heard: list[Transition]) -> None:
    """By hand, by rate, by a single failure."""
    breaker.force_open()
    breaker.reset()
    breaker.acquire().failure(StatusError(429, 5))
    breaker.reset()
    breaker.acquire().failure(StatusError(404))
    breaker.reset()
    for _ in range(10):
        breaker.acquire().success()
        breaker.acquire().failure(FAILURE)

    assert [(transition.reason, transition.retry_after) for transition in heard] == [
        ("forced", 180.0),
        ("reset", None),
        ("failure-at-once", 5.0),
        ("reset", None),
        ("failure-for-maximum", 1800.0),
        ("reset", None),
        ("failure-rate", 180.0),
    ]


def test_nothing_is_heard_where_nothing_changes(breaker: CircuitBreaker, clock: Clock, heard: list[Transition]) -> None:
    """Calls, neutral probes, a second opening by hand, a reset of a closed circuit."""
    breaker.reset()
    breaker.acquire().success()
    breaker.force_open()
    breaker.force_open()
    probe(breaker, clock).neutral()
    breaker.acquire().neutral()

    assert [transition.after for transition in heard] == [OPEN, HALF_OPEN]


def test_listener_that_fails_breaks_nothing(new_breaker: NewBreaker, caplog: pytest.LogCaptureFixture) -> None:
    """What it raises is logged."""

    def listener(transition: Transition) -> None:
        raise ValueError("the listener is broken")

    breaker = new_breaker(on_transition=listener)
    with caplog.at_level(logging.WARNING, logger="langchain_nvgateway"):
        fail(breaker, 2)

    assert breaker.state is OPEN
    assert "the listener is broken" in caplog.text


def test_listener_may_use_the_breaker(new_breaker: NewBreaker) -> None:
    """What it causes is heard after what caused it; another thread finds the lock free meanwhile."""
    heard: list[Transition] = []
    found: list[BreakerState] = []

    def listener(transition: Transition) -> None:
        heard.append(transition)
        if transition.after is OPEN:
            other = threading.Thread(target=lambda: found.append(used.snapshot().state))
            other.start()
            other.join()
            used.reset()
        heard.append(transition)

    used = new_breaker(on_transition=listener)
    fail(used, 2)

    assert [transition.after for transition in heard] == [OPEN, OPEN, CLOSED, CLOSED]
    assert found == [OPEN]
    assert used.state is CLOSED


def test_threads_are_heard_in_the_order_of_the_transitions(new_breaker: NewBreaker) -> None:
    """Each transition begins where the one before it ended, and none is missing."""
    heard: list[Transition] = []
    breaker = new_breaker(on_transition=heard.append)

    def open_and_reset() -> None:
        for _ in range(500):
            breaker.force_open()
            breaker.reset()

    threads = [threading.Thread(target=open_and_reset) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    states = [CLOSED, *(transition.after for transition in heard)]
    assert [transition.before for transition in heard] == states[:-1]
    assert heard[-1].after is CLOSED
    assert not breaker._announcer._noted
