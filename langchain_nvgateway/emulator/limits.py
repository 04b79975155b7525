"""Applies what a request says about the form of its answer: `stop`, lengths, `n`, `logprobs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .replies import Turn
from .streams import split_words


def limited(turn: Turn, body: Mapping[str, Any]) -> Turn:
    """Cut a turn as the request wants it, and repeat it as often.

    Args:
        turn: What the model would say.
        body: The request.
    """
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    if turn.text:
        _stop(turn, body.get("stop"))
        if isinstance(most, int):
            _cut_text(turn, most)
    elif turn.calls and isinstance(most, int):
        _cut_calls(turn, most)
    wanted = body.get("n")
    if isinstance(wanted, int) and wanted > 1 and turn.text is not None:
        turn.texts = tuple(f"{turn.text} ({number})" for number in range(2, wanted + 1))
    turn.logprobs = body.get("logprobs") is True
    return turn


def _stop(turn: Turn, stop: Any) -> None:
    words = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    text = turn.text or ""
    places = [text.find(word) for word in words if isinstance(word, str) and word]
    found = [place for place in places if place >= 0]
    # A stop word at the very start would leave nothing, which no model sends on its own.
    if found and min(found) > 0:
        turn.text = text[: min(found)]


def _cut_text(turn: Turn, most: int) -> None:
    words = split_words(turn.text or "")
    if len(words) > most:
        turn.text = "".join(words[:most])
        turn.finish_reason = "length"


def _cut_calls(turn: Turn, most: int) -> None:
    words = split_words(str(turn.calls[-1].arguments))
    if len(words) > most:
        turn.calls[-1].arguments = "".join(words[:most])
        turn.finish_reason = "length"
