"""Costs of two things that take turns, so that a busy machine disturbs both alike."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

__all__ = ["Comparison", "Turn", "acpu_of", "compare", "cost_of", "cpu_of", "wall_of"]

Turn = Callable[[int], float]
"""Does a thing so many times and returns the seconds that this took."""

_Clock = Callable[[], float]


class Comparison(NamedTuple):
    """What two ways to do the same thing cost."""

    seconds: float
    """Seconds of one run of the first."""

    other_seconds: float
    """Seconds of one run of the other."""

    ratio: float
    """How much the first costs, the other being 1."""


def compare(one: Turn, other: Turn, *, rounds: int = 11, seconds: float = 0.06, runs: int = 0) -> Comparison:
    """Return the medians over rounds in which both have a turn, after a warm-up.

    Args:
        one: The first.
        other: The other.
        rounds: How often each has its turn.
        seconds: How long a turn of the dearer one takes, about.
        runs: Runs in a turn; without it, as many as fit into `seconds`.
    """
    one(1)
    other(1)
    runs = runs or max(1, round(seconds / max(one(2) / 2, other(2) / 2)))
    turns = []
    for number in range(rounds):
        # Whoever comes second finds warm caches, so they change places.
        if number % 2:
            theirs, ours = _turn(other, runs), _turn(one, runs)
        else:
            ours, theirs = _turn(one, runs), _turn(other, runs)
        turns.append((ours, theirs))
    ours, theirs = (statistics.median(each) / runs for each in zip(*turns, strict=True))
    return Comparison(ours, theirs, statistics.median(one / other for one, other in turns))


def cost_of(turn: Turn, *, rounds: int = 15, runs: int = 20_000) -> float:
    """Return the median of what one run costs, in seconds."""
    turn(runs)
    return statistics.median(_turn(turn, runs) for _ in range(rounds)) / runs


def cpu_of(call: Callable[[], object]) -> Turn:
    """Return a turn that takes the CPU seconds of this process."""
    return _timed(call, time.process_time)


def wall_of(call: Callable[[], object]) -> Turn:
    """Return a turn that takes the time that passes."""
    return _timed(call, time.perf_counter)


def acpu_of(runner: asyncio.Runner, call: Callable[[], Awaitable[object]]) -> Turn:
    """Return what `cpu_of` does, for a coroutine function."""

    async def runs_of(runs: int) -> float:
        started = time.process_time()
        for _ in range(runs):
            await call()
        return time.process_time() - started

    return lambda runs: runner.run(runs_of(runs))


def _timed(call: Callable[[], object], clock: _Clock) -> Turn:
    def turn(runs: int) -> float:
        started = clock()
        for _ in range(runs):
            call()
        return clock() - started

    return turn


def _turn(turn: Turn, runs: int) -> float:
    # Nobody pays for the garbage of whoever had the turn before.
    gc.collect()
    return turn(runs)
