"""Distinctive secrets, and a search that finds them in whatever encoding they show."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, quote_plus

__all__ = ["CANARIES", "CLIENT_ID", "Canary", "found_in", "spellings"]

Canary = str

CLIENT_ID = "fake/canary+of-the-id"
CANARIES: dict[str, Canary] = {
    "client id": CLIENT_ID,
    "client secret": "fake/canary+of-the-secret=<é",
    "NIM key": "fake/canary+of-nim=",
    "static bearer": "fake/canary+of-the-bearer=",
    "OpenAI key": "fake/canary+of-openai=",
    "Anthropic key": "fake/canary+of-anthropic=",
    "Google key": "fake/canary+of-google=",
    "proxy user": "fake/canary+of-the-user",
    "proxy password": "fake/canary+of-the-proxy=é",
    "Redis password": "fake/canary+of-redis=",
    "header": "fake/canary+of-a-header=",
    "second header": "fake/canary+of-another-header=",
}
"""By name; all differ from their percent-encoded and JSON-escaped forms. (`/` is `\\/` in some JSON.)"""


def spellings(secret: str) -> dict[str, list[bytes]]:
    """Return what to look for, by encoding: each form of which a part that cannot be there by chance is enough."""
    plain = secret.encode()
    escaped = [json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]]
    escaped += [text.replace("/", "\\/") for text in escaped]
    escaped += [json.dumps(text)[1:-1] for text in escaped] + [repr(secret)[1:-1], repr(plain)[2:-1]]
    quoted = [quote(secret), quote(secret, safe=""), quote_plus(secret)]
    return {
        "plain": [plain],
        "latin-1": [secret.encode("latin-1")],
        "percent": [text.encode() for text in (*quoted, *map(str.lower, quoted))],
        "json": [text.encode() for text in escaped],
        "base64": [spelling for data in (plain, quote(secret, safe="").encode()) for spelling in _in_base64(data)],
        "utf-16": [secret.encode("utf-16-le"), secret.encode("utf-16-be")],
        "hex": [plain.hex().encode(), plain.hex().upper().encode()],
    }


def found_in(shown: str | bytes, extra: Iterable[Canary] = ()) -> list[str]:
    """Return which canaries a text or some bytes show, and how.

    Args:
        shown: What is searched.
        extra: Further secrets, such as tokens that were issued.
    """
    data = shown.encode("utf-8", "surrogateescape") if isinstance(shown, str) else shown
    secrets = [*CANARIES.items(), *((f"token {place}", token) for place, token in enumerate(extra))]
    return [
        f"{name} ({encoding})"
        for name, secret in secrets
        for encoding, forms in _spellings(secret).items()
        if any(form in data for form in forms)
    ]


@lru_cache(maxsize=256)
def _spellings(secret: str) -> dict[str, list[bytes]]:
    return spellings(secret)


def _in_base64(data: bytes) -> list[bytes]:
    """Return what stays the same of the encoded bytes at each of the three places that they may begin at."""
    forms = []
    for before in range(3):
        # Three bytes are four characters; those at the ends hold bits of neighbours.
        whole = base64.b64encode(b"\0" * before + data)
        form = whole[-(-8 * before // 6) : 8 * (before + len(data)) // 6]
        forms += [form, form.replace(b"+", b"-").replace(b"/", b"_")]
    return forms
