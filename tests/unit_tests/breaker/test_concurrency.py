"""Threads, tasks, event loops and forks share one breaker."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from langchain_nvgateway.breaker import BreakerState, CircuitBreaker, Permit, Transition
from langchain_nvgateway.errors import CircuitOpenError

from .conftest import FAILURE, Clock, NewBreaker, fail, refusal

THREADS = 8


@pytest.fixture(autouse=True)
def threads_that_take_turns_often() -> Iterator[None]:
    """Let Python change threads a thousand times as often as it does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(work: Callable[[], None]) -> None:
    """Do the same in all threads at once."""
    together = threading.Barrier(THREADS)

    def start_together() -> None:
        together.wait()
        work()

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(start_together) for _ in range(THREADS)]:
            done.result()


def test_counts_of_threads_add_up(new_breaker: NewBreaker) -> None:
    """Each verdict is counted, on the short way of a success and on the long way of a failure."""
    breaker = new_breaker(failure_threshold=10**9, minimum_calls=10**9)

    def work() -> None:
        for number in range(5000):
            permit = breaker.acquire()
            if number % 5:
                permit.success()
            else:
                permit.failure(FAILURE)

    in_threads(work)

    assert breaker._counts.calls == THREADS * 5000
    assert breaker._counts.failures == THREADS * 1000
    assert breaker._counts.bucket.calls == THREADS * 5000


def test_counts_of_threads_add_up_in_real_time(new_breaker: NewBreaker) -> None:
    """While parts of the window come and go."""
    breaker = new_breaker(minimum_calls=10**9, window_seconds=0.05, clock=time.monotonic)

    def work() -> None:
        for _ in range(5000):
            breaker.acquire().success()

    in_threads(work)

    held = breaker._counts
    assert held.calls == sum(bucket.calls for bucket in held._buckets)


def test_verdict_that_threads_give_together_counts_once(new_breaker: NewBreaker) -> None:
    """The first of them."""
    breaker = new_breaker(failure_threshold=10**9, minimum_calls=10**9)
    permits = [breaker.acquire() for _ in range(500)]

    def work() -> None:
        for permit in permits:
            permit.failure(FAILURE)

    in_threads(work)

    assert breaker.snapshot().consecutive_failures == 500


@pytest.mark.parametrize("probes", [1, 3])
def test_exactly_as_many_probes_go_out_to_threads_as_are_allowed(
    new_breaker: NewBreaker, clock: Clock, probes: int
) -> None:
    """However many ask at once, round after round."""
    breaker = new_breaker(half_open_probes=probes, open_multiplier=1)
    for _ in range(30):
        breaker.force_open()
        clock.advance(180.0)
        admitted: list[Permit] = []

        def work(admitted: list[Permit] = admitted) -> None:
            for _ in range(20):
                try:
                    admitted.append(breaker.acquire())
                except CircuitOpenError:
                    assert breaker.state is BreakerState.HALF_OPEN

        in_threads(work)

        assert len(admitted) == probes


def test_full_rounds_under_threads_keep_the_rules(new_breaker: NewBreaker, clock: Clock) -> None:
    """An endpoint that answers every third probe and nothing else: one probe at most is ever out."""
    heard: list[Transition] = []
    breaker = new_breaker(on_transition=heard.append, open_seconds=1.0, max_open_seconds=4.0)
    answers = itertools.cycle([False, False, True])
    probes_out, most_out = 0, 0
    counting = threading.Lock()

    def work() -> None:
        nonlocal probes_out, most_out
        for _ in range(1500):
            try:
                permit = breaker.acquire()
            except CircuitOpenError:
                with counting:
                    clock.advance(0.01)
                continue
            if permit.lease is None:
                permit.failure(FAILURE)
                continue
            with counting:
                probes_out += 1
                most_out = max(most_out, probes_out)
            time.sleep(0)  # let another thread try
            with counting:
                is_answered = next(answers)
                probes_out -= 1
            if is_answered:
                permit.success()
            else:
                permit.failure(FAILURE)

    in_threads(work)

    assert most_out == 1
    states = [BreakerState.CLOSED, *(transition.after for transition in heard)]
    assert [transition.before for transition in heard] == states[:-1]
    reasons = Counter(transition.reason for transition in heard)
    assert reasons.keys() == {"failures-in-a-row", "open-time-over", "probe-failed", "probes-succeeded"}
    assert reasons["probe-failed"] >= 2 * reasons["probes-succeeded"] > 0
    clock.advance(10.0)
    if breaker.state is not BreakerState.CLOSED:
        breaker.acquire().success()
    assert breaker.state is BreakerState.CLOSED


