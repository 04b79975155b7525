"""The states of a circuit and how one follows from another: immutable, without a clock, a lock or chance."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

__all__ = ["BreakerState", "Circuit", "Lease"]


class BreakerState(StrEnum):
    """What a call would meet."""

    CLOSED = "closed"
    """All calls go out."""

    OPEN = "open"
    """No call goes out."""

    HALF_OPEN = "half-open"
    """The open time is over: a few probes go out and decide."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one probe to decide."""

    number: int
    until: float
    """From then on its probe counts as lost."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """All that a circuit knows, apart from the counts that open it; each method returns the circuit that follows.

    All times are on one clock that does not go back. Whoever shares circuits between processes shares these.
    """

    state: BreakerState = BreakerState.CLOSED
    """As of the last transition: an open circuit becomes half-open with its first probe, see `state_at`."""

    generation: int = 0
    """Grows with each transition; a verdict counts only in the generation in which its call began."""

    openings: int = 0
    """How often it opened since it was last healthy."""

    open_for: float = 0.0
    """Seconds for which it was last opened."""

    open_until: float = -math.inf
    closed_at: float = -math.inf

    leases: tuple[Lease, ...] = ()
    """Probes that are out, lost ones among them."""

    successes: int = 0
    """Probes that succeeded since it is half-open."""

    def state_at(self, now: float) -> BreakerState:
        """Return what a call would meet at `now`."""
        is_over = self.state is BreakerState.OPEN and now >= self.open_until
        return BreakerState.HALF_OPEN if is_over else self.state

    def retry_after(self, now: float, *, probes: int) -> float | None:
        """Return the seconds after which a call is admitted if no verdict comes first, `None` if it is at once.

        Args:
            now: The time.
            probes: How many may be out together.
        """
        if self.state_at(now) is BreakerState.OPEN:
            return _seconds_until(self.open_until, now)
        leased_until = [lease.until for lease in self.leases if now < lease.until]
        return None if len(leased_until) < probes else _seconds_until(min(leased_until), now)

    def openings_at(self, now: float) -> int:
        """Return how often it opened since it was last healthy, which it is once closed for as long as it was open."""
        is_healthy = self.state is BreakerState.CLOSED and now - self.closed_at >= self.open_for
        return 0 if is_healthy else self.openings

    def reopenings_at(self, now: float) -> int:
        """Return how often it opened again since it was last healthy."""
        return max(self.openings_at(now) - 1, 0)

    def holds(self, lease: Lease, now: float) -> bool:
        """Whether the probe with this lease may still decide."""
        return lease in self.leases and now < lease.until

    def opened(self, now: float, *, seconds: float, openings: int) -> Circuit:
        """Let no call go out for `seconds`."""
        return Circuit(
            BreakerState.OPEN,
            self.generation + 1,
            openings=openings,
            open_for=seconds,
            open_until=now + seconds,
        )

    def probed(self, lease: Lease, now: float) -> Circuit:
        """Let a probe go out."""
        leases = (*(held for held in self.leases if now < held.until), lease)
        if self.state is BreakerState.HALF_OPEN:
            return replace(self, leases=leases)
        return replace(self, state=BreakerState.HALF_OPEN, generation=self.generation + 1, leases=leases, successes=0)

    def returned(self, lease: Lease) -> Circuit:
        """Take back the lease of a probe that decided nothing."""
        return replace(self, leases=tuple(held for held in self.leases if held != lease))

    def probe_succeeded(self, lease: Lease, now: float, *, needed: int) -> Circuit:
        """Close with the last success that is needed."""
        if self.successes + 1 >= needed:
            return self.closed(now)
        return replace(self.returned(lease), successes=self.successes + 1)

    def closed(self, now: float) -> Circuit:
        """Let all calls go out, and remember how long it was open."""
        return Circuit(
            BreakerState.CLOSED,
            self.generation + 1,
            openings=self.openings,
            open_for=self.open_for,
            closed_at=now,
        )

    def reset(self) -> Circuit:
        """Let all calls go out, and remember nothing."""
        return Circuit(generation=self.generation + 1)


def _seconds_until(moment: float, now: float) -> float:
    # Whoever waits for just so long must not come too early by the last bit of a float.
    seconds = moment - now
    return seconds if now + seconds >= moment else math.nextafter(seconds, math.inf)
