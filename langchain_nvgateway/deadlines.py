"""Limits of time that hold for a whole exchange, not for each single read."""

from __future__ import annotations

import time

__all__ = ["Deadline"]


class Deadline:
    """The moment at which to give up, as a reading of `time.monotonic`; may be moved while it is in use.

    A timeout would start anew with each byte, so a server that sends one byte a second would never be timed out.

    Args:
        seconds: How far away it is.
    """

    __slots__ = ("at",)

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left, at least 0."""
        return max(self.at - time.monotonic(), 0.0)

    def move(self, seconds: float) -> None:
        """Put the deadline `seconds` away from now."""
        self.at = time.monotonic() + seconds
