"""Whose model said a turn, and what it left behind that others do not understand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from .dialects import Dialect

__all__ = ["additional_kwargs_for", "is_of_same_vendor", "without_cache_mark"]

_FAMILIES = {
    # What LangChain's packages write as `model_provider`
    "openai": "openai",
    "azure": "openai",
    "anthropic": "anthropic",
    "google_genai": "google",
    "google_vertexai": "google",
}
_ANTHROPIC_BLOCK = re.compile(r"redacted_thinking|tool_use|(server|mcp)_tool_use|\w+_tool_result")
_RAW_CALLS = ("tool_calls", "function_call")
"""The wire's form of the calls; what goes out is made from `tool_calls` of the message."""

_LEFT_BEHIND = re.compile(
    r"reasoning|thinking|thought|signature|cache_control|tool_outputs|^__(?:openai|gemini|anthropic)"
)


def is_of_same_vendor(message: AIMessage, dialect: Dialect) -> bool:
    """Whether a turn is of a model that understands again what it left behind there."""
    provider = message.response_metadata.get("model_provider")
    if isinstance(provider, str) and provider:
        return _FAMILIES.get(provider, provider) == dialect.family
    return _family_by_traces(message) == dialect.family


def _family_by_traces(message: AIMessage) -> str | None:
    if any(name.startswith("__gemini") for name in message.additional_kwargs):
        return "google"
    for block in message.content if isinstance(message.content, list) else ():
        if not isinstance(block, dict):
            continue
        kind = block.get("type")
        signed_thinking = kind == "thinking" and isinstance(block.get("signature"), str)
        if signed_thinking or "cache_control" in block or _ANTHROPIC_BLOCK.fullmatch(str(kind)):
            return "anthropic"
        if "thought_signature" in block:
            return "google"
    return None


def additional_kwargs_for(message: BaseMessage, dialect: Dialect) -> dict[str, Any]:
    """Return a message's `additional_kwargs` without what the service has no use for; the same dict if that is all."""
    given = message.additional_kwargs
    if not given:
        return given
    if isinstance(message, AIMessage):
        foreign = not is_of_same_vendor(message, dialect)
        kept = {
            name: value
            for name, value in given.items()
            if name not in _RAW_CALLS and not (foreign and _LEFT_BEHIND.search(name))
        }
    elif dialect.family == "anthropic":
        return given
    else:
        kept = {name: value for name, value in given.items() if name != "cache_control"}
    return given if len(kept) == len(given) else kept


def without_cache_mark(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a content block without Anthropic's `cache_control`; the same block if it has none."""
    clean = dict(block)
    clean.pop("cache_control", None)
    extras, nested = block.get("extras"), block.get("content")
    if isinstance(extras, dict) and "cache_control" in extras:
        clean["extras"] = {name: value for name, value in extras.items() if name != "cache_control"}
    if isinstance(nested, list):
        clean["content"] = [without_cache_mark(part) if isinstance(part, dict) else part for part in nested]
    return block if isinstance(block, dict) and clean == block else clean
