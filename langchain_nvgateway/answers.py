"""Whether an answer can be used."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk

from .errors import InvalidResponseError

__all__ = ["check_answer", "says_something"]


_ENDS = ("finish_reason", "stop_reason", "done_reason")
_CUT = frozenset({"length", "max_tokens", "model_context_window_exceeded"})
"""How OpenAI, Anthropic, Google and Ollama say that an answer was cut, in lower case."""


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
    if calls and any(str(message.response_metadata.get(name)).lower() in _CUT for name in _ENDS):
        return "it was cut in the midst of a tool call"
    # Without the name: the reason is told to listeners, and a model may write anything into a name.
    if any(not call["name"] or (offered is not None and call["name"] not in offered) for call in calls):
        return "it calls a tool that was not offered"
    return "it is empty" if not calls and not says_something(message) else None


def _has_broken_arguments(message: AIMessageChunk) -> bool:
    # LangChain completes cut arguments by guessing, so what it parsed says nothing.
    return not all(_is_object(chunk["args"]) for chunk in message.tool_call_chunks)


def _is_object(text: str | None) -> bool:
    if not text:
        return True  # What some services send for a tool without parameters.
    try:
        value: Any = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict)


def says_something(message: AIMessage) -> bool:
    """Whether a message, or a chunk of one, has anything but blanks for its reader."""
    if isinstance(message.content, str):
        has_content = bool(message.content.strip())
    else:
        has_content = any(
            str(block.get("text", "")).strip() if block.get("type") == "text" else True
            for block in (
                each if isinstance(each, dict) else {"type": "text", "text": each} for each in message.content
            )
        )
    return has_content or any(
        message.additional_kwargs.get(name) for name in ("refusal", "parsed", "audio", "function_call")
    )


def _is_something(block: str | dict[Any, Any]) -> bool:
    if isinstance(block, str):
        return bool(block.strip())
    return block.get("type") != "text" or bool(str(block.get("text", "")).strip())
