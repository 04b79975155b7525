"""The tool calls of a turn, the malformed ones replaced by calls that every service can read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from langchain_core.messages import AIMessage

from .dialects import Dialect

__all__ = ["UNKNOWN_TOOL", "Call", "calls_of", "legal_name"]

UNKNOWN_TOOL = "unknown_tool"
"""Name for a tool whose own name is not known."""

_STRICT = json.JSONEncoder(allow_nan=False)
_NO_OBJECT = "its arguments were not a JSON object"
_NO_NAME = "it had no possible tool name"


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call with arguments and a name that can be sent."""

    id: str
    """As given; empty when it was missing."""

    name: str
    args: dict[str, Any]
    problem: str = ""
    """What was wrong with it, as the model is told."""

    given: Mapping[str, Any] | None = None
    """The entry of `tool_calls` that it was read from."""


def calls_of(message: AIMessage, dialect: Dialect) -> list[Call]:
    """Read the calls of a turn, wherever the message has them: parsed, malformed, raw, or in its content only."""
    calls = [_call(call.get("id"), call.get("name"), call.get("args"), dialect, call) for call in message.tool_calls]
    # A repaired call may stand beside its malformed original.
    known = {call.id for call in calls if call.id}
    calls += [
        _malformed(call.get("id"), call.get("name"), dialect)
        for call in message.invalid_tool_calls
        if not call.get("id") or call.get("id") not in known
    ]
    if not calls and message.additional_kwargs:
        calls = list(_raw_calls(message.additional_kwargs, dialect))
    if isinstance(message.content, list):
        known = {call.id for call in calls}
        calls += [call for call in _calls_in_content(message.content, dialect) if call.id and call.id not in known]
    return calls


def legal_name(name: Any, dialect: Dialect) -> str:
    """Return a tool's name in characters that the service takes; the same name if it has no others."""
    if isinstance(name, str) and dialect.names.fullmatch(name):
        return name
    spelt = re.sub(r"[^a-zA-Z0-9_-]", "_", name if isinstance(name, str) else "")
    if not spelt.strip("_-"):
        return UNKNOWN_TOOL
    # The first letter is what Google may dislike, and 64 characters are what each takes.
    return next(legal for legal in (spelt[:64], f"_{spelt}"[:64]) if dialect.names.fullmatch(legal))


def _call(call_id: Any, name: Any, args: Any, dialect: Dialect, given: Mapping[str, Any] | None = None) -> Call:
    call_id = "" if call_id is None else str(call_id)
    legal = legal_name(name, dialect)
    if not _is_json_object(args):
        return Call(call_id, legal, {}, _NO_OBJECT, given)
    return Call(call_id, legal, args, "" if legal == name else _NO_NAME, given)


def _malformed(call_id: Any, name: Any, dialect: Dialect) -> Call:
    return _call(call_id, name, None, dialect)


def _raw_calls(additional_kwargs: Mapping[str, Any], dialect: Dialect) -> Iterator[Call]:
    raw = additional_kwargs.get("tool_calls")
    function = additional_kwargs.get("function_call")
    if isinstance(raw, list) and raw:
        for entry in raw:
            call = entry if isinstance(entry, dict) else {}
            inner = call.get("function")
            named = inner if isinstance(inner, dict) else {}
            yield _call(call.get("id"), named.get("name"), _parsed(named.get("arguments")), dialect)
    elif isinstance(function, dict):
        yield _call(None, function.get("name"), _parsed(function.get("arguments")), dialect)


def _calls_in_content(content: list[Any], dialect: Dialect) -> Iterator[Call]:
    for block in content:
        if not isinstance(block, dict):
            continue
        match block.get("type"):
            case "tool_use":
                args = block.get("input") or _parsed(block.get("partial_json") or "{}")
                yield _call(block.get("id"), block.get("name"), args, dialect)
            case "tool_call":
                yield _call(block.get("id"), block.get("name"), block.get("args"), dialect)
            case "invalid_tool_call":
                yield _malformed(block.get("id"), block.get("name"), dialect)


def _parsed(arguments: Any) -> Any:
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> NoReturn:
    msg = f"{constant} is no JSON"
    raise ValueError(msg)


def _is_json_object(args: Any) -> bool:
    """Whether arguments can be written as JSON as RFC 8259 has it, which knows no `NaN`."""
    if not isinstance(args, dict):
        return False
    try:
        _STRICT.encode(args)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
