"""The rules for outgoing messages, over a whole conversation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, ToolCall, ToolMessage

from .content import assistant_content, plain_content
from .dialects import Dialect
from .pairing import Turn, paired
from .results import messages_with_results
from .vendors import additional_kwargs_for

__all__ = ["clean_history"]


def clean_history(messages: Sequence[BaseMessage], dialect: Dialect) -> list[BaseMessage]:
    """Return a conversation that the service takes, and that says the same.

    What needs no change is passed on as it is, the very same object. A conversation that is clean stays as it is, and
    so does one that was cleaned for another service, except that a vendor's reasoning is gone once another vendor's
    model was to read it, and that ids and names have the characters that both take.

    Args:
        messages: The conversation; it is left as it is, with all that is in it.
        dialect: What the service takes.
    """
    cleaned: list[BaseMessage] = []
    for item in paired(messages_with_results(messages, dialect), dialect):
        if isinstance(item, Turn):
            cleaned += _turn_messages(item, dialect)
        elif isinstance(item, AIMessage):
            cleaned.append(_assistant_message(item, [], dialect))
        else:
            cleaned.append(_other_message(item, dialect))
    return cleaned


def _turn_messages(turn: Turn, dialect: Dialect) -> Iterator[BaseMessage]:
    calls = [one.tool_call() for one in turn.calls]
    results = [one.result(dialect) for one in turn.calls]
    if not dialect.single_tool_call or len(calls) == 1:
        yield _assistant_message(turn.message, calls, dialect)
        yield from results
        return
    yield _assistant_message(turn.message, calls[:1], dialect)
    yield results[0]
    for call, result in zip(calls[1:], results[1:], strict=True):
        yield AIMessage(content="", tool_calls=[call])
        yield result


def _assistant_message(message: AIMessage, calls: list[ToolCall], dialect: Dialect) -> AIMessage:
    """Return a turn with the calls that it is to have; the same one if it has them and says nothing else."""
    is_as_called = (
        len(calls) == len(message.tool_calls)
        and not message.invalid_tool_calls
        and all(one is given for one, given in zip(calls, message.tool_calls, strict=True))
    )
    content = assistant_content(message, dialect, has_calls=bool(calls), keeps_call_blocks=is_as_called)
    additional_kwargs = additional_kwargs_for(message, dialect)
    update: dict[str, Any] = {}
    if content is not message.content and content != message.content:
        update["content"] = content
        if message.response_metadata.get("output_version") is not None and isinstance(content, str):
            # It says what the blocks look like; now there are none.
            metadata = {name: value for name, value in message.response_metadata.items() if name != "output_version"}
            update["response_metadata"] = metadata
    if additional_kwargs is not message.additional_kwargs:
        update["additional_kwargs"] = additional_kwargs
    if not is_as_called:
        update |= {"tool_calls": calls, "invalid_tool_calls": []}
        if getattr(message, "tool_call_chunks", None):
            update["tool_call_chunks"] = []
    return message.model_copy(update=update) if update else message


def _other_message(message: BaseMessage, dialect: Dialect) -> BaseMessage:
    if isinstance(message, ToolMessage):  # Each stands behind its turn.
        return message
    is_users = isinstance(message, HumanMessage) or (isinstance(message, ChatMessage) and message.role == "user")
    content = plain_content(message.content, dialect, is_users=is_users)
    additional_kwargs = additional_kwargs_for(message, dialect)
    if content is message.content and additional_kwargs is message.additional_kwargs:
        return message
    return message.model_copy(update={"content": content, "additional_kwargs": additional_kwargs})
