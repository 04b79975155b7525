"""From a step to an answer: in one piece, or in the pieces of a stream."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias
from uuid import uuid4

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk, InvalidToolCall, ToolCall, message_chunk_to_message
from langchain_core.messages.ai import UsageMetadata, add_ai_message_chunks
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.output_parsers.openai_tools import make_invalid_tool_call, parse_tool_call
from pydantic import BaseModel

from .script import Request
from .steps import DiesAfter, ScriptedCall, Slow, Step, check_step

__all__ = ["Pause", "Usage", "played_in_pieces", "played_whole"]

Usage: TypeAlias = UsageMetadata | Literal["counted"] | None
"""Tokens of each answer: counted, one for a word; these; or `None` for a service that does not tell."""

_Part: TypeAlias = "str | ScriptedCall | AIMessage"

_ENDS = ("finish_reason", "stop_reason", "done_reason")
"""Where answers of services say how they ended."""


class Pause(NamedTuple):
    """Nothing comes for some time."""

    seconds: float


def played_in_pieces(step: Step, request: Request, *, model: str, usage: Usage) -> Iterator[Pause | AIMessageChunk]:
    """Yield the chunks and the pauses of an answer that is streamed.

    Args:
        step: What is played.
        request: What was asked.
        model: Name of the model, for the answer's metadata.
        usage: Tokens.

    Raises:
        BaseException: What the step raises.
    """
    answer = _Answer(request, model, usage)
    for part in _parts(step, request):
        if isinstance(part, Pause):
            yield part
        else:
            yield from answer.add(part)
    yield from answer.end()


def played_whole(step: Step, request: Request, *, model: str, usage: Usage) -> Iterator[Pause | AIMessage]:
    """Yield the pauses of an answer, and then all of it; arguments and errors are those of `played_in_pieces`."""
    answer = _Answer(request, model, usage)
    for part in _parts(step, request):
        if isinstance(part, Pause):
            yield part
        else:
            answer.add(part)
    yield answer.whole()


def _parts(step: Any, request: Request) -> Iterator[Pause | _Part]:
    """Yield what a step says, until that is all, or it raises."""
    match step:
        case str() | ScriptedCall():
            yield step
        case AIMessage():
            yield step.model_copy(deep=True)  # Whoever gets an answer may do with it what they like.
        case list() | tuple():
            for part in step:
                yield from _parts(part, request)
        case Slow():
            yield Pause(step.seconds)
            yield from _parts(step.step, request)
        case DiesAfter():
            yield from _parts(step.said, request)
            raise _fresh(step.error)
        case BaseException() | type():
            raise _fresh(step)
        case {"name": name, "args": args}:
            yield ScriptedCall(name, json.dumps(args), id=step.get("id"))
        case BaseModel():
            name, text = type(step).__name__, step.model_dump_json()
            yield ScriptedCall(name, text) if name in request.tool_names else text
        case _:
            returned = step(list(request.messages), dict(request.kwargs))
            check_step(returned)
            yield from _parts(returned, request)


def _fresh(error: BaseException | type[BaseException]) -> BaseException:
    """Return an error to raise; one that is raised again and again would gather tracebacks."""
    return error.with_traceback(None) if isinstance(error, BaseException) else error()


class _Answer:
    """An answer as it grows.

    Args:
        request: What was asked.
        model: Name of the model.
        usage: Tokens.
    """

    def __init__(self, request: Request, model: str, usage: Usage) -> None:
        self._request = request
        self._model = model
        self._usage = usage
        self._parts: list[_Part] = []
        self._chunks: list[AIMessageChunk] = []
        self._finish_reason: str | None = None
        self._metadata: dict[str, Any] = {}
        """What the script itself says of the answer's metadata."""
        self._tokens: UsageMetadata | None = None
        """What the script itself says of the answer's tokens."""
        self._last: dict[str, Any] = {}
        """What the last chunk brings of a message."""

    def add(self, part: _Part) -> list[AIMessageChunk]:
        """Take the next part, and return it in the pieces of a stream."""
        self._parts.append(part)
        before = len(self._chunks)
        match part:
            case str():
                self._say(part)
            case ScriptedCall():
                self._call(part.name, part.arguments, part.id or f"call_{uuid4().hex[:24]}")
                self._finish_reason = part.finish_reason
            case AIMessage():
                self._add_message(part)
        return self._chunks[before:]

    def end(self) -> list[AIMessageChunk]:
        """Return the chunk that says how the answer ended, and what it cost; none if the script wants no end."""
        is_raw = not self._parts or any(isinstance(part, AIMessageChunk) for part in self._parts)
        if is_raw or any(self._metadata.get(name, "") is None for name in _ENDS):
            return []
        closing = AIMessageChunk(
            content="",
            response_metadata=self._full_metadata(),
            usage_metadata=self._full_tokens(),
            chunk_position="last",
            **self._last,
        )
        self._chunks.append(closing)
        return [closing]

    def whole(self) -> AIMessage:
        """Return the answer in one piece."""
        first = self._parts[0] if len(self._parts) == 1 else None
        if isinstance(first, AIMessage) and not isinstance(first, AIMessageChunk):
            update = {"response_metadata": self._full_metadata(), "usage_metadata": self._full_tokens()}
            return first.model_copy(update=update)
        self.end()
        joined = self._joined()
        valid, invalid = _as_integrations_read(joined)
        message = message_chunk_to_message(joined)
        assert isinstance(message, AIMessage)
        return message.model_copy(update={"tool_calls": valid, "invalid_tool_calls": invalid})

    def _add_message(self, message: AIMessage) -> None:
        self._metadata.update(message.response_metadata)
        self._tokens = message.usage_metadata or self._tokens
        if isinstance(message, AIMessageChunk):
            self._chunks.append(message)
            return
        before = len(self._chunks)
        if isinstance(message.content, str):
            self._say(message.content)
        else:
            self._chunks.append(AIMessageChunk(content=message.content))
        for call in message.tool_calls:
            self._call(call["name"], json.dumps(call["args"]), call["id"])
        for broken in message.invalid_tool_calls:
            self._call(broken["name"], broken["args"] or "", broken["id"])
        for chunk in self._chunks[before:]:
            chunk.id = message.id
        self._last = {"id": message.id, "additional_kwargs": message.additional_kwargs}

    def _say(self, text: str) -> None:
        self._chunks += [AIMessageChunk(content=piece) for piece in _pieces(text)]

    def _call(self, name: str | None, arguments: str, call_id: str | None) -> None:
        """Add a call as services stream it: name and id first, then the text of the arguments."""
        index = len({piece["index"] for chunk in self._chunks for piece in chunk.tool_call_chunks})
        pieces = [tool_call_chunk(name=name, args="", id=call_id, index=index)]
        pieces += [tool_call_chunk(args=piece, index=index) for piece in _pieces(arguments)]
        self._chunks += [AIMessageChunk(content="", tool_call_chunks=[piece]) for piece in pieces]

    def _full_metadata(self) -> dict[str, Any]:
        metadata = {"model_name": self._model, **self._metadata}
        if not any(name in metadata for name in _ENDS):
            has_calls = any(chunk.tool_call_chunks for chunk in self._chunks)
            metadata["finish_reason"] = self._finish_reason or ("tool_calls" if has_calls else "stop")
        return metadata

    def _full_tokens(self) -> UsageMetadata | None:
        if self._tokens is not None:
            return self._tokens
        if not isinstance(self._usage, str):
            return self._usage
        joined = self._joined()
        given = sum(_words(message.text) for message in self._request.messages)
        answered = _words(joined.text) + sum(_words(chunk["args"] or "") for chunk in joined.tool_call_chunks)
        return UsageMetadata(input_tokens=given, output_tokens=answered, total_tokens=given + answered)

    def _joined(self) -> AIMessageChunk:
        return add_ai_message_chunks(*self._chunks) if self._chunks else AIMessageChunk(content="")


def _pieces(text: str) -> list[str]:
    """Return a text word by word."""
    return re.findall(r"\S+\s*|\s+", text)


def _words(text: str) -> int:
    return len(text.split())


def _as_integrations_read(message: AIMessageChunk) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """Return the calls of an answer that came in one piece: the integrations of services complete no JSON there."""
    valid: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for chunk in message.tool_call_chunks:
        raw = {"id": chunk["id"], "function": {"name": chunk["name"], "arguments": chunk["args"]}}
        try:
            call: Any = parse_tool_call(raw)
        except OutputParserException as error:
            invalid.append(make_invalid_tool_call(raw, str(error)))
            continue
        if isinstance(call["args"], dict):
            valid.append(call)
        else:
            invalid.append(make_invalid_tool_call(raw, "The arguments are not an object."))
    return valid, invalid
