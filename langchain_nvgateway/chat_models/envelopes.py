"""The outer form of what a service sends: is it a chat completion, or a chunk of one?

What LangChain's converters would stumble over is refused here, or mended where the meaning is plain.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["BrokenEnvelopeError", "as_chunk", "checked_chunk", "checked_completion", "has_content", "parsed_json"]


class BrokenEnvelopeError(ValueError):
    """The answer is no chat completion; `str()` says why in a few words."""


def parsed_json(body: bytes) -> Any:
    """Parse a body that has to be a JSON object.

    Raises:
        BrokenEnvelopeError: It is empty, no JSON, nested too deep, or no object.
    """
    if not body.strip():
        raise BrokenEnvelopeError("an empty body")
    try:
        value = json.loads(body)
    except RecursionError:
        raise BrokenEnvelopeError("JSON nested too deep") from None
    except ValueError:
        what = "an HTML page" if body.lstrip()[:1] == b"<" else "a body that is not JSON"
        raise BrokenEnvelopeError(what) from None
    if not isinstance(value, dict):
        raise BrokenEnvelopeError("JSON that is not an object")
    return value


def checked_completion(reply: dict[str, Any]) -> dict[str, Any]:
    """Return a whole chat completion, or say why it is none.

    Raises:
        BrokenEnvelopeError: It has no choice with a message, or one whose parts have the wrong type.
    """
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices:
        raise BrokenEnvelopeError("no `choices`")
    for choice in choices:
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict):
            raise BrokenEnvelopeError("a choice without `message`")
        message.setdefault("role", "assistant")
        _check_parts(message)
        for call in message.get("tool_calls") or ():
            if not isinstance(call["function"].get("arguments"), str):
                raise BrokenEnvelopeError("a tool call whose `arguments` are not text")
    if not isinstance(reply.get("usage"), dict):
        reply["usage"] = None
    return reply


def checked_chunk(chunk: dict[str, Any]) -> dict[str, Any]:
    """Return a chunk of a chat completion in the form that LangChain's converter expects.

    Raises:
        BrokenEnvelopeError: A part of it has the wrong type.
    """
    choices = chunk.get("choices")
    if choices is None:
        chunk["choices"] = choices = []
    if not isinstance(choices, list):
        raise BrokenEnvelopeError("`choices` that are not a list")
    for choice in choices:
        if not isinstance(choice, dict):
            raise BrokenEnvelopeError("a choice that is not an object")
        if choice.get("delta") is None:
            choice["delta"] = {}
        delta = choice["delta"]
        if not isinstance(delta, dict):
            raise BrokenEnvelopeError("a `delta` that is not an object")
        _check_parts(delta)
        for position, call in enumerate(delta.get("tool_calls") or ()):
            call.setdefault("index", position)
    if not isinstance(chunk.get("usage"), dict):
        chunk["usage"] = None
    return chunk


def as_chunk(completion: dict[str, Any]) -> dict[str, Any]:
    """Return a whole completion as the single chunk of a stream, for servers that do not stream."""
    choices = []
    for choice in completion["choices"]:
        delta = dict(choice["message"])
        delta["tool_calls"] = [
            {**call, "index": position} for position, call in enumerate(delta.get("tool_calls") or ())
        ]
        choices.append({**choice, "delta": delta})
    return {**completion, "choices": choices}


def has_content(chunk: dict[str, Any]) -> bool:
    """Whether a chunk brings something of the answer; a role alone does not."""
    return any(
        choice.get("finish_reason") or any(value for name, value in choice["delta"].items() if name != "role")
        for choice in chunk["choices"]
    )


def _check_parts(message: dict[str, Any]) -> None:
    content = message.get("content")
    if content is not None and not isinstance(content, str | list):
        raise BrokenEnvelopeError("`content` that is not text")
    calls = message.get("tool_calls")
    if calls is None:
        return
    if not isinstance(calls, list):
        raise BrokenEnvelopeError("`tool_calls` that are not a list")
    for call in calls:
        if not isinstance(call, dict):
            raise BrokenEnvelopeError("a tool call that is not an object")
        if call.get("function") is None:
            call["function"] = {}
        _check_call(call, call["function"])


def _check_call(call: dict[str, Any], function: Any) -> None:
    if not isinstance(function, dict):
        raise BrokenEnvelopeError("a tool call whose `function` is not an object")
    for part in (call.get("id"), function.get("name"), function.get("arguments")):
        if part is not None and not isinstance(part, str):
            raise BrokenEnvelopeError("a tool call whose `id`, `name` or `arguments` are not text")
