"""When a closed circuit opens: failures in a row, and the failure rate of the sliding window."""

from __future__ import annotations

import tracemalloc

import pytest

from langchain_nvgateway.breaker import BreakerState, CircuitBreaker, counts

from .conftest import Clock, NewBreaker, fail, refusal, succeed


def test_new_breaker_is_closed(breaker: CircuitBreaker) -> None:
    """It knows nothing bad."""
    snapshot = breaker.snapshot()

    assert breaker.state is snapshot.state is BreakerState.CLOSED
    assert (snapshot.name, snapshot.consecutive_failures, snapshot.failure_rate) == ("nvidia-nim:fake-model", 0, None)
    assert (snapshot.retry_after, snapshot.reopenings) == (None, 0)


@pytest.mark.parametrize("threshold", [1, 2, 5])
def test_failures_in_a_row_open_at_the_threshold(new_breaker: NewBreaker, threshold: int) -> None:
    """Not one earlier."""
    breaker = new_breaker(failure_threshold=threshold)

    fail(breaker, threshold - 1)
    assert breaker.state is BreakerState.CLOSED
    fail(breaker)

    assert breaker.state is BreakerState.OPEN
    assert breaker.snapshot().consecutive_failures == threshold


def test_success_ends_a_row(breaker: CircuitBreaker) -> None:
    """One failure, one success, one failure are no row of two."""
    fail(breaker)
    succeed(breaker)
    fail(breaker)

    assert breaker.state is BreakerState.CLOSED
    assert breaker.snapshot().consecutive_failures == 1


def test_row_has_no_end_in_time(breaker: CircuitBreaker, clock: Clock) -> None:
    """Two failures in a row are two, whatever lies between them."""
    fail(breaker)
    clock.advance(1e6)
    fail(breaker)

    assert breaker.state is BreakerState.OPEN


def test_neutral_call_neither_ends_nor_lengthens_a_row(breaker: CircuitBreaker) -> None:
    """It says nothing about the endpoint."""
    fail(breaker)
    breaker.acquire().neutral()
    assert breaker.snapshot().consecutive_failures == 1
    fail(breaker)

    assert breaker.state is BreakerState.OPEN


def test_refusal_names_the_breaker_and_the_wait(open_breaker: CircuitBreaker) -> None:
    """As data, and in words."""
    error = refusal(open_breaker)

    assert (error.name, error.retry_after) == ("nvidia-nim:fake-model", 180.0)
    assert "nvidia-nim:fake-model" in str(error)
    assert "180 s" in str(error)


def test_rate_opens_at_exactly_the_rate(new_breaker: NewBreaker) -> None:
    """14 good and 6 bad calls are a rate of 0.3."""
    breaker = new_breaker(failure_threshold=100, failure_rate=0.3)
    succeed(breaker, 14)
    fail(breaker, 5)
    assert breaker.state is BreakerState.CLOSED

    fail(breaker)

    assert breaker.state is BreakerState.OPEN
    assert breaker.snapshot().failure_rate == 0.3


def test_rate_just_below_does_not_open(new_breaker: NewBreaker) -> None:
    """49 of 100."""
    breaker = new_breaker(failure_threshold=100)
    succeed(breaker, 51)
    fail(breaker, 49)

    assert breaker.state is BreakerState.CLOSED
    assert breaker.snapshot().failure_rate == 0.49


def test_rate_counts_from_the_minimum_of_calls(new_breaker: NewBreaker) -> None:
    """19 failures are too few to say."""
    breaker = new_breaker(failure_threshold=100)
    fail(breaker, 19)
    assert (breaker.state, breaker.snapshot().failure_rate) == (BreakerState.CLOSED, None)

    fail(breaker)

    assert breaker.state is BreakerState.OPEN


def test_success_that_makes_the_minimum_opens(new_breaker: NewBreaker) -> None:
    """The rate counts once there are 20 calls, whatever the twentieth is."""
    breaker = new_breaker(failure_threshold=100)
    fail(breaker, 10)
    succeed(breaker, 9)
    assert breaker.state is BreakerState.CLOSED

    succeed(breaker)

    assert breaker.state is BreakerState.OPEN


