"""Streams without a network: bytes that come in pieces, and what a model makes of them."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import add_ai_message_chunks

from langchain_nvgateway import ChatNIM, InvalidResponseError, NVGatewayError
from langchain_nvgateway.answers import PLAIN, Contract
from langchain_nvgateway.chat_models.assembly import chat_result
from langchain_nvgateway.chat_models.call_flow import Completion
from langchain_nvgateway.chat_models.envelopes import checked_completion
from langchain_nvgateway.chat_models.open_stream import OpenStream
from langchain_nvgateway.chat_models.payloads import RequestParts
from langchain_nvgateway.chat_models.service_errors import Call
from langchain_nvgateway.deadlines import Deadline
from langchain_nvgateway.sealed_http import HTTPResponse

__all__ = ["CALL", "Outcome", "event", "streamed", "streamed_answer", "whole_answer"]

CALL = Call("service", "model", "http://127.0.0.1/", "id")
HEADERS = {"content-type": "text/event-stream"}


@cache
def _model() -> ChatNIM:
    return ChatNIM(api_key="fake-key", base_url="http://127.0.0.1:9/v1")


@dataclass
class Pieces:
    """The end of a connection: a body that comes in pieces."""

    pieces: Iterable[bytes]
    headers: dict[str, str] = field(default_factory=lambda: dict(HEADERS))
    status: int = 200

    def chunks(self) -> Generator[bytes, None, None]:
        yield from self.pieces

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Outcome:
    """What a reader gets, and what it gets instead; ids are left out, since missing ones are made up."""

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    error: type[NVGatewayError] | None = None
    reason: str = ""

    @property
    def flaw(self) -> str:
        """What is wrong with the answer, whether or not a part of it was seen before."""
        return self.reason if self.error and issubclass(self.error, InvalidResponseError) else ""


def event(chunk: Any) -> bytes:
    """Return a chunk as it is sent."""
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def streamed(pieces: Sequence[bytes], contract: Contract = PLAIN, *, headers: dict[str, str] | None = None) -> Outcome:
    """Return what comes of a stream; only a typed error counts as an outcome."""
    response = cast("HTTPResponse", Pieces(pieces, dict(headers or HEADERS)))
    stream = OpenStream(response, CALL, Deadline(60.0))
    seen: list[AIMessageChunk] = []
    try:
        stream.read_first_token()
        if stream.failure and not stream.has_begun:
            raise stream.failure
        for generation in _model()._generations(stream, _parts(contract)):
            assert isinstance(generation.message, AIMessageChunk)
            seen.append(generation.message)
    except NVGatewayError as problem:
        return Outcome(*_said(seen), type(problem), str(getattr(problem, "reason", problem)))
    return Outcome(*_said(seen))


def streamed_answer(text: str, calls: Sequence[tuple[str, str]], finish: str, sizes: Sequence[int]) -> list[bytes]:
    """Return an answer as the events of a stream, with so many letters in each piece, in turns."""
    deltas: list[dict[str, Any]] = [{"content": piece} for piece in _by_size(text, sizes)]
    for index, (name, arguments) in enumerate(calls):
        deltas.append({"tool_calls": [{"index": index, "id": f"a{index}", "function": {"name": name}}]})
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in _by_size(arguments, sizes)
        ]
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    return [*map(event, chunks), b"data: [DONE]\n\n"]


def whole_answer(text: str, calls: Sequence[tuple[str, str]], finish: str, contract: Contract) -> Outcome:
    """Return what comes of the same answer in one piece."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [
            {"id": f"a{index}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for index, (name, arguments) in enumerate(calls)
        ]
    reply = {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    try:
        result = chat_result(_model(), Completion(checked_completion(reply), {}, CALL), _parts(contract))
    except NVGatewayError as problem:
        return Outcome("", (), type(problem), str(getattr(problem, "reason", problem)))
    answer = result.generations[0].message
    assert isinstance(answer, AIMessage)
    return Outcome(*_in_message(answer))


def _by_size(text: str, sizes: Sequence[int]) -> list[str]:
    pieces, place, turn = [], 0, 0
    while place < len(text):
        size = sizes[turn % len(sizes)]
        pieces.append(text[place : place + size])
        place, turn = place + size, turn + 1
    return pieces


def _parts(contract: Contract) -> RequestParts:
    return RequestParts("model", b"", {}, {}, {}, None, contract)


def _said(seen: list[AIMessageChunk]) -> tuple[str, tuple[tuple[str, str], ...]]:
    return _in_message(add_ai_message_chunks(*seen)) if seen else ("", ())


def _in_message(message: AIMessage) -> tuple[str, tuple[tuple[str, str], ...]]:
    assert not message.invalid_tool_calls
    return message.text, tuple((call["name"], json.dumps(call["args"])) for call in message.tool_calls)
