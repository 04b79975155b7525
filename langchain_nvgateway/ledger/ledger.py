"""The record of every attempt of every call, in bounded memory."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from ..attempts import Attempt
from ..breaker.forks import look_after
from ..events import CircuitClosed, CircuitHalfOpen, CircuitOpened, Event, FellBack
from .counts import LegCounts, TokenCounts, token_counts
from .prices import Price
from .reckoning import leg_report, report_of
from .records import BreakerChange, RecordedAttempt
from .report import Report

__all__ = ["OTHER_MODELS", "OTHER_ROLES", "Ledger"]

OTHER_MODELS = "(other models)"
"""Stands for the models of a role beyond the first `_MODELS`: runs can name any."""

OTHER_ROLES = "(other roles)"
"""Stands for the roles beyond the first `_ROLES`."""

_MODELS = 64
_ROLES = 32
_RECENT = 1000
_CHANGES = 500

_HEARD = frozenset({FellBack, CircuitOpened, CircuitHalfOpen, CircuitClosed})

_Recent = tuple[float, str, Attempt, TokenCounts]


class Ledger:
    """Counts attempts by role and model, and remembers the latest ones and what the breakers did.

    Safe in threads and tasks, and in a process that forks; does no I/O. However long it is used, it holds sums of at
    most 64 models for each of at most 32 roles (what is beyond is put together), the last 1000 attempts and the last
    500 changes of breakers.

    Args:
        clock: Monotonic time in seconds; replaced in tests.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._roles: dict[str, dict[tuple[str, str], LegCounts]] = {}
        self._recent: deque[_Recent] = deque(maxlen=_RECENT)
        self._changes: deque[BreakerChange] = deque(maxlen=_CHANGES)
        # Reentrant: the collector may close an abandoned stream, whose attempt comes while its thread is in here.
        self._lock = threading.RLock()
        look_after(self)

    def record(self, role: str, attempt: Attempt, usage: Any = None) -> None:
        """Take down an attempt.

        Args:
            role: Name of the role.
            attempt: What became of the leg.
            usage: The tokens that it cost, as LangChain's `UsageMetadata`; `None` when nobody counted.
        """
        tokens = token_counts(usage)
        with self._lock:
            self._counts(role, attempt.provider, attempt.model).add(attempt.outcome, attempt.seconds, tokens)
            self._recent.append((self._clock(), role, attempt, tokens))

    def hear(self, event: Event) -> None:
        """Take down an event that matters here: a breaker's change, or a call that goes on to another leg."""
        if type(event) not in _HEARD:
            return
        match event:
            case FellBack():
                with self._lock:
                    self._counts(event.role, event.provider, event.model).fallbacks += 1
            case CircuitOpened():
                self._changed(event.breaker, "open", event.reason, event.open_seconds)
            case CircuitHalfOpen():
                self._changed(event.breaker, "half-open", None, None)
            case CircuitClosed():
                self._changed(event.breaker, "closed", event.reason, None)

    def report(self, prices: Mapping[str, Price], direct_models: Mapping[str, str]) -> Report:
        """Return what there is to say at this moment.

        Args:
            prices: Prices by `provider:model`.
            direct_models: The model that each role would have at the direct vendor, as `provider:model`.
        """
        prices = dict(prices)
        with self._lock:
            seconds = self._clock() - self._started
            # Copies: the collector may bring an attempt of this thread, and with it a new leg.
            legs = [
                leg_report((role, *name), counts, prices=prices, direct_model=direct_models.get(role))
                for role, counted in dict(self._roles).items()
                for name, counts in dict(counted).items()
            ]
            recent, changes = list(self._recent), list(self._changes)
        attempts = [self._told(item, prices) for item in recent]
        return report_of(legs, seconds, attempts, changes, direct_models=direct_models)

    def _counts(self, role: str, provider: str, model: str) -> LegCounts:
        if role not in self._roles and len(self._roles) >= _ROLES:
            role = OTHER_ROLES
        legs = self._roles.setdefault(role, {})
        name = provider, model
        if name not in legs and len(legs) >= _MODELS:
            name = provider, OTHER_MODELS
        counts = legs.get(name)
        if counts is None:
            counts = legs[name] = LegCounts()
        return counts

    def _changed(self, breaker: str, state: str, reason: str | None, open_seconds: float | None) -> None:
        with self._lock:
            at = self._clock() - self._started
            self._changes.append(BreakerChange(at, breaker, state, reason, open_seconds))

    def _told(self, item: _Recent, prices: Mapping[str, Price]) -> RecordedAttempt:
        at, role, attempt, (asked, said) = item
        price = prices.get(f"{attempt.provider}:{attempt.model}")
        cost = None if price is None or asked is None or said is None else price.of(asked, said)
        name = role, attempt.provider, attempt.model
        return RecordedAttempt(at - self._started, *name, attempt.outcome, attempt.seconds, asked, said, cost)

    def after_fork(self) -> None:
        """Let go of the lock in a child process; the breakers' `forks` calls it."""
        self._lock = threading.RLock()
