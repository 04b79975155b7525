"""Conversations made acceptable to the service that they are sent to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

__all__ = ["with_short_call_ids"]

_LONGEST_ID = 40
"""Characters; Azure OpenAI refuses a longer `tool_calls[].id` with `string_above_max_length`."""


def with_short_call_ids(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return messages whose tool calls have ids that every service takes: NIM's own have 46 characters.

    The same id becomes the same short one in calls and results, in every turn and at every service.

    Args:
        messages: Messages of a chat completion request; they are left as they are.
    """
    return [_with_short_ids(message) for message in messages]


def _with_short_ids(message: dict[str, Any]) -> dict[str, Any]:
    if isinstance(message.get("tool_call_id"), str):
        message = {**message, "tool_call_id": _short(message["tool_call_id"])}
    calls = message.get("tool_calls")
    if isinstance(calls, list) and any(len(str(call.get("id") or "")) > _LONGEST_ID for call in calls):
        message = {**message, "tool_calls": [{**call, "id": _short(str(call.get("id") or ""))} for call in calls]}
    return message


def _short(call_id: str) -> str:
    if len(call_id) <= _LONGEST_ID:
        return call_id
    # By digest and not by cutting: two ids may begin alike.
    return f"call_{hashlib.sha256(call_id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
