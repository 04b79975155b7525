"""JSON as the three services write it: compact and with unicode unescaped."""

from __future__ import annotations

import json

_UNICODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_ASCII = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))

encode_text = _UNICODE.encode
"""Encode a value as JSON text; kept as a bound method because streams call it once per event."""


def encode_bytes(value: object) -> bytes:
    """Encode a value as UTF-8 JSON.

    Args:
        value: Anything `json` can encode; `NaN` is written as is, as some servers do.
    """
    try:
        return _UNICODE.encode(value).encode()
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8 form; it can only travel escaped.
        return _ASCII.encode(value).encode()