def test_dropped_probes_of_threads_are_all_returned(new_breaker: NewBreaker, clock: Clock) -> None:
    """Though the collector runs at any place of the others."""
    breaker = new_breaker(half_open_probes=4)
    breaker.force_open()
    clock.advance(180.0)
    thresholds = gc.get_threshold()
    gc.set_threshold(1)

    def work() -> None:
        for _ in range(300):
            try:
                cycle: list[object] = [breaker.acquire()]
            except CircuitOpenError:
                continue
            cycle.append(cycle)

    try:
        in_threads(work)
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()

    permits = [breaker.acquire() for _ in range(4)]
    refusal(breaker)
    for permit in permits:
        permit.success()
    assert breaker.state is BreakerState.CLOSED


async def test_one_of_many_tasks_probes(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """The others are told so at once; when it is done, all go out."""
    clock.advance(180.0)

    async def call() -> bool:
        try:
            async with open_breaker.guard():
                await asyncio.sleep(0)
                return True
        except CircuitOpenError:
            return False

    assert sum(await asyncio.gather(*(call() for _ in range(100)))) == 1
    assert sum(await asyncio.gather(*(call() for _ in range(100)))) == 100


def test_one_breaker_serves_several_event_loops(open_breaker: CircuitBreaker, clock: Clock) -> None:
    """At once and one after the other: it holds nothing of any loop."""
    clock.advance(180.0)
    admitted: list[Permit] = []
    asked = threading.Barrier(THREADS)

    async def calls() -> None:
        for _ in range(10):
            try:
                admitted.append(open_breaker.acquire())
            except CircuitOpenError:
                await asyncio.sleep(0)

    def work() -> None:
        asyncio.run(calls())
        asked.wait()

    in_threads(work)
    assert len(admitted) == 1

    async def finish() -> None:
        admitted[0].success()
        async with open_breaker.guard():
            pass

    asyncio.run(finish())
    assert open_breaker.state is BreakerState.CLOSED


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_fork_while_the_locks_are_held() -> None:
    """By a thread that does not exist in the child; the child knows what the parent knew."""
    script = """
        import os, threading
        from langchain_nvgateway.breaker import CircuitBreaker

        heard = []
        breaker = CircuitBreaker("x", on_transition=heard.append)
        breaker.acquire().failure(TimeoutError())
        held, let_go = threading.Event(), threading.Event()

        def hold():
            with breaker._lock, breaker._announcer._telling:
                held.set()
                let_go.wait()

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait()
        child = os.fork()
        if not child:
            breaker.acquire().failure(TimeoutError())
            print(breaker.state.value, len(heard), flush=True)
            os._exit(0)
        let_go.set()
        holder.join()
        assert os.waitpid(child, 0)[1] == 0
        print(breaker.state.value, len(heard))
    """
    # Newer Pythons warn of a fork in a process with threads, which is just what this is about.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.stdout, done.stderr) == ("open 1\nclosed 0\n", "")


def test_breaker_is_not_kept_alive() -> None:
    """Neither by the list of breakers to look after in a fork, nor by its permits that are gone."""
    from langchain_nvgateway.breaker import forks

    gc.collect()
    before = len(forks._alive)
    breaker = CircuitBreaker("x")
    fail(breaker, 2)
    assert len(forks._alive) == before + 1
    del breaker
    gc.collect()

    assert len(forks._alive) == before
