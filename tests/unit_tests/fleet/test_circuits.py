"""Breakers of several processes follow each other (here in one process, each with a fleet of its own)."""

from __future__ import annotations

import time

import pytest

from langchain_nvgateway.breaker import BreakerState, SharedCircuitBreaker, Transition
from langchain_nvgateway.fleet.schema import CHANGES_KEY, PREFIX, circuit_key

from .conftest import FAILURE, NAME, Call, NewBreaker, is_in, is_open_or_was, wait_until
from .valkey import Valkey

KEY = circuit_key(NAME, "here")


def fail_twice(breaker: SharedCircuitBreaker, call: Call) -> None:
    """Open it."""
    call(breaker, FAILURE)
    call(breaker, FAILURE)


def test_opening_reaches_the_others_within_a_second_and_counts_nothing_there(
    valkey: Valkey, new_breaker: NewBreaker, call: Call
) -> None:
    """They refuse calls for as long as the one that opened, although none of theirs failed."""
    first, second = new_breaker(valkey), new_breaker(valkey)
    call(second, None)
    fail_twice(first, call)

    assert wait_until(is_in(second, BreakerState.OPEN)) < 1.0
    assert not call(second, None)
    assert second.snapshot().consecutive_failures == 0
    assert second.snapshot().retry_after == pytest.approx(first.snapshot().retry_after, abs=0.1)


def test_success_of_a_probe_closes_the_others(valkey: Valkey, new_breaker: NewBreaker, call: Call) -> None:
    """Within a second, and they remember how long they were open."""
    first, second = new_breaker(valkey, open_seconds=0.6), new_breaker(valkey, open_seconds=0.6)
    call(second, None)
    fail_twice(first, call)
    wait_until(is_open_or_was(second))

    wait_until(lambda: call(first, None))
    assert wait_until(is_in(second, BreakerState.CLOSED)) < 1.0
    second.force_open()
    assert second.snapshot().reopenings == 1


def test_reset_closes_the_others(valkey: Valkey, new_breaker: NewBreaker, call: Call) -> None:
    """By hand, and with all memory of openings."""
    first, second = new_breaker(valkey), new_breaker(valkey)
    call(second, None)
    fail_twice(first, call)
    wait_until(is_in(second, BreakerState.OPEN))
    second.reset()

    assert wait_until(is_in(first, BreakerState.CLOSED)) < 1.0
    assert first.snapshot().reopenings == 0


def test_newcomer_learns_that_a_circuit_is_open(valkey: Valkey, new_breaker: NewBreaker, call: Call) -> None:
    """As soon as it has looked for the first time."""
    fail_twice(first := new_breaker(valkey), call)
    wait_until(lambda: valkey.client.exists(KEY))
    newcomer = new_breaker(valkey)

    assert wait_until(is_in(newcomer, BreakerState.OPEN)) < 0.5
    assert newcomer.snapshot().retry_after == pytest.approx(first.snapshot().retry_after, abs=0.1)


def test_following_is_told_as_a_transition(valkey: Valkey, new_breaker: NewBreaker, call: Call) -> None:
    """With a reason of its own."""
    told: list[Transition] = []
    first, second = new_breaker(valkey), new_breaker(valkey, on_transition=told.append)
    call(second, None)
    fail_twice(first, call)
    wait_until(lambda: bool(told))

    assert [(transition.after, transition.reason) for transition in told] == [(BreakerState.OPEN, "fleet")]


def test_first_call_after_the_open_time_probes(valkey: Valkey, new_breaker: NewBreaker, call: Call) -> None:
    """The lease is there before the call is, so a process that makes few calls wastes none."""
    breaker = new_breaker(valkey, open_seconds=0.4)
    fail_twice(breaker, call)
    wait_until(lambda: breaker.snapshot().retry_after is None)

    assert call(breaker, None)
    assert breaker.state is BreakerState.CLOSED


