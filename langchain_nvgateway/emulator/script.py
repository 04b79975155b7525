"""What a test has scripted for the next requests of a service."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from .records import RecordedRequest

Predicate: TypeAlias = Callable[[RecordedRequest], bool]
T = TypeVar("T")


@dataclass(slots=True)
class _Rule(Generic[T]):
    what: T
    left: int | None
    """How many requests it still applies to; `None` for all."""
    route: str | None
    predicate: Predicate | None

    def applies(self, request: RecordedRequest) -> bool:
        if self.route is not None and self.route != request.route:
            return False
        return self.predicate is None or bool(self.predicate(request))


@dataclass(slots=True)
class Script(Generic[T]):
    """Things that happen to requests: a number of times in order, or until cleared.

    Counted rules come first, in the order they were given; of the lasting ones the newest wins.
    """

    _lock: threading.RLock = field(default_factory=threading.RLock)
    _counted: list[_Rule[T]] = field(default_factory=list)
    _lasting: list[_Rule[T]] = field(default_factory=list)

    def add(
        self,
        what: T,
        *,
        times: int | None,
        route: str | None = None,
        predicate: Predicate | None = None,
    ) -> None:
        """Script something.

        Args:
            what: What is to happen.
            times: To how many requests; `None` for all until cleared.
            route: Only to requests of this route.
            predicate: Only to requests for which this is true.
        """
        rule = _Rule(what, times, route, predicate)
        with self._lock:
            if times is None:
                self._lasting.insert(0, rule)
            elif times > 0:
                self._counted.append(rule)

    def take(self, request: RecordedRequest) -> T | None:
        """Return what is to happen to this request and count it, or `None`."""
        if not self._counted and not self._lasting:
            return None
        with self._lock:
            for rule in self._counted:
                if rule.applies(request):
                    self._count_down(rule)
                    return rule.what
            for rule in self._lasting:
                if rule.applies(request):
                    return rule.what
        return None

    def _count_down(self, rule: _Rule[T]) -> None:
        if rule.left is None:
            return
        rule.left -= 1
        if rule.left == 0:
            self._counted.remove(rule)

    def clear(self) -> None:
        """Forget everything that was scripted."""
        with self._lock:
            self._counted.clear()
            self._lasting.clear()

    def pending(self) -> int:
        """Count the requests that counted rules still wait for."""
        with self._lock:
            return sum(rule.left or 0 for rule in self._counted)
