"""Writes a turn as one whole completion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .dialects import Dialect, now
from .logprobs import logprobs_of
from .replies import Call, Turn
from .usage import count_usage


def completion(turn: Turn, body: Mapping[str, Any], *, model: str, dialect: Dialect) -> dict[str, Any]:
    """Write a turn as the body of a `chat.completion`.

    Args:
        turn: What the model says.
        body: The request.
        model: The model's name in the answer.
        dialect: Who writes.
    """
    if turn.chunks is not None:
        turn = _joined(turn)
    written: dict[str, Any] = {
        "id": turn.id or dialect.completion_id(),
        "object": "chat.completion",
        "created": now(),
        "model": turn.model or model,
        "choices": [_choice(index, text, turn, dialect) for index, text in enumerate((turn.text, *turn.texts))],
        **dialect.body_extras,
    }
    usage = count_usage(body, turn) if turn.usage is None else turn.usage
    if usage:
        written["usage"] = usage
    return written


def _choice(index: int, text: str | None, turn: Turn, dialect: Dialect) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if turn.calls:
        message["tool_calls"] = [call_object(call) for call in turn.calls]
    message.update(turn.message)
    return {
        "index": index,
        "message": message,
        "logprobs": logprobs_of(text or "") if turn.logprobs else None,
        "finish_reason": turn.finish_reason,
        **dialect.choice_extras,
    }


def call_object(call: Call) -> dict[str, Any]:
    """Write one tool call of a whole message."""
    function = {"name": call.name, "arguments": call.arguments}
    written = {"id": call.id, "type": "function", "function": function}
    if call.id is None:
        del written["id"]
    return written


def _joined(turn: Turn) -> Turn:
    """Join raw deltas into the turn that a client sees when it does not stream."""
    text: list[str] = []
    calls: dict[int, Call] = {}
    for delta in _deltas(turn.chunks or ()):
        text.append(delta.get("content") or "")
        for piece in delta.get("tool_calls") or ():
            function = piece.get("function") or {}
            call = calls.setdefault(piece.get("index", 0), Call("", "", piece.get("id")))
            call.name += function.get("name") or ""
            call.arguments += function.get("arguments") or ""
    return Turn(
        text="".join(text) or None,
        calls=list(calls.values()),
        finish_reason=turn.finish_reason,
        usage=turn.usage,
        id=turn.id,
        model=turn.model,
        message=turn.message,
    )


def _deltas(chunks: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    for chunk in chunks:
        if "choices" in chunk:
            yield from (choice.get("delta") or {} for choice in chunk["choices"])
        elif "error" not in chunk:
            yield chunk
