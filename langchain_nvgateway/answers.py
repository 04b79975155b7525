"""Whether an answer can be used."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk

from .errors import InvalidResponseError

__all__ = ["check_answer", "says_something"]


def check_answer(message: AIMessage, *, offered: Collection[str] | None) -> None:
    """Let an answer pass that can be used.

    Args:
        message: The whole answer.
        offered: Names of the tools that the model was offered; `None` if nobody knows them.

    Raises:
        InvalidResponseError: It cannot; `.reason` says why. A failure of the model, not of its service.
    """
    reason = _why_unusable(message, offered)
    if reason:
        msg = f"The answer cannot be used: {reason}. Ask again, or ask another model."
        raise InvalidResponseError(msg, reason=reason, is_quality=True)


def _why_unusable(message: AIMessage, offered: Collection[str] | None) -> str | None:
    calls = message.tool_calls
    if message.invalid_tool_calls or (isinstance(message, AIMessageChunk) and _has_broken_arguments(message)):
        return "the arguments of a tool call are not a JSON object"
    if calls and message.response_metadata.get("finish_reason") == "length":
        return "it was cut in the midst of a tool call"
    unknown = sorted({call["name"] for call in calls} - set(offered)) if offered is not None else []
    if unknown:
        return f"it calls the tool {unknown[0][:80]!r}, which was not offered"
    return "it is empty" if not calls and not says_something(message) else None


def _has_broken_arguments(message: AIMessageChunk) -> bool:
    # LangChain completes cut arguments by guessing, so what it parsed says nothing.
    return not all(_is_object(chunk["args"]) for chunk in message.tool_call_chunks)


def _is_object(text: str | None) -> bool:
    try:
        value: Any = json.loads(text or "")
    except ValueError:
        return False
    return isinstance(value, dict)


def says_something(message: AIMessage) -> bool:
    """Whether a message, or a chunk of one, has anything but blanks for its reader."""
    if isinstance(message.content, str):
        has_content = bool(message.content.strip())
    else:
        has_content = any(
            not isinstance(block, dict) or block.get("type") != "text" or str(block.get("text", "")).strip()
            for block in message.content
        )
    return has_content or any(
        message.additional_kwargs.get(name) for name in ("refusal", "parsed", "audio", "function_call")
    )
