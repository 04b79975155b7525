"""The complaints about a request that the Gateway and NIM each make (wire facts, 2 and 3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .conversation import calls_of, messages_of, text_of
from .responses import Response, json_response

LONGEST_ID = 40
"""Characters of a tool call's id that OpenAI takes."""
PART_TYPES = frozenset({"text", "image_url", "input_audio", "refusal", "audio", "file"})
"""The kinds of content parts that OpenAI takes."""


def openai_error(status: int, message: str, *, param: str | None = None, code: str | None = None) -> Response:
    """Build an error as OpenAI words it."""
    error = {
        "message": message,
        "type": "invalid_request_error",
        "param": param,
        "code": code,
    }
    return json_response(status, {"error": error})


def check_messages(body: Mapping[str, Any]) -> Response | None:
    """Say what OpenAI would refuse in a conversation, or `None`."""
    messages = body.get("messages")
    if messages is None:
        return openai_error(400, "Missing required parameter: 'messages'.", param="messages")
    if not isinstance(messages, list) or not messages:
        text = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        return openai_error(400, text, param="messages", code="empty_array")
    for index, message in enumerate(messages_of(body)):
        complaint = _check_parts(index, message) or _check_ids(index, message)
        if complaint is not None:
            return complaint
        if _says_nothing(message):
            text = "Invalid value for 'content': expected a string, got null."
            return openai_error(400, text, param=f"messages.[{index}].content")
    return _check_pairs(messages_of(body))


def _says_nothing(message: Mapping[str, Any]) -> bool:
    said = ("content", "tool_calls", "refusal", "audio", "function_call")
    return message.get("role") == "assistant" and all(message.get(name) is None for name in said)


def _check_parts(index: int, message: Mapping[str, Any]) -> Response | None:
    content = message.get("content")
    for number, part in enumerate(content if isinstance(content, list) else ()):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in PART_TYPES:
            allowed = ", ".join(f"'{name}'" for name in sorted(PART_TYPES))
            return openai_error(
                400,
                f"Invalid value: '{kind}'. Supported values are: {allowed}.",
                param=f"messages[{index}].content[{number}].type",
                code="invalid_value",
            )
    return None


def _check_ids(index: int, message: Mapping[str, Any]) -> Response | None:
    places = [
        (f"messages[{index}].tool_calls[{number}].id", call.get("id")) for number, call in enumerate(calls_of(message))
    ]
    places.append((f"messages[{index}].tool_call_id", message.get("tool_call_id")))
    for param, given in places:
        if isinstance(given, str) and len(given) > LONGEST_ID:
            text = (
                f"Invalid '{param}': string too long. Expected a string with maximum length "
                f"{LONGEST_ID}, but got a string with length {len(given)} instead."
            )
            return openai_error(400, text, param=param, code="string_above_max_length")
    return None


def _check_pairs(messages: list[dict[str, Any]]) -> Response | None:
    """Check that each call has its result right behind it, and each result its call."""
    open_ids: list[Any] = []
    for index, message in enumerate(messages):
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in open_ids:
                text = (
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceeding message with 'tool_calls'."
                )
                return openai_error(400, text, param=f"messages.[{index}].role")
            open_ids.remove(message.get("tool_call_id"))
            continue
        if open_ids:
            return _unanswered(open_ids, index)
        open_ids = [call.get("id") for call in calls_of(message)]
    return _unanswered(open_ids, len(messages)) if open_ids else None


def _unanswered(ids: list[Any], index: int) -> Response:
    text = (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to "
        "each 'tool_call_id'. The following tool_call_ids did not have response messages: " + ", ".join(map(str, ids))
    )
    return openai_error(400, text, param=f"messages.[{index}].role")


def check_parameters(body: Mapping[str, Any], *, reasons: bool) -> Response | None:
    """Say what OpenAI would refuse in the parameters, or `None`.

    Args:
        body: The request.
        reasons: Whether the model is of the o-series or gpt-5.
    """
    if reasons:
        complaint = _check_reasoning_parameters(body)
        if complaint is not None:
            return complaint
    if body.get("stream_options") is not None and not body.get("stream"):
        text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        return openai_error(400, text, param="stream_options")
    if body.get("tools") == []:
        text = "Invalid 'tools': empty array. Expected an array with minimum length 1."
        return openai_error(400, text, param="tools", code="empty_array")
    for name in ("tool_choice", "parallel_tool_calls"):
        if body.get(name) is not None and not body.get("tools"):
            text = f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified."
            return openai_error(400, text, param=name)
    wanted = body.get("response_format")
    if isinstance(wanted, dict) and wanted.get("type") == "json_object":
        said = " ".join(text_of(m.get("content")) for m in messages_of(body))
        if not re.search("json", said, re.IGNORECASE):
            text = (
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
            )
            return openai_error(400, text, param="messages")
    return None


def _check_reasoning_parameters(body: Mapping[str, Any]) -> Response | None:
    if body.get("max_tokens") is not None:
        return openai_error(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            param="max_tokens",
            code="unsupported_parameter",
        )
    temperature = body.get("temperature")
    if temperature is not None and temperature != 1:
        return openai_error(
            400,
            f"Unsupported value: 'temperature' does not support {temperature} with this model. "
            "Only the default (1) value is supported.",
            param="temperature",
            code="unsupported_value",
        )
    return None
