"""When a token is refreshed, held off, or dropped: pure arithmetic on readings of the clocks."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum

__all__ = ["NO_TOKEN", "HeldToken", "HoldOff", "Invalidations", "Moment", "TokenState"]

REFRESH_FROM, REFRESH_TO = 0.6, 0.7
"""Shares of the life between which the refresh becomes due."""

NEAR_END_SECONDS, NEAR_END_SHARE = 60.0, 0.1
"""The last part of the life, the shorter of the two, in which callers wait for the refresh."""

USELESS_SECONDS, USELESS_SHARE = 10.0, 0.05
"""The last part of the life, the shorter of the two, in which the token is not handed out: it would end on its way."""

TRANSIENT_HOLD, TRANSIENT_HOLD_MAX = 1.0, 30.0
"""Seconds without a request after a transient failure; they double from the first to the second."""

REFUSED_HOLD, REFUSED_HOLD_MAX = 30.0, 300.0
"""Seconds without a request after refused credentials; they double from the first to the second."""

RETRY_AFTER_MAX = 300.0
"""Longest `Retry-After`, in seconds, that is believed; a mistaken one must not stop a process for a day."""

FREE_INVALIDATIONS = 2
"""Invalidations in a row that act at once."""

INVALIDATION_PAUSE, INVALIDATION_PAUSE_MAX = 1.0, 30.0
"""Seconds between further ones; they double from the first to the second."""

INVALIDATION_ROW_SECONDS = 60.0
"""A row of invalidations ends when the last one is longer ago than this."""


class TokenState(StrEnum):
    """How good the held token is."""

    FRESH = "fresh"
    """Handed out at once; no refresh is due."""

    STALE = "stale"
    """Still good, but its refresh is due."""

    EXPIRED = "expired"
    """Over, or so near its end that it would be over when it arrives."""

    ABSENT = "absent"
    """There is none: not fetched yet, refused by the gateway, or the provider is closed."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time on both clocks; whichever comes first decides.

    The monotonic clock stands still while a machine sleeps, the wall clock is set back and forth by
    people and servers: each catches what the other misses.
    """

    monotonic: float
    wall: float

    def after(self, seconds: float) -> Moment:
        """Return the moment that is `seconds` later."""
        return Moment(self.monotonic + seconds, self.wall + seconds)

    def has_come(self, now: Moment) -> bool:
        """Whether either clock has reached it."""
        return now.monotonic >= self.monotonic or now.wall >= self.wall

    def seconds_from(self, now: Moment) -> float:
        """Return how far away it is on the clock that reaches it first, at least 0."""
        return max(0.0, min(self.monotonic - now.monotonic, self.wall - now.wall))


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token and the moments of its life; immutable, so that it is read without a lock."""

    value: str = field(repr=False)
    refresh_at: Moment
    near_end_at: Moment
    useless_at: Moment
    ends_at: Moment

    life: float = 0.0
    """Seconds that the server gave it."""

    is_from_fleet: bool = False
    """Whether another process got it."""

    @classmethod
    def from_answer(cls, value: str, *, expires_in: float, asked_at: Moment, draw: float) -> HeldToken:
        """Plan the life of a token that has just come.

        Args:
            value: The token.
            expires_in: Its life in seconds, as the server has it.
            asked_at: The clocks before the request was sent: the server counts from before its answer arrives.
            draw: A number from 0 to 1 that spreads the refreshes of many workers.
        """
        return cls(
            value,
            refresh_at=asked_at.after(expires_in * (REFRESH_FROM + (REFRESH_TO - REFRESH_FROM) * draw)),
            near_end_at=asked_at.after(expires_in - min(NEAR_END_SECONDS, NEAR_END_SHARE * expires_in)),
            useless_at=asked_at.after(expires_in - min(USELESS_SECONDS, USELESS_SHARE * expires_in)),
            ends_at=asked_at.after(expires_in),
            life=expires_in,
        )

    @classmethod
    def from_fleet(cls, value: str, life: float, seconds_left: float, *, now: Moment, draw: float) -> HeldToken:
        """Plan what is left of the life of a token that another process got.

        Args:
            value: The token.
            life: Its whole life in seconds.
            seconds_left: What is left of it.
            now: The clocks.
            draw: As for `from_answer`.
        """
        token = cls.from_answer(value, expires_in=life, asked_at=now.after(seconds_left - life), draw=draw)
        return replace(token, is_from_fleet=True)

    def state(self, now: Moment) -> TokenState:
        """Return how good the token is."""
        if not self.value:
            return TokenState.ABSENT
        if self.useless_at.has_come(now):
            return TokenState.EXPIRED
        return TokenState.STALE if self.refresh_at.has_come(now) else TokenState.FRESH

    def is_usable(self, now: Moment) -> bool:
        """Whether it may still be handed out."""
        return self.state(now) in (TokenState.FRESH, TokenState.STALE)


_NEVER = Moment(-math.inf, -math.inf)

NO_TOKEN = HeldToken("", _NEVER, _NEVER, _NEVER, _NEVER)
"""Stands where no token is; its refresh is always due, which saves the fast path a test for `None`."""


@dataclass(frozen=True, slots=True)
class HoldOff:
    """How long nothing is sent after failures; a success or a new secret starts from a new one."""

    until: float = -math.inf
    """Reading of the monotonic clock until which the last failure is repeated without a request."""

    transient_failures: int = 0
    refusals: int = 0

    def after_failure(self, now: float, *, is_refusal: bool, retry_after: float | None) -> HoldOff:
        """Return the hold-off that one more failure makes.

        Args:
            now: Reading of the monotonic clock.
            is_refusal: Whether the credentials were refused.
            retry_after: Seconds that the server asked for, if it did.
        """
        asked = min(retry_after or 0.0, RETRY_AFTER_MAX)
        if is_refusal:
            seconds = max(_doubled(REFUSED_HOLD, self.refusals, REFUSED_HOLD_MAX), asked)
            return HoldOff(now + seconds, self.transient_failures, self.refusals + 1)
        seconds = max(_doubled(TRANSIENT_HOLD, self.transient_failures, TRANSIENT_HOLD_MAX), asked)
        return HoldOff(now + seconds, self.transient_failures + 1, self.refusals)

    def remaining(self, now: float) -> float:
        """Return the seconds that are left of it, at least 0."""
        return max(0.0, self.until - now)


@dataclass(frozen=True, slots=True)
class Invalidations:
    """A row of refused tokens; keeps a gateway that refuses every token from causing a refresh per call."""

    count: int = 0
    last: float = -math.inf

    def next_at(self, now: float) -> Invalidations | None:
        """Return the row with one more invalidation, or `None` when it comes too soon after the last one.

        Args:
            now: Reading of the monotonic clock.
        """
        if now - self.last > INVALIDATION_ROW_SECONDS:
            return Invalidations(1, now)
        further = self.count - FREE_INVALIDATIONS
        if further >= 0 and now - self.last < _doubled(INVALIDATION_PAUSE, further, INVALIDATION_PAUSE_MAX):
            return None
        return Invalidations(self.count + 1, now)


def _doubled(start: float, times: int, limit: float) -> float:
    # Few doublings reach any limit here, and 2 to the power of thousands is no float.
    return min(start * 2.0 ** min(times, 20), limit)
