"""The outer form of what a service sends: is it a chat completion, or a chunk of one?

What LangChain's converters would stumble over is refused here if the answer depends on it, and mended or left
out if it does not (a statistic, a name).
"""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json

from .call_numbers import MOST_CALLS

__all__ = [
    "AnyChunk",
    "BrokenEnvelopeError",
    "Chunk",
    "CutEnvelopeError",
    "as_chunk",
    "checked_chunk",
    "checked_completion",
    "has_content",
    "is_error",
    "json_value",
    "parsed_event",
    "parsed_json",
    "plain_text",
]


MOST_CHOICES = 1_000
"""More alternatives than that are in no answer; services give 128 at most."""

Chunk = dict[str, Any]

AnyChunk = Chunk | str
"""A chunk that brings nothing but text is that text."""

_TEXT_KEYS = {"role", "content"}
"""What of a delta is its text, or says nothing: the service answers as the assistant."""


class BrokenEnvelopeError(ValueError):
    """The answer is no chat completion; `str()` says why in a few words."""


class CutEnvelopeError(BrokenEnvelopeError):
    """The answer does not say that it is over."""


def json_value(text: bytes) -> Any:
    """Return what `json.loads` does, sooner: what the faster parser refuses, such as half a character, is rare.

    Raises:
        ValueError: It is no JSON.
        RecursionError: It is nested too deep.
    """
    try:
        return from_json(text)
    except ValueError:
        return json.loads(text)


def parsed_json(body: bytes) -> dict[str, Any]:
    """Parse a body that has to be a JSON object.

    Raises:
        BrokenEnvelopeError: It is empty, no JSON, nested too deep, or no object.
    """
    if not body.strip():
        raise BrokenEnvelopeError("an empty body")
    try:
        value = json_value(body)
    except RecursionError:
        raise BrokenEnvelopeError("JSON nested too deep") from None
    except ValueError:
        what = "an HTML page" if body.lstrip()[:1] == b"<" else "a body that is not JSON"
        raise BrokenEnvelopeError(what) from None
    if not isinstance(value, dict):
        raise BrokenEnvelopeError("JSON that is not an object")
    return value


def parsed_event(event: bytes) -> Chunk:
    """Parse an event that has to be a JSON object.

    Raises:
        BrokenEnvelopeError: It is no JSON, nested too deep, or no object.
    """
    try:
        chunk = json_value(event)
    except (ValueError, RecursionError):
        raise BrokenEnvelopeError("an event that is not JSON") from None
    if not isinstance(chunk, dict):
        raise BrokenEnvelopeError("an event that is not an object")
    return chunk


def is_error(reply: dict[str, Any]) -> bool:
    """Whether an object reports an error in the place of an answer; the second form is vLLM's old one."""
    return bool(reply.get("error")) or reply.get("object") == "error"


def checked_completion(reply: dict[str, Any]) -> dict[str, Any]:
    """Return a whole chat completion, or say why it is none.

    Raises:
        BrokenEnvelopeError: It has no choice with a message, or one whose parts have the wrong type.
        CutEnvelopeError: A choice has no finish reason.
    """
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices:
        raise BrokenEnvelopeError("no `choices`")
    _check_number(choices)
    for choice in choices:
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict):
            raise BrokenEnvelopeError("a choice without `message`")
        _check_parts(message)
        # Whatever it says: the service answers as the assistant.
        message["role"] = "assistant"
        _mend_choice(choice)
        if choice["finish_reason"] is None:
            raise CutEnvelopeError("no finish reason")
    _mend(reply)
    return reply


def checked_chunk(chunk: Chunk) -> Chunk:
    """Return a chunk of a chat completion in the form that LangChain's converter expects.

    Raises:
        BrokenEnvelopeError: A part of it has the wrong type.
    """
    choices = chunk.get("choices")
    if choices is None:
        chunk["choices"] = choices = []
    if not isinstance(choices, list):
        raise BrokenEnvelopeError("`choices` that are not a list")
    _check_number(choices)
    for choice in choices:
        if not isinstance(choice, dict):
            raise BrokenEnvelopeError("a choice that is not an object")
        if choice.get("delta") is None:
            choice["delta"] = {}
        delta = choice["delta"]
        if not isinstance(delta, dict):
            raise BrokenEnvelopeError("a `delta` that is not an object")
        _check_parts(delta)
        if "role" in delta:
            delta["role"] = "assistant"
        _mend_choice(choice)
    _mend(chunk)
    return chunk


