"""Secrets out of everything that people or logs may see.

Servers echo what they were sent, so text from a server is untrusted: known secrets are removed by
value, unknown ones by the form that this company's credentials have.
"""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

__all__ = ["MAX_SHOWN", "MASK", "redact", "redact_value", "shown"]

MASK = "[redacted]"
MAX_SHOWN = 500
"""Characters of a server's own words that go into an error message."""

_SEARCHED = 40 * MAX_SHOWN
_UNBROKEN_END = re.compile(r"\S*\Z")

_FORMS = re.compile(
    r"nvssa-[a-z]{3}-[A-Za-z0-9_-]{20,}"  # Starfleet client id
    r"|ssap-[A-Za-z0-9_-]{10,}"  # Starfleet client secret
    r"|nvapi-[A-Za-z0-9_-]{10,}"  # NIM key
    r"|eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){1,2}"  # JSON web token
    r"|(?i:\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"  # Authorization header
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without the secrets, in whatever encoding they are echoed.

    Args:
        text: Text that may hold secrets.
        secrets: Values known to be secret, of any length; empty ones are ignored.
    """
    for secret in sorted(_spellings(secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return _FORMS.sub(MASK, text)


def redact_value(value: Any, secrets: Iterable[str] = ()) -> Any:
    """Return a JSON value with `redact` applied to each string in it, keys included."""
    secrets = tuple(secrets)
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, Mapping):
        return {redact(str(key), secrets): redact_value(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_value(item, secrets) for item in value]
    return value


def shown(text: str, secrets: Iterable[str] = ()) -> str:
    """Return what of a server's text may be shown: redacted, on one line, at most `MAX_SHOWN` characters."""
    if len(text) > _SEARCHED:  # A megabyte is not searched; half a secret at the cut would be known to no rule.
        text = _UNBROKEN_END.sub("", text[:_SEARCHED])
    clean = " ".join(redact(text, secrets).split())
    return clean if len(clean) <= MAX_SHOWN else clean[: MAX_SHOWN - 1] + "…"


def _spellings(secrets: Iterable[str]) -> set[str]:
    found = set()
    for secret in filter(None, secrets):
        found |= {secret, quote(secret, safe=""), quote_plus(secret), html.escape(secret)}
        found |= {json.dumps(secret)[1:-1], b64encode(secret.encode()).decode()}
    return found
