"""Probes: how many go out, what they decide, and how lost ones are replaced."""

from __future__ import annotations

import gc
import math
import weakref

import pytest

from langchain_nvgateway.breaker import BreakerState, CircuitBreaker

from .conftest import FAILURE, Clock, NewBreaker, fail, probe, refusal, succeed


@pytest.fixture
def half_open(new_breaker: NewBreaker, clock: Clock) -> CircuitBreaker:
    """A breaker whose open time is over; three probes may go out."""
    breaker = new_breaker(half_open_probes=3)
    fail(breaker, 2)
    clock.advance(180.0)
    return breaker


def test_state_is_half_open_before_anybody_probes(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """It says what a call would meet."""
    clock.advance(180.0)

    assert open_breaker.state is open_breaker.snapshot().state is BreakerState.HALF_OPEN
    assert open_breaker.snapshot().retry_after is None


def test_one_probe_goes_out(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """While it is out the state is half-open, and others are told when its lease ends."""
    permit = probe(open_breaker, clock)
    clock.advance(100.0)

    assert open_breaker.state is BreakerState.HALF_OPEN
    assert refusal(open_breaker).retry_after == open_breaker.snapshot().retry_after == 200.0
    permit.neutral()


def test_success_closes(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """With a clean slate: one failure afterwards is one."""
    probe(open_breaker, clock).success()
    assert open_breaker.state is BreakerState.CLOSED

    fail(open_breaker)

    snapshot = open_breaker.snapshot()
    assert (snapshot.state, snapshot.consecutive_failures) == (BreakerState.CLOSED, 1)


def test_closing_forgets_the_window(new_breaker: NewBreaker, clock: Clock) -> None:
    """What opened the circuit does not open it again."""
    breaker = new_breaker(failure_threshold=100, open_seconds=5.0)
    fail(breaker, 20)
    probe(breaker, clock).success()

    assert breaker.snapshot().failure_rate is None
    fail(breaker)
    assert breaker.state is BreakerState.CLOSED


def test_failure_reopens_at_once(new_breaker: NewBreaker, clock: Clock) -> None:
    """Whatever the threshold is; it lengthens the row."""
    breaker = new_breaker(failure_threshold=3)
    fail(breaker, 3)
    probe(breaker, clock).failure(FAILURE)

    assert breaker.state is BreakerState.OPEN
    assert breaker.snapshot().consecutive_failures == 4


def test_neutral_probe_lets_another_go_out(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """It neither closes nor opens."""
    probe(open_breaker, clock).neutral()
    assert open_breaker.state is BreakerState.HALF_OPEN

    open_breaker.acquire().success()
    assert open_breaker.state is BreakerState.CLOSED


def test_as_many_probes_go_out_as_are_allowed(half_open: CircuitBreaker) -> None:
    """A fourth does not."""
    permits = [half_open.acquire() for _ in range(3)]
    refusal(half_open)

    permits[1].neutral()
    permits.append(half_open.acquire())
    refusal(half_open)


def test_as_many_successes_close_as_probes_are_allowed(half_open: CircuitBreaker) -> None:
    """Together or one after the other."""
    first, second = half_open.acquire(), half_open.acquire()
    first.success()
    second.success()
    assert half_open.state is BreakerState.HALF_OPEN

    half_open.acquire().success()
    assert half_open.state is BreakerState.CLOSED


def test_one_failure_outweighs_the_successes_before_it(half_open: CircuitBreaker, clock: Clock) -> None:
    """After the re-opening, successes are counted from none."""
    half_open.acquire().success()
    half_open.acquire().success()
    half_open.acquire().failure(FAILURE)
    assert half_open.state is BreakerState.OPEN

    probe(half_open, clock).success()
    half_open.acquire().success()
    assert half_open.state is BreakerState.HALF_OPEN


def test_late_probes_do_not_count_after_a_reopening(half_open: CircuitBreaker, clock: Clock) -> None:
    """Neither their successes nor their failures, not even in the next half-open time."""
    late = [half_open.acquire() for _ in range(2)]
    half_open.acquire().failure(FAILURE)
    late[0].failure(FAILURE)
    assert half_open.snapshot().reopenings == 1

    current = probe(half_open, clock)
    late[1].failure(FAILURE)

    assert half_open.state is BreakerState.HALF_OPEN
    current.neutral()


def test_lease_ends_at_exactly_its_time(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """Then another probe goes out; the state stays half-open throughout."""
    lost = probe(open_breaker, clock)
    end = clock.now + 300.0
    clock.now = math.nextafter(end, 0)
    refusal(open_breaker)
    clock.now = end
    open_breaker.acquire().success()

    assert open_breaker.state is BreakerState.CLOSED
    lost.neutral()


@pytest.mark.parametrize("is_success", [True, False])
def test_verdict_of_a_lost_probe_does_not_count(open_breaker: CircuitBreaker, clock: Clock, is_success: bool) -> None:
    """Whether or not another has gone out."""
    lost = [probe(open_breaker, clock)]
    clock.advance(300.0)
    lost.append(open_breaker.acquire())
    for permit in lost:
        if permit is lost[1]:
            clock.advance(300.0)
        if is_success:
            permit.success()
        else:
            permit.failure(FAILURE)
        assert open_breaker.state is BreakerState.HALF_OPEN

    open_breaker.acquire().success()
    assert open_breaker.state is BreakerState.CLOSED


def test_verdict_in_the_last_moment_of_a_lease_counts(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """It is not lost yet."""
    permit = probe(open_breaker, clock)
    clock.now = math.nextafter(clock.now + 300.0, 0)
    permit.success()

    assert open_breaker.state is BreakerState.CLOSED


def test_dropped_probe_is_returned(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """When it is collected, without waiting for its lease to end."""
    permit = probe(open_breaker, clock)
    refusal(open_breaker)
    del permit
    gc.collect()

    assert open_breaker.snapshot().retry_after is None
    open_breaker.acquire().success()
    assert open_breaker.state is BreakerState.CLOSED


def test_dropped_probe_of_an_older_time_takes_nothing_away(half_open: CircuitBreaker, clock: Clock) -> None:
    """Its lease is not one of those that are out."""
    old = half_open.acquire()
    half_open.force_open()
    current = [probe(half_open, clock), half_open.acquire(), half_open.acquire()]
    del old
    gc.collect()

    refusal(half_open)
    for permit in current:
        permit.success()
    assert half_open.state is BreakerState.CLOSED


def test_judged_probe_that_is_collected_returns_nothing(half_open: CircuitBreaker) -> None:
    """Its verdict already has."""
    half_open.acquire().success()
    gc.collect()

    assert not half_open._dropped


def test_permit_collected_while_the_lock_is_held_blocks_nothing(half_open: CircuitBreaker) -> None:
    """By the thread in which the collector runs: it takes no lock."""
    cycle = [half_open.acquire()]
    cycle.append(cycle)  # type: ignore[arg-type]
    alive = weakref.ref(half_open)
    with half_open._lock:
        del cycle
        gc.collect()
    assert alive() is half_open
    assert len(half_open._dropped) == 1

    permits = [half_open.acquire() for _ in range(3)]
    refusal(half_open)
    for permit in permits:
        permit.neutral()


@pytest.mark.parametrize("leave", ["success", "neutral", "failure"])
def test_stream_collected_in_the_midst_of_a_verdict_gives_its_own(
    new_breaker: NewBreaker, clock: Clock, leave: str
) -> None:
    """An abandoned stream is closed by the collector, wherever that breaks in; both verdicts count."""
    breaker = new_breaker(half_open_probes=3)
    fail(breaker, 2)
    clock.advance(180.0)

    def stream() -> object:
        permit = breaker.acquire()
        try:
            yield
        finally:
            if leave == "failure":
                permit.failure(FAILURE)
            else:
                getattr(permit, leave)()

    abandoned = [stream()]
    next(abandoned[0])  # type: ignore[call-overload]
    other = breaker.acquire()

    class ClockWithCollector:
        def __call__(self) -> float:
            abandoned.clear()  # the last reference: the stream ends here, with the lock held
            return clock.now

    breaker._clock = ClockWithCollector()
    other.success()

    if leave == "failure":
        assert breaker.state is BreakerState.OPEN
    else:
        assert breaker._circuit.successes == (2 if leave == "success" else 1)
        assert breaker._circuit.leases == ()


def test_collections_between_reading_and_replacing_lose_nothing(
    new_breaker: NewBreaker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verdict that comes while another is being worked in: the other is worked in again, on top of it."""
    breaker = new_breaker(half_open_probes=3)
    fail(breaker, 2)
    clock.advance(180.0)
    first, second = breaker.acquire(), breaker.acquire()
    circuit_class = type(breaker._circuit)
    original = circuit_class.probe_succeeded
    interrupting = [second]

    def interrupted(circuit: object, *args: object, **options: object) -> object:
        after = original(circuit, *args, **options)  # type: ignore[arg-type]
        if interrupting:
            interrupting.pop().success()
        return after

    monkeypatch.setattr(circuit_class, "probe_succeeded", interrupted)
    first.success()
    breaker.acquire().success()

    assert breaker.state is BreakerState.CLOSED


def test_full_round(breaker: CircuitBreaker, clock: Clock) -> None:
    """Closed, open, half-open, open for longer, half-open, closed."""
    succeed(breaker)
    states = [breaker.state]
    fail(breaker, 2)
    states.append(breaker.state)
    permit = probe(breaker, clock)
    states.append(breaker.state)
    permit.failure(FAILURE)
    states.append(breaker.state)
    permit = probe(breaker, clock)
    states.append(breaker.state)
    permit.success()
    states.append(breaker.state)

    assert states == ["closed", "open", "half-open", "open", "half-open", "closed"]