def plain_text(chunk: Chunk, answer: int | None) -> str | None:
    """Return the text of a chunk that brings nothing else, `None` of any other chunk.

    Nearly all chunks are such, and this is their short way: it asks for whatever could matter to anybody further on.

    Args:
        chunk: The chunk as it came.
        answer: Index of the choice that it has to belong to.
    """
    try:
        (choice,) = chunk["choices"]
        delta = choice["delta"]
        text = delta["content"]
    except (KeyError, TypeError, ValueError):
        return None
    says_more = (
        choice.get("finish_reason")
        or choice.get("logprobs")
        or chunk.get("usage")
        or chunk.get("error")
        or "type" in chunk
        or choice.get("index") != answer
        or chunk.get("object") == "error"
        or (len(delta) > 1 and any(delta[name] is not None for name in delta.keys() - _TEXT_KEYS))
    )
    return None if says_more or not isinstance(text, str) else text


def as_chunk(completion: dict[str, Any]) -> Chunk:
    """Return a whole completion as the single chunk of a stream, for servers that do not stream."""
    choices = []
    for choice in completion["choices"]:
        delta = dict(choice["message"])
        delta["tool_calls"] = [
            {**call, "index": position} for position, call in enumerate(delta.get("tool_calls") or ())
        ]
        choices.append({**choice, "delta": delta})
    return {**completion, "choices": choices}


def has_content(chunk: AnyChunk) -> bool:
    """Whether a chunk brings something of the answer; a role alone does not."""
    if isinstance(chunk, str):
        return bool(chunk)
    for choice in chunk["choices"]:
        if choice.get("finish_reason"):
            return True
        for name, value in choice["delta"].items():
            if value and name != "role":
                return True
    return False


def _check_number(choices: list[Any]) -> None:
    if len(choices) > MOST_CHOICES:
        raise BrokenEnvelopeError(f"more than {MOST_CHOICES} choices")


def _check_parts(message: dict[str, Any]) -> None:
    content = message.get("content")
    if isinstance(content, list):
        texts = [part.get("text", "") if isinstance(part, dict) else part for part in content]
        if not all(isinstance(text, str) for text in texts):
            raise BrokenEnvelopeError("a part of `content` that is not text")
    elif content is not None and not isinstance(content, str):
        raise BrokenEnvelopeError("`content` that is not text")
    for name in ("refusal", "id", "name"):
        if not isinstance(message.get(name), str | None):
            del message[name]
    function = message.get("function_call")
    if not isinstance(function, dict | None):
        raise BrokenEnvelopeError("a `function_call` that is not an object")
    if function and not all(isinstance(function.get(name), str | None) for name in ("name", "arguments")):
        raise BrokenEnvelopeError("a `function_call` whose parts are not text")
    calls = message.get("tool_calls")
    if calls is None:
        return
    if not isinstance(calls, list):
        raise BrokenEnvelopeError("`tool_calls` that are not a list")
    if len(calls) > MOST_CALLS:
        raise BrokenEnvelopeError(f"more than {MOST_CALLS} tool calls")
    for call in calls:
        if not isinstance(call, dict):
            raise BrokenEnvelopeError("a tool call that is not an object")
        if call.get("function") is None:
            call["function"] = {}
        if not isinstance(call.get("index"), int):
            call.pop("index", None)
        if not isinstance(call.get("id"), str | None):
            del call["id"]
        # What its name and arguments are like is for the verdict on the answer to say.
        if not isinstance(call["function"], dict):
            raise BrokenEnvelopeError("a tool call whose `function` is not an object")


def _mend(reply: dict[str, Any]) -> None:
    """Leave out what is said about an answer in a form that nobody can read."""
    for name in ("model", "id", "system_fingerprint", "service_tier"):
        if not isinstance(reply.get(name), str | None):
            del reply[name]
    usage = reply.get("usage")
    counts = ("prompt_tokens", "completion_tokens", "total_tokens")
    if not isinstance(usage, dict) or not all(map(_is_count, map(usage.get, counts))):
        reply["usage"] = None
        return
    for name in ("prompt_tokens_details", "completion_tokens_details"):
        details = usage.get(name)
        if not isinstance(details, dict) or not all(map(_is_count, details.values())):
            usage.pop(name, None)


def _mend_choice(choice: dict[str, Any]) -> None:
    if not isinstance(choice.get("finish_reason"), str):
        choice["finish_reason"] = None
    logprobs = choice.get("logprobs")
    if not isinstance(logprobs, dict) or not all(isinstance(part, list | None) for part in logprobs.values()):
        choice["logprobs"] = None


def _is_count(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))
