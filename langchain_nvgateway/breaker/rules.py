"""The settings of a circuit breaker, checked, with the lengths of time that follow from them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import ConfigurationError
from .openings import Setback

__all__ = ["BreakerRules", "check_function"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """The settings of a `CircuitBreaker`, which documents them.

    Raises:
        ConfigurationError: One is out of its range; the message names it and what it takes.
    """

    failure_threshold: int
    failure_rate: float
    minimum_calls: int
    window_seconds: float
    open_seconds: float
    open_multiplier: float
    max_open_seconds: float
    jitter: float
    half_open_probes: int
    probe_lease_seconds: float

    def __post_init__(self) -> None:
        for name in ("failure_threshold", "minimum_calls", "half_open_probes"):
            self._check(name, _is_whole(getattr(self, name)), "a whole number of at least 1")
        for name in ("window_seconds", "open_seconds", "probe_lease_seconds"):
            self._check(name, _is_within(getattr(self, name), above=0), "a number of seconds above 0")
        rate, jitter, multiplier = self.failure_rate, self.jitter, self.open_multiplier
        self._check("failure_rate", _is_within(rate, above=0, up_to=1), "a number above 0 and up to 1")
        self._check("jitter", _is_within(jitter, least=0, up_to=1), "a number from 0 to 1")
        self._check("open_multiplier", _is_within(multiplier, least=1), "a number of at least 1")
        longest, first = self.max_open_seconds, self.open_seconds
        takes = f"a number of seconds of at least open_seconds ({first:g})"
        self._check("max_open_seconds", _is_within(longest, least=first), takes)

    def open_period(self, failure: Setback, *, reopenings: int, draw: float) -> float:
        """Return the seconds that the circuit stays open.

        The jitter comes before the cap, so that no period is ever longer than `max_open_seconds`.

        Args:
            failure: What opens it; a `retry_after` that is negative or not finite is as if nobody had asked.
            reopenings: How often the circuit has opened again since it was last healthy.
            draw: A number from 0 to 1 for the jitter.
        """
        longest = float(self.max_open_seconds)
        if failure.opening == "for-maximum":
            return longest
        asked = -1.0 if failure.retry_after is None else failure.retry_after
        is_asked = 0 <= asked < math.inf
        asked = float(min(asked, longest)) if is_asked else 0.0
        is_told = is_asked and failure.opening == "at-once"
        seconds = asked if is_told else max(self._grown(reopenings), asked)
        return min(seconds * (1 + self.jitter * draw), longest)

    def _grown(self, reopenings: int) -> float:
        try:
            return min(self.open_seconds * float(self.open_multiplier) ** reopenings, self.max_open_seconds)
        except OverflowError:
            return self.max_open_seconds

    def _check(self, name: str, is_right: bool, takes: str) -> None:
        if not is_right:
            msg = f"{name} of a circuit breaker is {getattr(self, name)!r}; it takes {takes}."
            raise ConfigurationError(msg, setting=name)


def check_function(name: str, value: object) -> None:
    """Raise a `ConfigurationError` unless `value` can be called."""
    if not callable(value):
        msg = f"{name} of a circuit breaker is {value!r}; it takes a function."
        raise ConfigurationError(msg, setting=name)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_within(value: object, *, least: float = -math.inf, above: float = -math.inf, up_to: float = math.inf) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return above < value < math.inf and least <= value <= up_to
