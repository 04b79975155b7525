"""How long a service asks its callers to wait."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["retry_after_seconds"]

_IN_TEXT = re.compile(
    r"(?:retry|try again)\s+(?:after|in)\s+(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s\b|secs?\b|seconds?)", re.IGNORECASE
)


def retry_after_seconds(headers: Mapping[str, str], text: str = "", *, now: float | None = None) -> float | None:
    """Return the seconds to wait, as the service's answer says, or `None` when it does not say.

    Understood are `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), `retry-after-ms` and
    `x-ms-retry-after-ms` (Azure), and "retry after N seconds" in the text of the answer.

    Args:
        headers: Headers of the answer, with lower-case names.
        text: Body of the answer.
        now: The time in seconds since 1970, to count from to a date.
    """
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        milliseconds = _number(headers.get(name, ""))
        if milliseconds is not None:
            return milliseconds / 1000
    header = headers.get("retry-after", "")
    seconds = _number(header)
    if seconds is not None:
        return seconds
    if header:
        try:
            date = parsedate_to_datetime(header)
            # `-0000` is UTC of an unknown place (RFC 5322 §3.3), and so is a date that says nothing.
            moment = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, TypeError):
            pass
        else:
            return max(moment - (time.time() if now is None else now), 0.0)
    found = _IN_TEXT.search(text)
    if not found:
        return None
    amount = float(found[1])
    if not math.isfinite(amount):
        return None
    return amount / 1000 if found[2].lower().startswith("m") else amount


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return max(number, 0.0) if math.isfinite(number) else None