def test_right_to_probe_passes_from_who_has_no_calls_to_who_has(
    valkey: Valkey, new_breaker: NewBreaker, call: Call
) -> None:
    """Whoever has it: after little more than a second it is where the calls are."""
    idle = [new_breaker(valkey, open_seconds=0.4) for _ in range(3)]
    busy = new_breaker(valkey, open_seconds=0.4)
    for breaker in (*idle, busy):
        call(breaker, None)
    fail_twice(idle[0], call)
    wait_until(is_open_or_was(busy))

    assert wait_until(lambda: call(busy, None)) < 3.0


def test_closed_circuits_cost_no_round_trip_per_call(valkey: Valkey, new_breaker: NewBreaker) -> None:
    """Ten thousand calls cost as many commands as no calls."""
    breaker = new_breaker(valkey)
    breaker.acquire().success()
    wait_until(lambda: bool(valkey.client.exists(CHANGES_KEY)))
    valkey.client.config_resetstat()
    start = time.monotonic()
    for _ in range(10_000):
        breaker.acquire().success()

    assert commands(valkey) <= 2 + 2.5 * (time.monotonic() - start)


def commands(valkey: Valkey) -> int:
    """Return how many commands were sent, those within scripts among them."""
    stats = valkey.client.info("commandstats")
    return sum(int(stats.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in ("evalsha", "eval", "get"))


@pytest.mark.parametrize("kind", ["type", "fields", "numbers", "state"])
def test_record_that_cannot_be_read_is_ignored_and_replaced(
    valkey: Valkey, new_breaker: NewBreaker, call: Call, kind: str
) -> None:
    """Whoever wrote it: another version, a mistake, or somebody who wants to do harm."""
    good = {"gen": 1, "state": "open", "until": 9e14, "for": 9e14, "openings": 1, "at": 0, "owner": "", "lease": 0}
    good |= {"since": 0, "hold": 0, "want": 0}
    bad = {
        "fields": {"generation": "7", "state": "open"},
        "numbers": {**good, "for": "inf"},
        "state": {**good, "state": "ajar"},
    }
    if kind == "type":
        valkey.client.set(KEY, "open")
    else:
        valkey.client.hset(KEY, mapping=bad[kind])
    first, second = new_breaker(valkey), new_breaker(valkey)
    call(first, None)
    call(second, None)
    wait_until(lambda: commands(valkey) > 2)
    assert first.state is BreakerState.CLOSED

    fail_twice(first, call)
    assert wait_until(is_in(second, BreakerState.OPEN)) < 1.0


def test_absurd_record_opens_for_no_longer_than_the_maximum(
    valkey: Valkey, new_breaker: NewBreaker, call: Call
) -> None:
    """Whatever Redis says, no circuit is open for longer than its own rules allow."""
    absurd = {"gen": 1, "state": "open", "until": 8e15, "for": 8e15, "openings": 8e15, "at": 0, "owner": "x"}
    valkey.client.hset(KEY, mapping=absurd | {"lease": 8e15, "since": 0, "hold": 0, "want": 0})
    breaker = new_breaker(valkey, max_open_seconds=200.0)
    call(breaker, None)
    wait_until(is_in(breaker, BreakerState.OPEN))

    assert 190.0 < (breaker.snapshot().retry_after or 0.0) <= 200.0


def test_every_key_ends_by_itself(valkey: Valkey, new_breaker: NewBreaker, call: Call) -> None:
    """Redis keeps nothing of a fleet that is gone, and everything starts with the version of the schema."""
    breaker = new_breaker(valkey)
    fail_twice(breaker, call)
    wait_until(lambda: valkey.client.exists(KEY))
    breaker.reset()
    wait_until(lambda: valkey.client.hget(KEY, "state") == "closed")

    for key in valkey.client.scan_iter():
        assert key.startswith(PREFIX)
        assert 0 < valkey.client.pttl(key) <= 2 * 3_600_000
