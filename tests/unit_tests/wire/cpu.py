"""How work grows with its size, measured in CPU time, which other processes do not change."""

from __future__ import annotations

import time
from collections.abc import Callable

_REPEATS = 5
_NOISE = 0.02


def grows_linearly(work: Callable[[int], object], size: int) -> bool:
    """Whether four times the size takes about four times the CPU time (a quadratic rule takes sixteen)."""
    return seconds(lambda: work(4 * size)) <= 8 * seconds(lambda: work(size)) + _NOISE


def is_about_as_fast(work: Callable[[], object], other: Callable[[], object]) -> bool:
    """Whether some work takes no more than twenty times the CPU time of another."""
    return seconds(work) <= 20 * seconds(other) + _NOISE


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of the fastest of some runs."""
    best = float("inf")
    for _ in range(_REPEATS):
        start = time.thread_time()
        work()
        best = min(best, time.thread_time() - start)
    return best
