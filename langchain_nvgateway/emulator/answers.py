"""What the model says when nothing is scripted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .conversation import (
    answer_schema_of,
    calls_of,
    last_images,
    last_user_text,
    messages_of,
    parameters_of,
    text_of,
    tools_of,
    wants_json_object,
)
from .hints import Hints
from .images import describe_image
from .json_objects import object_for_prompt
from .json_text import encode_text
from .replies import Reply
from .schema_samples import sample

QUOTED = 400
"""Characters of a tool's result that an answer quotes."""
TOO_COMMON = frozenset(
    {"a", "an", "and", "are", "at", "for", "get", "in", "is", "it", "of"}
    | {"on", "or", "the", "this", "to", "use", "with", "you"}
)
"""Words that say nothing about which tool is meant."""


def answer(body: Mapping[str, Any]) -> Reply:
    """Answer a request: with tool calls, with JSON, or with a text, always the same.

    Args:
        body: A valid request.
    """
    messages = messages_of(body)
    tools = tools_of(body)
    choice = body.get("tool_choice")
    last_role = messages[-1].get("role") if messages else None
    if tools and choice != "none":
        named = _named_tool(choice)
        if named in tools:
            return _call([named], tools, messages)
        if choice == "required":
            return _call([_next_tool(tools, messages)], tools, messages)
        if last_role == "user":
            return _call(_fitting_tools(tools, messages, body), tools, messages)
    schema = answer_schema_of(body)
    hints = Hints(last_user_text(messages))
    if schema is not None:
        return Reply(text=encode_text(sample(schema, hints)))
    if wants_json_object(body):
        prompt = "\n".join(text_of(m.get("content")) for m in messages)
        return Reply(text=encode_text(object_for_prompt(prompt, hints)))
    if last_role == "tool":
        return Reply(text=f"The tool answered: {_last_result(messages)}")
    return Reply(text=_say(messages))


def _named_tool(choice: Any) -> str:
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else ""


def _call(
    names: list[str],
    tools: Mapping[str, Mapping[str, Any]],
    messages: list[dict[str, Any]],
) -> Reply:
    text = last_user_text(messages)
    return Reply(tool_calls=[(name, sample(parameters_of(tools[name]), Hints(text))) for name in names])


def _next_tool(tools: Mapping[str, Mapping[str, Any]], messages: list[dict[str, Any]]) -> str:
    """Choose the tool for a call that is demanded.

    After a result it is one that has not been called yet, the last one if there is none: agents
    that demand a call each time offer the tool that ends them last.
    """
    called: set[str] = set()
    for message in reversed(messages):
        if message.get("role") == "user":
            break
        called.update(str(call.get("function", {}).get("name")) for call in calls_of(message))
    if not called:
        return _fitting_tools(tools, messages, {"parallel_tool_calls": False})[0]
    left = [name for name in tools if name not in called]
    return left[0] if left else list(tools)[-1]


def _fitting_tools(
    tools: Mapping[str, Mapping[str, Any]],
    messages: list[dict[str, Any]],
    body: Mapping[str, Any],
) -> list[str]:
    """Choose the tools that the user's words call for; the first tool if none fits."""
    text = last_user_text(messages)
    mentioned = [name for name in tools if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
    if mentioned:
        one_only = body.get("parallel_tool_calls") is False
        return sorted(mentioned, key=text.index)[:1] if one_only else mentioned
    words = set(re.findall(r"[^\W_]+", text.lower())) - TOO_COMMON
    for name in tools:
        if words & set(re.findall(r"[^\W_]+", name.lower())):
            return [name]
    for name, function in tools.items():
        described = str(function.get("description") or "").lower()
        if words & set(re.findall(r"[^\W_]+", described)):
            return [name]
    return [next(iter(tools))]


def _last_result(messages: list[dict[str, Any]]) -> str:
    return text_of(messages[-1].get("content"))[:QUOTED] or "(nothing)"


def _say(messages: list[dict[str, Any]]) -> str:
    images = last_images(messages)
    asked = " ".join(last_user_text(messages).split())[:200]
    if images:
        seen = "; ".join(describe_image(url) for url in images)
        return f"I see {seen}. You asked: {asked}" if asked else f"I see {seen}."
    if not asked:
        return "I am the emulator. Ask me something."
    return f"This is the emulator's answer to: {asked}"
