"""One breaker in the fleet: its gate, and how it and the fleet's circuit come to agree."""

from __future__ import annotations

import math
import secrets
import time
import weakref
from collections.abc import Callable
from typing import Protocol

from ..breaker import BreakerState, SharedCircuit, SharedCircuitBreaker
from .merging import Standing, next_step, reaction
from .schema import ANSWER_SECONDS, LEASE_SECONDS, VIEW_SECONDS
from .steps import Answer, Step

__all__ = ["Member", "Watcher"]

_MARGIN = 1.0
"""In the last seconds of a lease no probe goes out: Redis must hear of it before the lease ends."""

_AT_ONCE = 0.01


class Watcher(Protocol):
    """Who does the I/O for members."""

    @property
    def is_lost(self) -> bool:
        """Whether Redis cannot be reached."""

    def start(self) -> None:
        """Look at the fleet from now on."""

    def wake(self) -> None:
        """Look at once; never waits."""


class Member:
    """The gate of a `SharedCircuitBreaker`, fed by the answers of Redis.

    A probe goes out if this process holds the fleet's lease; or if Redis cannot be reached, does not answer within
    `ANSWER_SECONDS`, or has not said for `VIEW_SECONDS` that another process has the lease. So Redis never makes a
    probe wait for longer than both.

    What calls read here are single values, written by one thread; so there is no lock.

    Args:
        key: Key of the circuit in Redis.
        watcher: Who does the I/O.
        clock: Monotonic time in seconds, for what Redis grants; replaced in tests.
    """

    def __init__(self, key: str, watcher: Watcher, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.key = key
        self._clock = clock
        self.is_watching = False
        self._watcher = watcher
        self._breaker: weakref.ref[SharedCircuitBreaker] | None = None
        self._is_detached = False
        self._step = Step()
        self.after_fork()

    def guard(self, breaker: SharedCircuitBreaker) -> None:
        """Become the gate of a breaker."""
        self._breaker = weakref.ref(breaker)

    def detach(self) -> None:
        """Leave the breaker to its own rules."""
        self._is_detached = True
        self.is_watching = True

    def after_fork(self) -> None:
        """Become another process than the parent."""
        self.owner = secrets.token_hex(8)
        self._standing = Standing()
        self._heard_at = self._granted_until = self._denied_until = -math.inf
        self._asked_at: float | None = None
        self._wants = False

    # -- What the breaker asks --------------------------------------------------------------------------------

    def watch(self) -> None:
        """Look at the other processes from now on."""
        self._watcher.start()

    def changed(self) -> None:
        """Tell the other processes of a transition."""
        if not self.is_watching:
            self._watcher.start()
        if not self._is_detached:
            self._watcher.wake()

    def seconds_to_wait(self, *, asks: bool) -> float | None:
        """Return the seconds until a probe should ask again, `None` if it may go out."""
        now = self._clock()
        if self._is_detached or now < self._granted_until:
            return None
        if asks:
            self._wants = True
        if now < self._denied_until:
            return ANSWER_SECONDS
        if self._watcher.is_lost:
            return None
        if self._asked_at is None:
            if asks:
                self._asked_at = now
                self._watcher.wake()
            return ANSWER_SECONDS
        left = self._asked_at + ANSWER_SECONDS - now
        return left if left > 0 else None

    # -- What the thread that does the I/O asks ---------------------------------------------------------------

    @property
    def is_alive(self) -> bool:
        """Whether anybody still has the breaker."""
        return not self._is_detached and self._breaker is not None and self._breaker() is not None

    def next_step(self, *, is_idle: bool) -> Step | None:
        """Return what to do with the fleet's circuit, `None` if nobody has the breaker any more.

        Args:
            is_idle: Whether this process makes no calls, and so should leave probes to others.
        """
        breaker = self._breaker() if self._breaker and not self._is_detached else None
        if breaker is None:
            return None
        own = breaker.shared()
        if own.state is BreakerState.CLOSED or own.seconds_left:
            self._wants = False
            self._asked_at = None
            self._granted_until = self._denied_until = -math.inf
        is_view_old = self._clock() - self._heard_at > 2 * VIEW_SECONDS
        step = next_step(own, self._standing, wants=self._wants, is_view_old=is_view_old, is_idle=is_idle)
        if step.verb == "release" and not breaker.unless_probing(self._give_up_right):
            step = Step("claim", step.base, own)
        if step.verb == "glance" and self._heard_at == -math.inf:
            # Nothing may have been written since the last look of the others, but this one has seen nothing yet.
            step = Step("look", step.base, own)
        self._step = step
        return step

    def take(self, answer: Answer | None, *, sent_at: float) -> None:
        """Take the answer to the last step.

        Args:
            answer: What came of it; `None` if nothing was written since the one before.
            sent_at: When it was sent; what Redis grants counts from then at the latest.
        """
        breaker = self._breaker() if self._breaker else None
        if breaker is None:
            return
        self._heard_at = now = self._clock()
        if answer is None:
            return
        before, step = self._standing, self._step
        standing, adopted = reaction(step, before, answer)
        if adopted is not None:
            generation = breaker.adopt(adopted, generation=step.circuit.generation)
            # It changed meanwhile, and has something to say of its own.
            standing = before if generation is None else _in_step(standing, generation)
        self._standing = standing
        if standing.holds:
            self._granted_until = sent_at + LEASE_SECONDS - _MARGIN
            self._wants = False
        else:
            self._granted_until = -math.inf
        if standing.is_taken or (step.verb == "claim" and not standing.holds):
            self._denied_until = now + VIEW_SECONDS
        if step.verb == "claim":
            self._asked_at = None

    def seconds_to_next(self) -> float:
        """Return the seconds until the fleet should be looked at again, if nothing happens before."""
        breaker = self._breaker() if self._breaker else None
        own = breaker.shared() if breaker else SharedCircuit()
        if own.generation != self._standing.own_generation:
            return _AT_ONCE
        longest = VIEW_SECONDS / 4 if self._wants else VIEW_SECONDS / 2
        return min(own.seconds_left, longest) if own.seconds_left else longest

    def _give_up_right(self) -> None:
        self._granted_until = -math.inf


def _in_step(standing: Standing, generation: int) -> Standing:
    return Standing(
        standing.fleet_generation,
        generation,
        holds=standing.holds,
        is_taken=standing.is_taken,
    )
