"""Limits of time as models and calls may give them."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigurationError

__all__ = ["LIMITS", "MOST_TIMEOUTS", "NO_LIMIT_SECONDS", "seconds_of"]

LIMITS = ("timeout", "first_token_timeout", "unseen_timeout", "whole_timeout")
"""Limits of a call in seconds. The last two are a role's, whose time goes by while its model holds back what has come:
until something of a stream is seen, and until it is over."""

NO_LIMIT_SECONDS = 1_000_000.0
"""What `timeout=None` means; sockets take no more than 24 days."""

MOST_TIMEOUTS = 20.0
"""A stream may go on for so many times its `timeout`."""


def seconds_of(value: Any, setting: str) -> float:
    """Return a time limit as seconds; an `httpx.Timeout` or (connect, read) pair counts with its read limit."""
    if isinstance(value, tuple) and value:
        value = value[-1]
    value = getattr(value, "read", value)
    if value is None:
        return NO_LIMIT_SECONDS
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= NO_LIMIT_SECONDS:
        msg = f"{setting} is {value!r}; give a number of seconds above 0, or None for no limit."
        raise ConfigurationError(msg, setting=setting)
    return float(value)
