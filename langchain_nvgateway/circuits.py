"""The circuits of all endpoints that a manager's roles use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .breaker import BreakerState, CircuitBreaker, Transition
from .events import CircuitClosed, CircuitHalfOpen, CircuitOpened, Event
from .leg import LegBreakers
from .roles import PROVIDERS

__all__ = ["Circuits"]

_KINDS = ("", "/credentials", "/quality")


class Circuits(Mapping[str, CircuitBreaker]):
    """Circuit breakers by name: `provider:model`, and the same with `/credentials` and `/quality`.

    Those of an endpoint are made when they are first asked for.

    Args:
        tell: Called with an event when one opens, probes or closes.
        build: Makes a breaker of its name and keyword arguments.
        rules: Keyword arguments of each `CircuitBreaker`.
    """

    def __init__(
        self,
        tell: Callable[[Event], None],
        *,
        build: Callable[..., CircuitBreaker] = CircuitBreaker,
        **rules: Any,
    ) -> None:
        self._tell = tell
        self._build = build
        self._rules = rules
        self._breakers: dict[str, CircuitBreaker] = {}
        self._lock = threading.Lock()

    def of(self, provider: str, model: str) -> LegBreakers:
        """Return the three circuits of an endpoint."""
        return LegBreakers(*self._made(f"{provider}:{model}"))

    def __getitem__(self, name: str) -> CircuitBreaker:
        endpoint = name
        for kind in _KINDS[1:]:
            endpoint = endpoint.removesuffix(kind)
        provider, _, model = endpoint.partition(":")
        if provider not in PROVIDERS or not model:
            known = ", ".join(name for name in self if not name.endswith(_KINDS[1:])) or "none yet"
            raise KeyError(f"There is no circuit {name!r}; give `provider:model` of one of the legs: {known}.")
        self._made(endpoint)
        return self._breakers[name]

    def __contains__(self, name: object) -> bool:
        return name in self._breakers

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._breakers))

    def __len__(self) -> int:
        return len(self._breakers)

    def reset(self) -> None:
        """Close them all and forget all counts."""
        for breaker in list(self._breakers.values()):
            breaker.reset()

    def _made(self, endpoint: str) -> list[CircuitBreaker]:
        names = [endpoint + kind for kind in _KINDS]
        if names[-1] not in self._breakers:
            with self._lock:
                for name in names:
                    if name not in self._breakers:
                        self._breakers[name] = self._build(name, on_transition=self._on_transition, **self._rules)
        return [self._breakers[name] for name in names]

    def _on_transition(self, transition: Transition) -> None:
        match transition.after:
            case BreakerState.OPEN:
                self._tell(CircuitOpened(transition.name, transition.reason, transition.retry_after or 0.0))
            case BreakerState.HALF_OPEN:
                self._tell(CircuitHalfOpen(transition.name))
            case BreakerState.CLOSED:
                self._tell(CircuitClosed(transition.name, transition.reason))
