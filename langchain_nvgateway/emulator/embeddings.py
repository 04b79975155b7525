"""Embeddings that are always the same for the same text."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Mapping
from typing import Any

DIMENSIONS = 1536
"""Length of a vector unless the request says otherwise."""


def embed(body: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Answer an embeddings request.

    Args:
        body: The request.
        model: The model's name in the answer.
    """
    given = body.get("input")
    inputs = given if isinstance(given, list) and not _is_tokens(given) else [given]
    length = body.get("dimensions") or DIMENSIONS
    packed = body.get("encoding_format") == "base64"
    tokens = sum(len(str(text).split()) for text in inputs)
    return {
        "object": "list",
        "model": model,
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": _write(text, length, packed),
            }
            for index, text in enumerate(inputs)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _is_tokens(given: list[Any]) -> bool:
    return bool(given) and isinstance(given[0], int)


def _write(text: Any, length: int, packed: bool) -> list[float] | str:
    vector = vector_of(str(text), length)
    if not packed:
        return vector
    return base64.b64encode(struct.pack(f"<{length}f", *vector)).decode()


def vector_of(text: str, length: int) -> list[float]:
    """Compute a unit vector from a text's hash.

    Args:
        text: The text.
        length: How many dimensions.
    """
    noise = hashlib.shake_256(text.encode("utf-8", "replace")).digest(2 * length)
    raw = [(number - 32767.5) / 32767.5 for number in struct.unpack(f"<{length}H", noise)]
    norm = math.sqrt(sum(number * number for number in raw))
    return [number / norm for number in raw]
