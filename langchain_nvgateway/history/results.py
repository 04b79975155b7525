"""The answers of tools, in whichever of their forms a conversation has them, as `ToolMessage`s."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, FunctionMessage, HumanMessage, ToolMessage

from .content import Content, result_content
from .dialects import Dialect
from .vendors import additional_kwargs_for

__all__ = ["joined", "messages_with_results"]


def messages_with_results(messages: Sequence[BaseMessage], dialect: Dialect) -> Iterator[BaseMessage]:
    """Yield a conversation whose results are all `ToolMessage`s with content that the service takes."""
    for message in messages:
        if isinstance(message, ToolMessage):
            yield _clean(message, dialect)
        elif isinstance(message, FunctionMessage):
            # The predecessor of `ToolMessage`; it names the function and has no id.
            result = ToolMessage(content=message.content, name=message.name, tool_call_id="")
            yield _clean(result, dialect)
        elif isinstance(message, HumanMessage) and isinstance(message.content, list):
            yield from _parted(message, dialect)
        else:
            yield message


def joined(results: Sequence[ToolMessage]) -> ToolMessage:
    """Return several results for one call as one; a single one as it is."""
    first, *others = results
    if not others:
        return first
    content: Content = first.content
    for other in others:
        if isinstance(content, str) and isinstance(other.content, str):
            content = f"{content}\n{other.content}"
        else:
            content = [*_parts(content), *_parts(other.content)]
    return first.model_copy(update={"content": content, "status": others[-1].status})


def _clean(message: ToolMessage, dialect: Dialect) -> ToolMessage:
    content = result_content(message.content, dialect)
    additional_kwargs = additional_kwargs_for(message, dialect)
    if content is message.content and additional_kwargs is message.additional_kwargs:
        return message
    return message.model_copy(update={"content": content, "additional_kwargs": additional_kwargs})


def _parted(message: HumanMessage, dialect: Dialect) -> Iterator[BaseMessage]:
    """Yield the results that a user's message carries in Anthropic's form, then what the user says."""
    results = [block for block in message.content if isinstance(block, dict) and block.get("type") == "tool_result"]
    if not results:
        yield message
        return
    for block in results:
        yield _clean(_from_block(block), dialect)
    said = [block for block in message.content if block not in results]
    if said:
        yield message.model_copy(update={"content": said})


def _from_block(block: dict[str, Any]) -> ToolMessage:
    content = block.get("content")
    marks = {"additional_kwargs": {"cache_control": block["cache_control"]}} if "cache_control" in block else {}
    return ToolMessage(
        content=content if isinstance(content, str | list) else "",
        tool_call_id=str(block.get("tool_use_id") or ""),
        status="error" if block.get("is_error") else "success",
        **marks,
    )


def _parts(content: Content) -> list[str | dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
