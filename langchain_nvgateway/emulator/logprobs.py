"""Plausible log probabilities of the words of a text."""

from __future__ import annotations

import re
from typing import Any

_WORD = re.compile(r"\s*\S+")


def logprobs_of(text: str) -> dict[str, Any]:
    """Write the `logprobs` object of a choice whose content is this text."""
    content = [
        {
            "token": word,
            "logprob": -0.01 * (len(word) % 7),
            "bytes": list(word.encode("utf-8", "replace")),
            "top_logprobs": [],
        }
        for word in _WORD.findall(text)
    ]
    return {"content": content, "refusal": None}
