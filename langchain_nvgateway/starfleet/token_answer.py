"""What the token endpoint's answer means (RFC 6749 §5); everything in it is untrusted."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..failures import retry_after_seconds
from ..redaction import shown
from .outcomes import Failure, Grant

__all__ = ["DEFAULT_LIFE", "MAX_BODY", "Answer", "judge", "too_large"]

MAX_BODY = 64 * 1024
"""Largest body, in bytes; a token answer has one or two thousand."""

DEFAULT_LIFE = 300.0
"""Life of a token, in seconds, when the server does not say."""

_GRANTED = (200, 201)
_TRANSIENT = (408, 425, 429)
_TOKEN = re.compile(r"[\x21-\x7e]+")
_DECIMAL = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_WORDS = ("error", "error_description", "message", "detail", "title")
_ADVICE = {
    "invalid_scope": "check STARFLEET_SCOPE",
    "unsupported_grant_type": "check STARFLEET_TOKEN_URL",
    404: "check STARFLEET_TOKEN_URL",
    405: "check STARFLEET_TOKEN_URL",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of the token endpoint."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def judge(answer: Answer, *, secrets: Iterable[str], wall_now: float) -> Grant | Failure:
    """Return what an answer grants, or how it fails.

    Args:
        answer: What came.
        secrets: Values that the server may echo and nobody may see.
        wall_now: Seconds since the epoch, for a `Retry-After` with a date.
    """
    parsed = _parsed(answer.body)
    if answer.status in _GRANTED:
        return _grant(parsed, answer.status, secrets)
    said = _words(parsed, answer.body)
    words = _quoted(said, secrets)
    retry_after = retry_after_seconds(answer.headers, said, now=wall_now)
    if 400 <= answer.status < 500 and answer.status not in _TRANSIENT:
        error = parsed.get("error") if isinstance(parsed, dict) else None
        advice = _ADVICE.get(error if isinstance(error, str) else "") or _ADVICE.get(answer.status)
        return Failure(
            f"refused the client credentials with status {answer.status}{words}",
            advice or "check STARFLEET_ID and STARFLEET_SECRET",
            status_code=answer.status,
            retry_after=retry_after,
            is_refusal=True,
        )
    if 300 <= answer.status < 400:
        # Where to is not shown: the address may carry what was sent.
        return _broken(f"a redirect with status {answer.status}, which is never followed", answer.status)
    return Failure(
        f"it answered with status {answer.status}{words}", status_code=answer.status, retry_after=retry_after
    )


def too_large(status: int) -> Failure:
    """Return the failure that a body over `MAX_BODY` is."""
    return _broken(f"more than {MAX_BODY // 1024} KiB", status)


def _grant(parsed: Any, status: int, secrets: Iterable[str]) -> Grant | Failure:
    # A body that came with a success may hold a token in a place where no rule looks, so none of it is quoted.
    if not isinstance(parsed, dict):
        return _broken("no JSON object", status)
    token = parsed.get("access_token")
    if not isinstance(token, str) or not token:
        error = parsed.get("error")
        named = _quoted(error, secrets) if isinstance(error, str) and error else ""
        return _broken(f"no access_token{named}", status)
    if not _TOKEN.fullmatch(token):
        return _broken("an access_token with characters that no header may carry", status)
    kind = parsed.get("token_type")
    if kind is not None and not (isinstance(kind, str) and kind.lower() == "bearer"):
        return _broken("a token_type other than bearer", status)
    expires_in = _life(parsed.get("expires_in"))
    if expires_in is None:
        return _broken("an expires_in that is no positive number", status)
    return Grant(token, expires_in)


def _life(value: Any) -> float | None:
    if value is None:
        return DEFAULT_LIFE
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    # Not every text that `float` takes is a number of seconds: "1_0", " 9 ", "nan".
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):  # Ten thousand brackets are no reason to fail in an unknown way.
        return None


def _words(parsed: Any, body: bytes) -> str:
    """Return what the server says in its own words, before redaction."""
    if isinstance(parsed, dict):
        said = [parsed[name] for name in _WORDS if isinstance(parsed.get(name), str)]
        return ": ".join(said) or "a JSON object with other fields than expected"
    return body.decode("utf-8", "replace")


def _quoted(text: str, secrets: Iterable[str]) -> str:
    clean = shown(text, secrets)
    return f' ("{clean}")' if clean else ""


def _broken(what: str, status: int) -> Failure:
    return Failure(f"its answer was broken: {what}", status_code=status)
