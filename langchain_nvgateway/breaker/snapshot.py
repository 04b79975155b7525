"""What a breaker says about itself."""

from __future__ import annotations

from dataclasses import dataclass

from .circuit import BreakerState

__all__ = ["BreakerSnapshot"]


@dataclass(frozen=True, slots=True)
class BreakerSnapshot:
    """A breaker at one moment."""

    name: str

    state: BreakerState
    """What a call would meet."""

    consecutive_failures: int
    """Failures in a row so far; failed probes are among them."""

    failure_rate: float | None
    """Share of failures in the sliding window; `None` when it holds fewer than `minimum_calls`."""

    retry_after: float | None
    """Seconds after which a call is admitted if no verdict comes first; `None` when it is admitted now."""

    reopenings: int
    """How often the circuit has opened again since it was last healthy; the open time grows with it."""
