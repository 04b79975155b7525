"""How long a circuit stays open: growth, maximum, jitter, and what the service asks for."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_nvgateway.breaker import BreakerState, CircuitBreaker

from .conftest import FAILURE, Clock, NewBreaker, fail, probe, refusal, succeed


class StatusError(Exception):
    """An answer with an error status."""

    def __init__(self, status_code: int, retry_after: object = None) -> None:
        super().__init__(status_code)
        self.status_code = status_code
        self.retry_after = retry_after


def opened_for(breaker: CircuitBreaker) -> float:
    """Return the seconds that a breaker that has just opened stays open."""
    assert breaker.state is BreakerState.OPEN
    retry_after = breaker.snapshot().retry_after
    assert retry_after is not None
    return retry_after


def test_probe_is_admitted_at_exactly_the_end(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """And not the last bit of a float earlier."""
    opened_at = clock.now
    clock.now = math.nextafter(opened_at + 180.0, 0)
    assert open_breaker.state is BreakerState.OPEN
    refusal(open_breaker)

    clock.now = opened_at + 180.0
    assert open_breaker.state is BreakerState.HALF_OPEN
    open_breaker.acquire().success()

    assert open_breaker.state is BreakerState.CLOSED


@given(start=st.floats(0, 1e9), seconds=st.floats(1e-3, 1e6), share=st.floats(0, 1, exclude_max=True))
def test_whoever_waits_for_the_named_time_is_admitted(start: float, seconds: float, share: float) -> None:
    """However the floats are rounded."""
    clock = Clock()
    clock.now = start
    breaker = CircuitBreaker("x", open_seconds=seconds, max_open_seconds=seconds * 2, clock=clock)
    fail(breaker, 2)
    clock.advance(seconds * share)

    clock.advance(breaker.snapshot().retry_after or 0.0)

    assert breaker.state is BreakerState.HALF_OPEN


def test_each_reopening_lasts_longer_up_to_the_maximum(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """Twice as long each time, and 1800 s at most."""
    periods = [opened_for(open_breaker)]
    for _ in range(5):
        probe(open_breaker, clock).failure(FAILURE)
        periods.append(opened_for(open_breaker))

    assert periods == [180.0, 360.0, 720.0, 1440.0, 1800.0, 1800.0]
    assert open_breaker.snapshot().reopenings == 5


def test_growth_without_end_is_no_overflow(new_breaker: NewBreaker, clock: Clock) -> None:
    """2000 re-openings, ten times as long each."""
    breaker = new_breaker(open_multiplier=10)
    fail(breaker, 2)
    for _ in range(2000):
        probe(breaker, clock).failure(FAILURE)

    assert opened_for(breaker) == 1800.0


@pytest.mark.parametrize(("closed_for", "period", "reopenings"), [(179.5, 360.0, 1), (180.0, 180.0, 0)])
def test_open_time_starts_anew_after_as_long_closed_as_open(
    open_breaker: CircuitBreaker, clock: Clock, closed_for: float, period: float, reopenings: int
) -> None:
    """At exactly that long."""
    probe(open_breaker, clock).success()
    clock.advance(closed_for)
    fail(open_breaker, 2)

    assert opened_for(open_breaker) == period
    assert open_breaker.snapshot().reopenings == reopenings


def test_closed_time_is_measured_by_the_last_opening(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """After 360 s open, 180 s closed are too few; a snapshot shows when it is enough."""
    probe(open_breaker, clock).failure(FAILURE)
    probe(open_breaker, clock).success()

    clock.advance(359.0)
    assert open_breaker.snapshot().reopenings == 1
    clock.advance(1.0)
    assert open_breaker.snapshot().reopenings == 0


@pytest.mark.parametrize("draw", [0.0, 0.5, 1.0])
def test_jitter_only_lengthens(monkeypatch: pytest.MonkeyPatch, clock: Clock, draw: float) -> None:
    """By up to 10 %."""
    monkeypatch.setattr(random, "random", lambda: draw)
    breaker = CircuitBreaker("x", clock=clock)
    fail(breaker, 2)

    assert opened_for(breaker) == pytest.approx(180.0 * (1 + 0.1 * draw))


def test_jitter_differs_between_breakers(clock: Clock) -> None:
    """So that workers do not probe together."""
    breakers = [CircuitBreaker("x", clock=clock) for _ in range(50)]
    for breaker in breakers:
        fail(breaker, 2)

    assert len({opened_for(breaker) for breaker in breakers}) > 40


def test_no_period_is_longer_than_the_maximum_with_jitter(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """The jitter comes before the cap."""
    monkeypatch.setattr(random, "random", lambda: 1.0)
    breaker = CircuitBreaker("x", max_open_seconds=190.0, clock=clock)
    fail(breaker, 2)

    assert opened_for(breaker) == 190.0


@pytest.mark.parametrize(
    ("asked", "period"), [(None, 180.0), (0, 180.0), (30, 180.0), (181.5, 181.5), (10**400, 1800.0)]
)
def test_retry_after_of_a_failure_is_a_floor(breaker: CircuitBreaker, asked: float | None, period: float) -> None:
    """A shorter one changes nothing, a longer one counts up to the maximum."""
    fail(breaker)
    fail(breaker, retry_after=asked)

    assert opened_for(breaker) == period


@pytest.mark.parametrize("asked", [-1, -0.5, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_that_is_no_time_is_as_if_not_said(breaker: CircuitBreaker, status: int, asked: float) -> None:
    """Negative or not finite."""
    breaker.acquire().failure(StatusError(status), retry_after=asked)
    if breaker.state is BreakerState.CLOSED:
        breaker.acquire().failure(StatusError(status), retry_after=asked)

    assert opened_for(breaker) == 180.0


@pytest.mark.parametrize(("asked", "period"), [(5, 5.0), (300.0, 300.0), (1e9, 1800.0), (None, 180.0)])
def test_rate_limit_opens_at_once_for_what_it_asks(breaker: CircuitBreaker, asked: float | None, period: float) -> None:
    """Also when that is shorter than the open period; without a `Retry-After`, for the open period."""
    breaker.acquire().failure(StatusError(429), retry_after=asked)

    assert opened_for(breaker) == period


def test_rate_limit_that_asks_for_no_wait_lets_a_probe_go_out(breaker: CircuitBreaker) -> None:
    """`Retry-After: 0` means now."""
    breaker.acquire().failure(StatusError(429), retry_after=0)

    assert breaker.state is BreakerState.HALF_OPEN
    refused = breaker.acquire()
    refusal(breaker)
    refused.success()
    assert breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize("status", [404, 410])
def test_model_that_is_not_there_opens_at_once_for_the_maximum(breaker: CircuitBreaker, status: int) -> None:
    """Unknown or retired, it will not be back soon; a `Retry-After` changes nothing."""
    breaker.acquire().failure(StatusError(status), retry_after=5)

    assert opened_for(breaker) == 1800.0


@pytest.mark.parametrize(("opens", "period"), [("at-once", 5.0), ("for-maximum", 1800.0)])
def test_caller_may_say_what_a_failure_does(breaker: CircuitBreaker, opens: str, period: float) -> None:
    """Whatever the error is, even one that would be neutral."""
    breaker.acquire().failure(TypeError(), retry_after=5, opens=opens)  # type: ignore[arg-type]

    assert opened_for(breaker) == period


def test_caller_may_say_that_a_rate_limit_only_counts(breaker: CircuitBreaker) -> None:
    """`at-threshold` makes it a failure like any other."""
    breaker.acquire().failure(StatusError(429), opens="at-threshold")

    assert breaker.snapshot().consecutive_failures == 1
    assert breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize(("said", "period"), [(7, 7.0), ("7", 180.0), (None, 180.0)])
def test_error_that_knows_its_wait_says_it_itself(breaker: CircuitBreaker, said: object, period: float) -> None:
    """Its `retry_after`, if that is a number."""
    breaker.acquire().failure(StatusError(429, said))

    assert opened_for(breaker) == period


def test_given_wait_is_taken_before_the_errors(breaker: CircuitBreaker) -> None:
    """Whoever calls knows better."""
    breaker.acquire().failure(StatusError(429, 7), retry_after=9)

    assert opened_for(breaker) == 9.0


@pytest.mark.parametrize(
    ("error", "period"), [(StatusError(429, 5), 5.0), (StatusError(404), 1800.0), (StatusError(503, 400), 400.0)]
)
def test_probe_reopens_for_what_its_failure_asks(
    open_breaker: CircuitBreaker, clock: Clock, error: StatusError, period: float
) -> None:
    """As a call does that opens a closed circuit."""
    probe(open_breaker, clock).failure(error)

    assert opened_for(open_breaker) == period


def test_opening_by_hand_lasts_as_long_as_one_by_failures(breaker: CircuitBreaker, clock: Clock) -> None:
    """Then probes go out as ever."""
    breaker.force_open()
    assert opened_for(breaker) == 180.0

    probe(breaker, clock).success()
    assert breaker.state is BreakerState.CLOSED


def test_opening_an_open_circuit_by_hand_starts_its_time_again(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """Without growth, since nothing has failed."""
    clock.advance(100.0)
    open_breaker.force_open()

    assert opened_for(open_breaker) == 180.0
    assert open_breaker.snapshot().reopenings == 0


def test_opening_a_half_open_circuit_by_hand_makes_its_probes_late(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """Their verdicts no longer count."""
    late = probe(open_breaker, clock)
    open_breaker.force_open()
    late.success()

    assert opened_for(open_breaker) == 180.0


def test_reset_forgets_reopenings(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """The next opening is a first one."""
    probe(open_breaker, clock).failure(FAILURE)
    open_breaker.reset()
    assert open_breaker.state is BreakerState.CLOSED
    assert open_breaker.snapshot().reopenings == 0

    fail(open_breaker, 2)
    assert opened_for(open_breaker) == 180.0


def test_clock_that_goes_back_stands_still_for_the_circuit(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """What had passed has passed, and the rest is not longer than it was."""
    clock.advance(100.0)
    assert opened_for(open_breaker) == 80.0
    clock.now -= 1e6
    assert opened_for(open_breaker) == 80.0

    clock.advance(80.0)
    assert open_breaker.state is BreakerState.HALF_OPEN


def test_calls_after_the_clock_went_back_leave_the_window_in_time(new_breaker: NewBreaker, clock: Clock) -> None:
    """The window goes on from where it was."""
    breaker = new_breaker(minimum_calls=2)
    succeed(breaker, 2)
    clock.now -= 1e6
    succeed(breaker)
    assert breaker.snapshot().failure_rate == 0.0

    clock.advance(60.0)
    assert breaker.snapshot().failure_rate is None


def test_clock_that_goes_back_again_and_again_does_not_wedge(new_breaker: NewBreaker, clock: Clock) -> None:
    """Window, open time and leases go on."""
    breaker = new_breaker(failure_rate=1.0, probe_lease_seconds=10.0)
    for step in itertools.islice(itertools.cycle([7.0, -500.0, 7.0, 0.0, -3.0]), 400):
        clock.advance(step)
        succeed(breaker)
        fail(breaker)
    assert len(breaker._counts._buckets) < 20

    breaker.force_open()
    for _ in range(18):
        clock.advance(-1e5)
        assert breaker.state is BreakerState.OPEN
        clock.advance(10.0)
        assert breaker.snapshot().retry_after in (*range(10, 180, 10), None)
    lost = breaker.acquire()
    clock.advance(-1e5)
    refusal(breaker)
    clock.advance(10.0)
    breaker.acquire().success()
    lost.neutral()

    assert breaker.state is BreakerState.CLOSED


def test_clock_that_stands_still_leaves_all_as_it_is(open_breaker: CircuitBreaker) -> None:
    """Open stays open; a reset helps."""
    for _ in range(100):
        assert refusal(open_breaker).retry_after == 180.0
    open_breaker.reset()
    succeed(open_breaker, 1000)

    assert open_breaker.state is BreakerState.CLOSED
