"""Transitions of a circuit, told to a listener one after the other."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .circuit import BreakerState

__all__ = ["Announcer", "Reason", "Transition"]

Reason = Literal[
    "failures-in-a-row",
    "failure-rate",
    "failure-at-once",
    "failure-for-maximum",
    "open-time-over",
    "probe-failed",
    "probes-succeeded",
    "forced",
    "reset",
    "fleet",
]
"""Why a circuit changed its state; the third and fourth are failures that by themselves open it (see `Opening`).

With the last one it follows the circuit of another process (see `shared`).
"""

_logger = logging.getLogger("langchain_nvgateway")


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of a circuit's state."""

    name: str
    """The breaker's name."""

    before: BreakerState
    after: BreakerState
    reason: Reason

    retry_after: float | None
    """Seconds for which it opened; `None` when it did not."""


class Announcer:
    """Tells a listener every transition in its order, outside of every lock of the breaker.

    Only one thread tells at a time; what others note meanwhile, it tells for them.
    """

    def __init__(self, listener: Callable[[Transition], None] | None) -> None:
        self._listener = listener
        self._noted: deque[Transition] = deque()
        self._telling = threading.Lock()

    def note(self, transition: Transition) -> None:
        """Keep a transition for the next `tell`."""
        if self._listener is not None:
            self._noted.append(transition)

    def tell(self) -> None:
        """Tell what has been noted, unless another thread, or a caller of this one, is at it."""
        while self._noted:
            if not self._telling.acquire(blocking=False):
                return
            try:
                self._tell_noted()
            finally:
                self._telling.release()
            # Again: somebody may have noted one while this thread was about to let go.

    def _tell_noted(self) -> None:
        assert self._listener is not None
        while self._noted:
            transition = self._noted.popleft()
            try:
                self._listener(transition)
            except Exception:
                _logger.warning("A listener failed on a transition of circuit %s.", transition.name, exc_info=True)

    def after_fork(self) -> None:
        """Leave to the parent what the parent has noted."""
        self._noted = deque()
        self._telling = threading.Lock()
