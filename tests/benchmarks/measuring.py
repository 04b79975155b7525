"""Ratios of CPU time, from runs that take turns, so that a busy machine disturbs both alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Comparison", "compare"]


class Comparison(NamedTuple):
    """What two ways to do the same thing cost."""

    seconds: float
    """CPU seconds of one run of the first."""

    other_seconds: float
    """CPU seconds of one run of the other."""

    @property
    def ratio(self) -> float:
        """How much the first costs, the other being 1."""
        return self.seconds / self.other_seconds


def compare(one: Callable[[], object], other: Callable[[], object], *, rounds: int = 15, runs: int = 20) -> Comparison:
    """Return the medians of what each costs, after a warm-up.

    Args:
        one: A run of the first.
        other: A run of the other.
        rounds: How often each has its turn.
        runs: Runs in a turn.
    """
    one()
    other()
    turns = [(_cpu_seconds(one, runs), _cpu_seconds(other, runs)) for _ in range(rounds)]
    return Comparison(*(statistics.median(seconds) / runs for seconds in zip(*turns, strict=True)))


def _cpu_seconds(run: Callable[[], object], runs: int) -> float:
    started = time.process_time()
    for _ in range(runs):
        run()
    return time.process_time() - started