def test_neutral_calls_are_not_in_the_window(new_breaker: NewBreaker) -> None:
    """They are no calls that say anything."""
    breaker = new_breaker(failure_threshold=100)
    fail(breaker, 19)
    for _ in range(100):
        breaker.acquire().neutral()

    assert breaker.snapshot().failure_rate is None


@pytest.mark.parametrize(("seconds", "state"), [(59.5, BreakerState.OPEN), (60.0, BreakerState.CLOSED)])
def test_calls_leave_the_window_when_they_are_a_window_old(
    new_breaker: NewBreaker, clock: Clock, seconds: float, state: BreakerState
) -> None:
    """At exactly its length."""
    breaker = new_breaker(failure_threshold=100)
    fail(breaker, 10)
    clock.advance(seconds)
    fail(breaker, 10)

    assert breaker.state is state


def test_window_slides(new_breaker: NewBreaker, clock: Clock) -> None:
    """One call each second: the window holds the last 60, of which the oldest leaves first."""
    breaker = new_breaker(failure_threshold=1000, failure_rate=1.0)
    succeed(breaker)
    for _ in range(59):
        clock.advance(1.0)
        fail(breaker)
    assert breaker.snapshot().failure_rate == 59 / 60

    clock.advance(1.0)
    assert breaker.snapshot().failure_rate == 1.0


@pytest.mark.parametrize("seconds", [30.0, 59.75], ids=["in another part", "in the same part of the window"])
def test_old_successes_that_leave_raise_the_rate(new_breaker: NewBreaker, clock: Clock, seconds: float) -> None:
    """What counts is the window at the time of the verdict, here of a success."""
    breaker = new_breaker(failure_threshold=100)
    succeed(breaker, 20)
    clock.advance(seconds)
    succeed(breaker, 9)
    fail(breaker, 10)
    assert breaker.state is BreakerState.CLOSED

    clock.advance(60.0 - seconds)
    succeed(breaker)

    assert breaker.state is BreakerState.OPEN
    assert breaker.snapshot().failure_rate == 0.5


def test_busy_window_takes_no_more_memory_than_a_quiet_one(new_breaker: NewBreaker, clock: Clock) -> None:
    """A hundred thousand calls, ten windows long, are held in 121 buckets at most."""
    breaker = new_breaker()
    succeed(breaker)
    tracemalloc.start()
    try:
        for _ in range(100_000):
            clock.advance(0.006)
            breaker.acquire().success()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(breaker._counts._buckets) <= counts.BUCKETS + 1
    assert held < 50_000


def test_busy_window_is_off_by_one_part_at_most(new_breaker: NewBreaker, clock: Clock) -> None:
    """Calls that share a part of the window leave it together."""
    breaker = new_breaker()
    for _ in range(100_000):
        clock.advance(0.01)
        breaker.acquire().success()

    assert breaker._counts.calls == pytest.approx(6000, abs=50)


def test_totals_are_always_the_sum_of_the_buckets(new_breaker: NewBreaker, clock: Clock) -> None:
    """Whatever has been forgotten."""
    breaker = new_breaker(failure_threshold=10**6, minimum_calls=10**6)
    for number in range(10_000):
        clock.advance(0.07 if number % 100 else 31.0)
        (fail if number % 3 else succeed)(breaker)
        held = breaker._counts
        assert held.calls == sum(bucket.calls for bucket in held._buckets)
        assert held.failures == sum(bucket.failures for bucket in held._buckets)


def test_opening_forgets_nothing_that_a_snapshot_shows(new_breaker: NewBreaker) -> None:
    """The rate that opened it can be read while it is open."""
    breaker = new_breaker(failure_threshold=20)
    fail(breaker, 20)

    snapshot = breaker.snapshot()
    assert (snapshot.state, snapshot.failure_rate, snapshot.consecutive_failures) == (BreakerState.OPEN, 1.0, 20)


def test_reset_forgets_rows_and_rates(new_breaker: NewBreaker) -> None:
    """It is as if it were new."""
    breaker = new_breaker(failure_threshold=20)
    fail(breaker, 19)

    breaker.reset()
    fail(breaker)

    snapshot = breaker.snapshot()
    assert (snapshot.state, snapshot.consecutive_failures, snapshot.failure_rate) == (BreakerState.CLOSED, 1, None)
