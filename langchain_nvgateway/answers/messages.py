"""LangChain's messages as answers to be judged, for models that do not judge their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import uuid4

from langchain_core.messages import AIMessage, AIMessageChunk, ToolCall
from langchain_core.utils.function_calling import convert_to_openai_tool

from ..errors import InvalidResponseError, ToolCallCorruptedError
from ..redaction import shown
from .contract import Contract
from .verdict import Answer, Call, Flaw, flaw_in

__all__ = ["answer_of", "calls_something", "check_answer", "new_call_id", "says_more", "schema_of", "with_call_ids"]

MessageT = TypeVar("MessageT", bound=AIMessage)

_ENDS = ("finish_reason", "stop_reason", "done_reason")
_MORE = ("refusal", "parsed", "audio")
_NOT_MORE = frozenset(
    {"text", "tool_use", "tool_call", "tool_call_chunk", "input_json_delta", "function_call"}
    | {"thinking", "redacted_thinking", "reasoning", "reasoning_content"}
)
"""Blocks that are text, calls, or thoughts, which are no answer."""


def check_answer(message: AIMessage, contract: Contract) -> None:
    """Let an answer pass that can be used.

    Args:
        message: The whole answer; of chunks, their sum.
        contract: What was asked for.

    Raises:
        InvalidResponseError: It cannot; `.reason` says why. A failure of the model, not of its service.
    """
    flaw = flaw_in(answer_of(message), contract)
    if flaw is None and message.invalid_tool_calls:
        flaw = Flaw(ToolCallCorruptedError, "the arguments of a tool call could not be read", message.text)
    if flaw:
        raise error_of(flaw, message.usage_metadata)


def error_of(flaw: Flaw, usage_metadata: Any = None) -> InvalidResponseError:
    """Return the error for an answer with a flaw."""
    msg = f"The answer cannot be used: {flaw.reason}. Ask again, or ask another model."
    return flaw.error(
        msg, reason=flaw.reason, raw=shown(flaw.raw), is_quality=True, usage_metadata=usage_metadata or None
    )


def answer_of(message: AIMessage) -> Answer:
    """Return what a message says, as far as it matters for the verdict."""
    ends = (message.response_metadata.get(name) for name in _ENDS)
    return Answer(
        text=message.text,
        calls=_calls(message),
        finish_reason=next((str(end) for end in ends if end), None),
        has_more=says_more(message),
    )


def says_more(message: AIMessage) -> bool:
    """Whether a message, or a chunk of one, says something that is neither text nor a tool call."""
    blocks = message.content if isinstance(message.content, list) else ()
    has_block = any(isinstance(block, dict) and block.get("type") not in _NOT_MORE for block in blocks)
    return has_block or any(message.additional_kwargs.get(name) for name in _MORE)


def calls_something(message: AIMessageChunk) -> bool:
    """Whether a chunk has a tool call, or a piece of one."""
    raw = any(message.additional_kwargs.get(name) for name in ("tool_calls", "function_call"))
    return raw or bool(message.tool_call_chunks or message.invalid_tool_calls)


def with_call_ids(message: MessageT) -> MessageT:
    """Return a message all of whose tool calls have an id; the message itself if they do already."""
    if isinstance(message, AIMessageChunk):
        if all(chunk["id"] for chunk in message.tool_call_chunks):
            return message
        chunks = [{**chunk, "id": chunk["id"] or new_call_id()} for chunk in message.tool_call_chunks]
        values = {**message.model_dump(exclude={"type", "tool_calls"}), "tool_call_chunks": chunks}
        return type(message)(**values)  # Made anew, so that LangChain reads the calls from their pieces again.
    if all(call["id"] for call in message.tool_calls):
        return message
    calls: list[ToolCall] = [{**call, "id": call["id"] or new_call_id()} for call in message.tool_calls]
    return message.model_copy(update={"tool_calls": calls})


def new_call_id() -> str:
    """Return an id for a call that came without one, of a length that every service takes back."""
    return f"call_{uuid4().hex[:24]}"


def schema_of(described: Any) -> dict[str, Any] | None:
    """Return the JSON schema of what `with_structured_output` takes, `None` if nobody knows it."""
    try:
        schema = convert_to_openai_tool(described)["function"].get("parameters")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        schema = described
    return schema if isinstance(schema, dict) else None


def _calls(message: AIMessage) -> Sequence[Call]:
    if isinstance(message, AIMessageChunk) and message.tool_call_chunks:
        # LangChain completes cut arguments by guessing, so what it made of the pieces says nothing.
        return [Call(chunk["name"], chunk["args"]) for chunk in message.tool_call_chunks]
    calls = [Call(call["name"], call["args"], is_raw=False) for call in message.tool_calls]
    calls += [Call(call["name"], call["args"]) for call in message.invalid_tool_calls]
    raw = message.additional_kwargs.get("tool_calls")
    functions = [call.get("function") for call in raw if isinstance(call, dict)] if isinstance(raw, list) else []
    if not calls and not functions:
        # What came before tools; Google repeats a call there, in streams all calls in one.
        functions = [message.additional_kwargs.get("function_call")]
    return calls + [Call(each.get("name"), each.get("arguments")) for each in functions if isinstance(each, dict)]
