"""What a closed circuit counts: failures in a row, and the share of failures in a sliding window."""

from __future__ import annotations

import math
from collections import deque

__all__ = ["Counts"]

BUCKETS = 120
"""Parts of the window; how far a count may be off, and how much memory it takes at most, follow from it."""


class _Bucket:
    """Calls that were judged within one part of the window."""

    __slots__ = ("calls", "failures", "start")

    def __init__(self, start: float) -> None:
        self.start = start
        self.calls = 0
        self.failures = 0


class Counts:
    """Failures in a row, and calls and failures of the last seconds.

    A bucket starts with a call and takes those of the next 1/120 of the window; all of it is forgotten when its first
    call is a whole window old. So calls further apart than that are counted to the moment, and a busy endpoint takes
    no more memory than a quiet one.

    The times given must not go back. Not thread-safe; but wherever the garbage collector breaks in and runs a
    further verdict of the same thread, each total still is the sum of its buckets: they change together, without
    a call or an allocation between them.
    """

    __slots__ = ("_buckets", "_seconds", "_width", "bucket", "calls", "failures", "in_a_row", "settled_until")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._width = seconds / BUCKETS
        self._buckets: deque[_Bucket] = deque()
        self.bucket = _Bucket(-math.inf)
        self.settled_until = -math.inf
        """Until then `bucket` takes calls and none is forgotten, so that counting one is adding 1."""
        self.calls = 0
        self.failures = 0
        self.in_a_row = 0

    def count(self, now: float, *, is_failure: bool) -> None:
        """Count a verdict that was given at `now`."""
        if now >= self.settled_until:
            self._roll(now)
        bucket = self.bucket
        bucket.calls += 1
        self.calls += 1
        if is_failure:
            bucket.failures += 1
            self.failures += 1
            self.in_a_row += 1
        else:
            self.in_a_row = 0

    def rate(self, now: float, minimum_calls: int) -> float | None:
        """Return the share of failures in the window that ends `now`, `None` for fewer calls than the minimum."""
        self._forget(now)
        return self.failures / self.calls if self.calls >= minimum_calls else None

    def recount(self) -> None:
        """Make the totals right after a fork that may have found them half changed."""
        self.calls = sum(bucket.calls for bucket in self._buckets)
        self.failures = sum(bucket.failures for bucket in self._buckets)

    def _roll(self, now: float) -> None:
        self._forget(now)
        if not self._buckets or now >= self.bucket.start + self._width:
            bucket = _Bucket(now)
            self._buckets.append(bucket)
            self.bucket = bucket
        self.settled_until = min(self._buckets[0].start + self._seconds, self.bucket.start + self._width)

    def _forget(self, now: float) -> None:
        while self._buckets and now >= self._buckets[0].start + self._seconds:
            forgotten = self._buckets.popleft()
            self.calls -= forgotten.calls
            self.failures -= forgotten.failures
