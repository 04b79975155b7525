"""Token counts that are plausible, cheap and always the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .conversation import text_of
from .replies import Turn

WORDS_PER_MESSAGE = 3
"""What a message costs besides its words, as in OpenAI's own counting."""
WORDS_PER_IMAGE = 85
"""What an image in low detail costs at OpenAI."""


def count_usage(body: Mapping[str, Any], turn: Turn) -> dict[str, Any]:
    """Count the words of a request and its answer as tokens.

    Args:
        body: The request.
        turn: The answer.
    """
    prompt = WORDS_PER_MESSAGE + sum(_count_message(m) for m in body.get("messages") or ())
    prompt += sum(len(str(tool).split()) for tool in body.get("tools") or ())
    said = [
        turn.text or "",
        *turn.texts,
        *(f"{c.name} {c.arguments}" for c in turn.calls),
    ]
    completion = max(1, sum(len(text.split()) for text in said))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": 0},
        "completion_tokens_details": {
            "accepted_prediction_tokens": 0,
            "audio_tokens": 0,
            "reasoning_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _count_message(message: Any) -> int:
    if not isinstance(message, dict):
        return 0
    content = message.get("content")
    images = 0
    if isinstance(content, list):
        images = sum(isinstance(p, dict) and p.get("type") == "image_url" for p in content)
    return WORDS_PER_MESSAGE + len(text_of(content).split()) + images * WORDS_PER_IMAGE
