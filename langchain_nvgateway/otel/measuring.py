"""Managers that are measured, and the instruments that they share."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import version

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

from ..breaker import BreakerState
from ..events import Event
from ..manager import ModelManager
from .collecting import is_collecting
from .instruments import Instruments
from .names import Attributes, Names
from .span_events import add_span_event

__all__ = ["measured"]

_STATES = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}

_MOST_WAITING = 1000
"""Events that wait for the garbage collector to end; where nobody reads the metrics, nobody misses the rest."""


class _Measured:
    """A manager, whose events are counted.

    The manager holds it, and it does not hold the manager.
    """

    def __init__(self, manager: ModelManager, at: _Measurements) -> None:
        self.manager = weakref.ref(manager)
        self._at = at
        self._waiting: deque[Event] = deque(maxlen=_MOST_WAITING)
        self._remove = manager.on_event(self._hear, details=True)

    def stop(self) -> None:
        """Count no more."""
        self._remove()
        self._at.forget(self)
        self.catch_up()

    def catch_up(self) -> None:
        """Count what had to wait."""
        with suppress(IndexError):
            while True:
                self._at.instruments.count(self._waiting.popleft())

    def _hear(self, event: Event) -> None:
        if is_collecting():
            self._waiting.append(event)
            return
        if self._waiting:
            self.catch_up()
        self._at.instruments.count(event)
        add_span_event(event, self._at.names)


class _Measurements:
    """All that is measured at one meter provider: OpenTelemetry keeps one gauge of a name for good.

    Args:
        provider: The meter provider; `None` for the global one.
    """

    def __init__(self, provider: MeterProvider | None) -> None:
        meter = metrics.get_meter("langchain_nvgateway", version("langchain-nvgateway"), provider)
        self.names = Names()
        self.instruments = Instruments(meter, self.names)
        self._managers: weakref.WeakSet[_Measured] = weakref.WeakSet()
        self._lock = threading.Lock()
        meter.create_observable_gauge(
            "nvgateway.circuit.state",
            [self._circuit_states],
            description="State of a circuit: 0 closed, 1 half-open, 2 open",
        )

    def add(self, manager: ModelManager) -> _Measured:
        """Measure a manager, from now on if it was not before."""
        self.names.keep(manager.breakers)
        with self._lock:
            for known in self._managers:
                if known.manager() is manager:
                    return known
            new = _Measured(manager, self)
            self._managers.add(new)
            return new

    def forget(self, measured: _Measured) -> None:
        """Show no more of a manager."""
        with self._lock:
            self._managers.discard(measured)

    def _circuit_states(self, _options: CallbackOptions) -> list[Observation]:
        with self._lock:
            managers = list(self._managers)
        worst: dict[tuple[tuple[str, str], ...], int] = {}
        for measured in managers:
            measured.catch_up()
            for attributes, state in self._states_of(measured.manager()):
                key = tuple(attributes.items())
                worst[key] = max(state, worst.get(key, 0))
        return [Observation(state, dict(key)) for key, state in worst.items()]

    def _states_of(self, manager: ModelManager | None) -> Iterator[tuple[Attributes, int]]:
        breakers = manager.breakers if manager else {}
        for name in breakers:
            yield self.names.of_circuit(name), _STATES[breakers[name].state]


_lock = threading.Lock()
_at_global: list[_Measurements] = []
_at_others: weakref.WeakKeyDictionary[MeterProvider, _Measurements] = weakref.WeakKeyDictionary()


def measured(manager: ModelManager, provider: MeterProvider | None) -> Callable[[], None]:
    """Measure a manager; call what is returned to end that.

    Args:
        manager: The manager.
        provider: The meter provider; `None` for the global one.
    """
    with _lock:
        return _measurements_at(provider).add(manager).stop


def _measurements_at(provider: MeterProvider | None) -> _Measurements:
    # The global provider is another object before and after an application sets it.
    if provider is None or provider is metrics.get_meter_provider():
        if not _at_global:
            _at_global.append(_Measurements(None))
        return _at_global[0]
    if provider not in _at_others:
        _at_others[provider] = _Measurements(provider)
    return _at_others[provider]
