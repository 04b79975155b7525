"""Secrets out of everything that people or logs may see.

Servers echo what they were sent, so text from a server is untrusted: known secrets are removed by value, in
the encodings that text commonly goes through, and unknown ones by the form of this company's credentials.
"""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

__all__ = ["MASK", "MAX_SHOWN", "redact", "redact_value", "shown"]

MASK = "[redacted]"
MAX_SHOWN = 500
"""Characters of a server's own words that go into an error message."""

_SEARCHED = 40 * MAX_SHOWN
_DEEPEST = 40
_OF_TOKENS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~+/=%-"

_FORMS = re.compile(
    r"nvssa-[a-z]{3}-[A-Za-z0-9_-]{20,}"  # Starfleet client id
    r"|ssap-[A-Za-z0-9_-]{10,}"  # Starfleet client secret
    r"|nvapi-[A-Za-z0-9_-]{10,}"  # NIM key
    # JSON web token; without the look behind, a text of many beginnings would take quadratic time.
    r"|(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){1,2}"
    r"|(?i:\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"  # Authorization header
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without the secrets, in whatever encoding they are echoed.

    Args:
        text: Text that may hold secrets.
        secrets: Values known to be secret, of any length; empty ones are ignored.
    """
    places = [place for spelling in _spellings(secrets) for place in _places(text, spelling)]
    places += [found.span() for found in _FORMS.finditer(text)]
    pieces, end = [], 0
    for start, stop in sorted(places):
        if start >= end:
            pieces += [text[end:start], MASK]
        end = max(end, stop)
    return "".join((*pieces, text[end:]))


def redact_value(value: Any, secrets: Iterable[str] = ()) -> Any:
    """Return a JSON value with `redact` applied to each string in it, keys included; what is too deep is left out."""
    return _redacted(value, tuple(secrets), _DEEPEST)


def shown(text: str, secrets: Iterable[str] = ()) -> str:
    """Return what of a server's text may be shown: redacted, on one line, at most `MAX_SHOWN` characters."""
    secrets = tuple(secrets)
    clean = redact(text[:_SEARCHED], secrets)
    if len(text) > _SEARCHED:
        # A megabyte is not searched; half a secret at the cut would be known to no rule.
        longest = max(map(len, _spellings(secrets)), default=0)
        clean = clean[: max(len(clean) - longest, 0)].rstrip(_OF_TOKENS)
    # A lone surrogate is no character; a log that writes UTF-8 would fail on it.
    line = " ".join(clean.split()).encode("utf-8", "replace").decode()
    return line if len(line) <= MAX_SHOWN else line[: MAX_SHOWN - 1] + "…"


def _redacted(value: Any, secrets: tuple[str, ...], depth: int) -> Any:
    if isinstance(value, str):
        return redact(value, secrets)
    if not isinstance(value, Mapping | list | tuple):
        return value
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {redact(str(key), secrets): _redacted(item, secrets, depth - 1) for key, item in value.items()}
    return [_redacted(item, secrets, depth - 1) for item in value]


def _places(text: str, spelling: str) -> Iterable[tuple[int, int]]:
    start = text.find(spelling)
    while start >= 0:
        yield start, start + len(spelling)
        start = text.find(spelling, start + 1)


def _spellings(secrets: Iterable[str]) -> set[str]:
    found = set()
    for secret in filter(None, secrets):
        plain = secret.encode("utf-8", "surrogatepass")
        quoted = {quote(plain, safe=""), quote(plain), quote_plus(plain)}
        encoded = b64encode(plain).decode()
        escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
        markup = html.escape(secret)
        found |= {secret, encoded, encoded.rstrip("="), repr(secret)[1:-1]}
        found |= quoted | {_lower_hex(text) for text in quoted}
        found |= escaped | {text.replace("/", r"\/") for text in escaped}
        found |= {markup, markup.replace("&#x27;", "&#39;"), html.escape(secret, quote=False)}
    return found


def _lower_hex(quoted: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)
