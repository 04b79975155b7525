"""The seam of a breaker whose circuit is shared with other processes; whoever shares it does the I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from .circuit import BreakerState, Circuit
from .circuit_breaker import CircuitBreaker
from .counts import Counts
from .listening import Reason
from .permit import Permit
from .snapshot import BreakerSnapshot

__all__ = ["ProbeGate", "SharedCircuit", "SharedCircuitBreaker"]

_CLOSED = BreakerState.CLOSED


class ProbeGate(Protocol):
    """Whoever shares a breaker's circuit. The breaker asks it under its lock, so that it must never wait."""

    is_watching: bool
    """Whether it looks at the other processes; `watch` is called before a call while it does not."""

    def watch(self) -> None:
        """Look at the other processes from now on."""

    def detach(self) -> None:
        """Let every probe out from now on, and look at nobody."""

    def changed(self) -> None:
        """Take note that the circuit entered another generation by what this process saw."""

    def seconds_to_wait(self, *, asks: bool) -> float | None:
        """Return the seconds until a probe that could go out now should ask again, `None` if it may go out.

        Args:
            asks: Whether there is a call that would be the probe.
        """


@dataclass(frozen=True, slots=True)
class SharedCircuit:
    """What of a circuit concerns other processes; times are relative, since their clocks differ."""

    state: BreakerState = _CLOSED

    generation: int = 0
    """Of this process; other processes have other ones."""

    openings: int = 0
    """How often it opened since it was last healthy."""

    open_for: float = 0.0
    """Seconds for which it was last opened."""

    seconds_left: float = 0.0
    """Seconds until a probe may go out; 0 when it may, and in other states than open."""

    closed_for: float | None = None
    """Seconds since it closed; `None` if it never was open, or was reset."""

    probes_out: int = 0
    """Probes that are under way."""


class SharedCircuitBreaker(CircuitBreaker):
    """A breaker that also opens and closes when one of another process does, and whose probes ask a gate.

    In everything else it is a `CircuitBreaker`; while it is closed a call costs nothing but a look at an attribute.

    Args:
        name: As for `CircuitBreaker`, as are all `rules`.
        gate: Who says whether a probe may go out.
    """

    def __init__(self, name: str, *, gate: ProbeGate, **rules: Any) -> None:
        super().__init__(name, **rules)
        self._gate = gate

    @property
    def state(self) -> BreakerState:
        """What `acquire` would meet now; half-open too while all probes of the fleet are out."""
        if not self._gate.is_watching:
            self._gate.watch()
        return super().state

    def acquire(self) -> Permit:
        """Return the permit for one call, at once.

        Raises:
            CircuitOpenError: As for `CircuitBreaker`, and while another process probes.
        """
        if not self._gate.is_watching:
            self._gate.watch()
        return super().acquire()

    def snapshot(self) -> BreakerSnapshot:
        """Return what there is to know at this moment."""
        if not self._gate.is_watching:
            self._gate.watch()
        snapshot = super().snapshot()
        if snapshot.state is _CLOSED or snapshot.retry_after is not None:
            return snapshot
        return replace(snapshot, retry_after=self._gate.seconds_to_wait(asks=False))

    def leave(self) -> None:
        """Follow other processes no more."""
        self._gate.detach()

    def shared(self) -> SharedCircuit:
        """Return what other processes should know."""
        with self._lock:
            self._take_back_dropped()
            now, circuit = self._now(), self._circuit
            was_open = circuit.state is _CLOSED and circuit.openings > 0
            return SharedCircuit(
                circuit.state,
                circuit.generation,
                circuit.openings,
                circuit.open_for,
                max(circuit.open_until - now, 0.0) if circuit.state is BreakerState.OPEN else 0.0,
                now - circuit.closed_at if was_open else None,
                sum(now < lease.until for lease in circuit.leases),
            )

    def adopt(self, remote: SharedCircuit, *, generation: int) -> int | None:
        """Become what the circuit is in other processes; opening counts nothing, closing forgets the counts.

        Args:
            remote: The circuit there, open or closed; its `generation` and probes mean nothing here.
            generation: Of this circuit, when the decision was made.

        Returns:
            The new generation; `None` if the circuit had left the generation, and nothing was done.
        """
        with self._lock:
            before = self._circuit
            if before.generation != generation:
                return None
            after = self._adopted(remote, generation + 1)
            if not super()._replace(before, after, "fleet"):
                return None
            if after.state is _CLOSED:
                self._counts = Counts(self._rules.window_seconds)
        self._announcer.tell()
        return after.generation

    def unless_probing(self, do: Callable[[], None]) -> bool:
        """Do something while no probe is out and none can go out; return whether it was done."""
        with self._lock:
            is_free = not self.shared().probes_out
            if is_free:
                do()
            return is_free

    def _adopted(self, remote: SharedCircuit, generation: int) -> Circuit:
        now, longest = self._now(), self._rules.max_open_seconds
        openings, open_for = max(remote.openings, 0), min(remote.open_for, longest)
        if remote.state is _CLOSED:
            if remote.closed_for is None:
                return Circuit(generation=generation)
            closed_at = now - remote.closed_for
            return Circuit(generation=generation, openings=openings, open_for=open_for, closed_at=closed_at)
        until = now + min(remote.seconds_left, longest)
        return Circuit(BreakerState.OPEN, generation, openings=max(openings, 1), open_for=open_for, open_until=until)

    def _acquire_probe(self) -> tuple[Permit | None, float | None]:
        with self._lock:
            self._take_back_dropped()
            circuit = self._circuit
            is_due = circuit.retry_after(self._now(), probes=self._rules.half_open_probes) is None
            if is_due and circuit.state is not _CLOSED:
                wait = self._gate.seconds_to_wait(asks=True)
                if wait is not None:
                    return None, wait
            return super()._acquire_probe()

    def _replace(self, before: Circuit, after: Circuit, reason: Reason | None = None) -> bool:
        is_done = super()._replace(before, after, reason)
        if is_done and after.generation != before.generation:
            self._gate.changed()
        return is_done
