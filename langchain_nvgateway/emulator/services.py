"""What the three services have in common: scripted faults, a log, a way to be held up."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from .faults import Exchange, Fault, FaultPlan, plan_normal
from .records import RecordedRequest, RequestLog
from .responses import Response
from .script import Predicate, Script
from .transport_faults import TRANSPORT_FAULTS

Chooser: TypeAlias = Callable[[RecordedRequest], "str | Fault | None"]
"""Says which fault a request meets; `None` lets it be answered as usual."""


class Place(NamedTuple):
    """Where a path leads."""

    service: str
    route: str
    model: str | None = None


class Service(ABC):
    """One of the three services.

    Args:
        log: The log of all requests.
    """

    name: str
    """`starfleet`, `gateway` or `nim`."""
    own_faults: Mapping[str, FaultPlan]
    """The faults that only this service has, by name."""

    def __init__(self, log: RequestLog) -> None:
        self._log = log
        self._faults: Script[Fault | Chooser] = Script()
        self._gate: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.origin = ""
        """Scheme, host and port, once the emulator runs."""
        self.latency = 0.0
        """Seconds before the first byte of every answer."""

    @abstractmethod
    def locate(self, path: str) -> Place | None:
        """Say which route a path leads to, or `None` if the service does not own it."""

    @abstractmethod
    def answer(self, request: RecordedRequest) -> Response:
        """Answer a request as the healthy service does."""

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, oldest first."""
        return self._log.snapshot(self.name)

    @property
    def fault_names(self) -> list[str]:
        """The names that `fail_next` and its like take."""
        return sorted({*TRANSPORT_FAULTS, *self.own_faults})

    @property
    def pending_faults(self) -> int:
        """How many counted faults have not been used up."""
        return self._faults.pending()

    def fail_next(self, fault: str | Fault, *, times: int = 1, route: str | None = None) -> None:
        """Let the next requests fail.

        Args:
            fault: A name of `fault_names`, or a `Fault`.
            times: How many requests.
            route: Only requests of this route: `chat`, `models`, `status`, `embeddings`, `token`.

        Raises:
            ValueError: There is no fault of this name.
        """
        self._faults.add(self._known(fault), times=times, route=route)

    def fail_always(self, fault: str | Fault | Chooser, *, route: str | None = None) -> None:
        """Let every request fail until `heal()`.

        Args:
            fault: A name of `fault_names`, a `Fault`, or a function that is called in the server's thread with each
                request and returns one of these, or `None` for the usual answer.
            route: As for `fail_next`.

        Raises:
            ValueError: There is no fault of this name.
        """
        self._faults.add(fault if callable(fault) else self._known(fault), times=None, route=route)

    def fail_when(self, predicate: Predicate, fault: str | Fault, times: int | None = None) -> None:
        """Let requests fail for which a predicate is true.

        Args:
            predicate: Called in the server's thread with each request.
            fault: A name of `fault_names`, or a `Fault`.
            times: How many requests; `None` for all until `heal()`.
        """
        self._faults.add(self._known(fault), times=times, predicate=predicate)

    def heal(self) -> None:
        """Forget all scripted faults and let held requests go."""
        self._faults.clear()
        self.release()

    def reset(self) -> None:
        """Forget everything that was scripted."""
        self.heal()
        self.latency = 0.0

    def hold(self) -> None:
        """Take requests but answer none before `release()`."""
        if self._gate is None:
            self._gate = asyncio.Event()

    def release(self) -> None:
        """Answer the requests that were held."""
        gate, self._gate = self._gate, None
        if gate is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(gate.set)

    def wait_for_requests(self, count: int, *, route: str | None = None, timeout: float = 5.0) -> list[RecordedRequest]:
        """Wait until so many requests have arrived.

        Args:
            count: How many.
            route: Count only this route.
            timeout: Seconds to wait at most.

        Raises:
            TimeoutError: Fewer arrived in that time.
        """
        found: list[RecordedRequest] = []

        def enough() -> bool:
            requests = self._log.snapshot(self.name)
            found[:] = [r for r in requests if route is None or r.route == route]
            return len(found) >= count

        if not self._log.wait_until(enough, timeout):
            raise TimeoutError(f"{self.name} saw {len(found)} of {count} requests")
        return found

    def respond(self, request: RecordedRequest) -> Response:
        """Answer a request, or let it fail as scripted."""
        found = self._faults.take(request)
        chosen = found(request) if callable(found) else found
        if chosen is None:
            return self.answer(request)
        fault = self._known(chosen)
        plan = self._plan_of(fault.name)
        return fault.adjust(plan(Exchange(request, self.answer), fault))

    @property
    def gate(self) -> asyncio.Event | None:
        """What held requests wait for."""
        return self._gate

    def attach(self, loop: asyncio.AbstractEventLoop, origin: str) -> None:
        """Tell the service where it runs."""
        self._loop = loop
        self.origin = origin

    def _plan_of(self, name: str) -> FaultPlan:
        if not name:
            return plan_normal
        return self.own_faults.get(name) or TRANSPORT_FAULTS[name]

    def _known(self, fault: str | Fault) -> Fault:
        fault = Fault(fault) if isinstance(fault, str) else fault
        if fault.name and fault.name not in self.own_faults and fault.name not in TRANSPORT_FAULTS:
            names = ", ".join(self.fault_names)
            raise ValueError(f"{self.name} has no fault {fault.name!r}; it has {names}")
        return fault
