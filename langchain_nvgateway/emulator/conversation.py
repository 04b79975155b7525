"""Reads what an answer needs from a request's messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def text_of(content: Any) -> str:
    """Join the text of a message's content, whether it is text or a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part if isinstance(part, str) else part.get("text") for part in content if part]
    return "\n".join(part for part in parts if isinstance(part, str))


def messages_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the messages of a request, leaving out what is none."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return []
    return [message for message in messages if isinstance(message, dict)]


def last_user_text(messages: list[dict[str, Any]]) -> str:
    """Return what the user said last, or an empty text."""
    for message in reversed(messages):
        if message.get("role") == "user":
            return text_of(message.get("content"))
    return ""


def calls_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the tool calls of a message."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return []
    return [call for call in calls if isinstance(call, dict)]


def tools_of(body: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the offered functions by name, in the order they were offered."""
    tools = body.get("tools")
    functions: dict[str, dict[str, Any]] = {}
    for tool in tools if isinstance(tools, list) else ():
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            functions[function["name"]] = function
    return functions


def parameters_of(function: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a function's arguments."""
    parameters = function.get("parameters")
    return parameters if isinstance(parameters, dict) else {"type": "object", "properties": {}}


def answer_schema_of(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the JSON schema that a response format demands, if it demands one."""
    wanted = body.get("response_format")
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        return None
    described = wanted.get("json_schema")
    schema = described.get("schema") if isinstance(described, dict) else None
    return schema if isinstance(schema, dict) else {}


def wants_json_object(body: Mapping[str, Any]) -> bool:
    """Say whether a response format demands just any JSON object."""
    wanted = body.get("response_format")
    return isinstance(wanted, dict) and wanted.get("type") == "json_object"


def last_images(messages: list[dict[str, Any]]) -> list[str]:
    """List the image URLs of the last user message."""
    for message in reversed(messages):
        content = message.get("content")
        if message.get("role") == "user" and isinstance(content, list):
            return [url for part in content if (url := _image_url(part))]
    return []


def _image_url(part: Any) -> str | None:
    if not isinstance(part, dict) or part.get("type") != "image_url":
        return None
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    return url if isinstance(url, str) else None
