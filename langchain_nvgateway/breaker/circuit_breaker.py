"""The circuit breaker: the rules of its neighbours behind a lock and a clock."""

from __future__ import annotations

import itertools
import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ..errors import CircuitOpenError, ConfigurationError
from . import forks
from .circuit import BreakerState, Circuit, Lease
from .counts import Counts
from .guard import Guard
from .listening import Announcer, Reason, Transition
from .openings import Opening, Setback
from .permit import Permit, Probe
from .rules import BreakerRules, check_function
from .snapshot import BreakerSnapshot

__all__ = ["CircuitBreaker"]

_CLOSED = BreakerState.CLOSED  # read on every call; the attribute of an enum is slow
_ORDINARY = Setback()
_REASONS: dict[Opening, Reason] = {"at-once": "failure-at-once", "for-maximum": "failure-for-maximum"}


class CircuitBreaker:
    """Remember whether an endpoint is worth calling.

    Closed until `failure_threshold` failures in a row, or a share of `failure_rate` failures in the last
    `window_seconds`; then open for `open_seconds`, longer with each re-opening; then half-open: probes decide.
    The open time starts anew once the circuit stayed closed for as long as it was last open.
    Safe in threads, tasks and forks; never waits and never does I/O. Copies are the same breaker.

    Args:
        name: What it guards, for messages: `provider:model`.
        failure_threshold: Failures in a row that open the circuit.
        failure_rate: Share of failures, above 0 and up to 1, that opens the circuit.
        minimum_calls: Verdicts that the window must hold for the rate to count.
        window_seconds: Length of the sliding window.
        open_seconds: Seconds to stay open before a probe; at exactly then one is admitted.
        open_multiplier: How much longer each re-opening lasts than the opening before.
        max_open_seconds: Longest time to stay open, jitter and `Retry-After` included.
        jitter: Share of the open time that chance adds at most.
        half_open_probes: Probes that may be out together, and successes that close the circuit.
        probe_lease_seconds: Seconds after which a probe without a verdict is lost, and another may go out.
        clock: Monotonic time in seconds; replaced in tests. One that goes back counts as standing still.
        on_transition: Called after each change of state, in order and outside of every lock; what it raises is logged.

    Raises:
        ConfigurationError: An argument is out of its range.
    """

    def __init__(
        self,
        name: str,
        *,
        failure_threshold: int = 2,
        failure_rate: float = 0.5,
        minimum_calls: int = 20,
        window_seconds: float = 60.0,
        open_seconds: float = 180.0,
        open_multiplier: float = 2.0,
        max_open_seconds: float = 1800.0,
        jitter: float = 0.1,
        half_open_probes: int = 1,
        probe_lease_seconds: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
        on_transition: Callable[[Transition], None] | None = None,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise ConfigurationError(f"name of a circuit breaker is {name!r}; it takes a text.", setting="name")
        check_function("clock", clock)
        if on_transition is not None:
            check_function("on_transition", on_transition)
        self.name = name
        self._rules = BreakerRules(
            failure_threshold=failure_threshold,
            failure_rate=failure_rate,
            minimum_calls=minimum_calls,
            window_seconds=window_seconds,
            open_seconds=open_seconds,
            open_multiplier=open_multiplier,
            max_open_seconds=max_open_seconds,
            jitter=jitter,
            half_open_probes=half_open_probes,
            probe_lease_seconds=probe_lease_seconds,
        )
        # Reentrant: the collector may close an abandoned stream, whose verdict comes while its thread is in here.
        self._lock = threading.RLock()
        self._circuit = Circuit()
        self._counts = Counts(window_seconds)
        self._dropped: deque[Lease] = deque()
        self._lease_numbers = itertools.count(1)
        self._announcer = Announcer(on_transition)
        self._clock = clock
        self._reading = -math.inf
        self._lag = 0.0
        forks.look_after(self)

    def __repr__(self) -> str:
        return f"CircuitBreaker({self.name!r}, state={self.state.value!r})"

    def __copy__(self) -> CircuitBreaker:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> CircuitBreaker:
        return self

    @property
    def state(self) -> BreakerState:
        """What `acquire` would meet now; half-open too while all probes are out."""
        if self._circuit.state is _CLOSED:
            return _CLOSED
        with self._lock:
            return self._circuit.state_at(self._now())

    def snapshot(self) -> BreakerSnapshot:
        """Return what there is to know at this moment."""
        with self._lock:
            now = self._now()
            self._take_back_dropped()
            circuit, rules = self._circuit, self._rules
            return BreakerSnapshot(
                self.name,
                circuit.state_at(now),
                self._counts.in_a_row,
                self._counts.rate(now, rules.minimum_calls),
                circuit.retry_after(now, probes=rules.half_open_probes),
                circuit.reopenings_at(now),
            )

    def acquire(self) -> Permit:
        """Return the permit for one call, at once.

        Raises:
            CircuitOpenError: The circuit is open, or half-open with all its probes out.
        """
        circuit = self._circuit
        if circuit.state is _CLOSED:
            return Permit(self, circuit.generation)
        permit, retry_after = self._acquire_probe()
        self._announcer.tell()
        if permit is None:
            msg = (
                f"The circuit of {self.name} lets no call through, so nothing was sent. "
                f"Try again in {retry_after:.3g} s, or use another model."
            )
            raise CircuitOpenError(msg, name=self.name, retry_after=retry_after)
        return permit

    def guard(self) -> Guard:
        """Return a `with` or `async with` block around one call; entering it raises as `acquire` does."""
        return Guard(self)

    def reset(self) -> None:
        """Close the circuit and forget all counts; calls that are under way no longer count."""
        with self._lock:
            self._counts = Counts(self._rules.window_seconds)
            while not self._replace(circuit := self._circuit, circuit.reset(), "reset"):
                pass
        self._announcer.tell()

    def force_open(self) -> None:
        """Open the circuit, or open it anew, for the open time that a failure would open it for."""
        with self._lock:
            self._open(self._now(), None, "forced")
        self._announcer.tell()

    def _acquire_probe(self) -> tuple[Permit | None, float | None]:
        with self._lock:
            now = self._now()
            self._take_back_dropped()
            while True:
                circuit = self._circuit
                if circuit.state is _CLOSED:
                    return Permit(self, circuit.generation), None
                retry_after = circuit.retry_after(now, probes=self._rules.half_open_probes)
                if retry_after is not None:
                    return None, retry_after
                lease = Lease(next(self._lease_numbers), now + self._rules.probe_lease_seconds)
                after = circuit.probed(lease, now)
                permit = Probe(self, after.generation, lease)
                if self._replace(circuit, after, "open-time-over"):
                    return permit, None

    def _succeed(self, permit: Permit) -> None:
        with self._lock:
            if permit.is_settled:
                return
            permit.is_settled = True
            circuit = self._circuit
            if permit.generation != circuit.generation:
                return
            if circuit.state is _CLOSED:
                counts, reading = self._counts, self._clock()
                if (
                    self._reading <= reading
                    and reading + self._lag < counts.settled_until
                    and (not counts.failures or counts.calls >= self._rules.minimum_calls)
                ):
                    # What nearly every call comes to: `_now` and `Counts.count` without their calls. The rate need
                    # not be looked at: where it already counts, and nothing is forgotten, a success only lowers it.
                    self._reading = reading
                    counts.in_a_row = 0
                    counts.calls += 1
                    counts.bucket.calls += 1
                    return
                self._count(permit, None)
            elif permit.lease is not None:
                self._settle_probe(permit, permit.lease)
        self._announcer.tell()

    def _fail(self, permit: Permit, failure: Setback) -> None:
        with self._lock:
            if permit.is_settled:
                return
            permit.is_settled = True
            if permit.generation != self._circuit.generation:
                return
            if permit.lease is None:
                self._count(permit, failure)
            elif self._circuit.holds(permit.lease, now := self._now()):
                self._counts.in_a_row += 1
                self._open(now, permit, "probe-failed", failure)
        self._announcer.tell()

    def _neutral(self, permit: Permit) -> None:
        with self._lock:
            if permit.is_settled:
                return
            permit.is_settled = True
            if permit.lease is not None:
                self._return(permit.lease)

    def _count(self, permit: Permit, failure: Setback | None) -> None:
        """Count the verdict of a call that began in this closed generation, and open the circuit if it must."""
        now, rules, counts = self._now(), self._rules, self._counts
        counts.count(now, is_failure=failure is not None)
        rate = counts.rate(now, rules.minimum_calls)
        if failure is not None and failure.opening != "at-threshold":
            self._open(now, permit, _REASONS[failure.opening], failure)
        elif counts.in_a_row >= rules.failure_threshold:
            self._open(now, permit, "failures-in-a-row", failure)
        elif rate is not None and rate >= rules.failure_rate:
            self._open(now, permit, "failure-rate", failure)

    def _settle_probe(self, permit: Permit, lease: Lease) -> None:
        now, needed = self._now(), self._rules.half_open_probes
        while (circuit := self._circuit).generation == permit.generation and circuit.holds(lease, now):
            after = circuit.probe_succeeded(lease, now, needed=needed)
            if self._replace(circuit, after, "probes-succeeded"):
                if after.state is _CLOSED:
                    self._counts = Counts(self._rules.window_seconds)
                self._counts.in_a_row = 0
                return

    def _open(self, now: float, permit: Permit | None, reason: Reason, failure: Setback | None = None) -> None:
        """Open the circuit, unless it has left the generation of the permit that wants it."""
        draw = random.random()
        while permit is None or permit.generation == self._circuit.generation:
            circuit = self._circuit
            # By hand, an open or half-open circuit opens for as long as it would have: nothing has failed.
            is_further = permit is not None or circuit.state is _CLOSED
            openings = circuit.openings_at(now) + is_further
            seconds = self._rules.open_period(failure or _ORDINARY, reopenings=openings - 1, draw=draw)
            if self._replace(circuit, circuit.opened(now, seconds=seconds, openings=openings), reason):
                return

    def _return(self, lease: Lease) -> None:
        while not self._replace(circuit := self._circuit, circuit.returned(lease)):
            pass

    def _take_back_dropped(self) -> None:
        while self._dropped:
            self._return(self._dropped.popleft())

    def _replace(self, before: Circuit, after: Circuit, reason: Reason | None = None) -> bool:
        """Put `after` in the place of `before`, unless that is no longer the circuit.

        It is not when the collector broke in since `before` was read, and a verdict of this thread came with it.
        """
        transition = None
        if reason is not None and after.state is not before.state:
            opened_for = after.open_for if after.state is BreakerState.OPEN else None
            transition = Transition(self.name, before.state, after.state, reason, opened_for)
        if self._circuit is not before:
            return False
        self._circuit = after
        if transition is not None:
            self._announcer.note(transition)
        return True

    def _now(self) -> float:
        # Only under the lock: two threads that read the clock in one order and come here in the other would look
        # like a clock that goes back.
        reading = self._clock()
        if reading < self._reading:
            self._lag += self._reading - reading
        self._reading = reading
        return reading + self._lag

    def after_fork(self) -> None:
        """Let go of the locks in a child process; `forks` calls it."""
        # Another thread of the parent may have held the locks, and does not exist here to let go of them.
        self._lock = threading.RLock()
        self._announcer.after_fork()
        self._counts.recount()
