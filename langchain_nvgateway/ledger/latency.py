"""How long answers took, in a few numbers however many there were."""

from __future__ import annotations

import math
from bisect import bisect_left

__all__ = ["Latency"]

_PER_DECADE = 10
_BOUNDS = tuple(10 ** (step / _PER_DECADE - 3) for step in range(6 * _PER_DECADE + 1))
"""Upper bounds of the buckets in seconds, from 1 ms to 1000 s; each is a quarter more than the one before."""


class Latency:
    """A histogram of seconds that yields quantiles within a quarter of the true ones, mostly much closer."""

    __slots__ = ("_buckets", "_count", "_longest", "_shortest")

    def __init__(self) -> None:
        self._buckets = [0] * (len(_BOUNDS) + 1)
        self._count = 0
        self._shortest = math.inf
        self._longest = 0.0

    def add(self, seconds: float) -> None:
        """Count one more."""
        self._buckets[bisect_left(_BOUNDS, seconds)] += 1
        self._count += 1
        if seconds < self._shortest:
            self._shortest = seconds
        if seconds > self._longest:
            self._longest = seconds

    def quantile(self, share: float) -> float | None:
        """Return the seconds within which a share of them was there, `None` when there are none.

        Args:
            share: From 0 to 1; 0.5 is the median.
        """
        if not self._count:
            return None
        rank = max(math.ceil(share * self._count), 1)
        place = 0
        while rank > self._buckets[place]:
            rank -= self._buckets[place]
            place += 1
        # As if those of a bucket were spread over it evenly; and it says no more than what is known of them all.
        below = _BOUNDS[place - 1] if place else 0.0
        above = _BOUNDS[place] if place < len(_BOUNDS) else self._longest
        return min(max(below + (above - below) * (rank - 0.5) / self._buckets[place], self._shortest), self._longest)
