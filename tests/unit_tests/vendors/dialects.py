"""The wire formats of the three vendors: OpenAI's chat completions, Anthropic's messages, Gemini's generateContent."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any

from .vendor_server import Answer, Reply, Request

CITY = {"city": "Oslo"}


class Dialect(ABC):
    """How one vendor answers."""

    provider: str
    model: str
    path: str = ""
    """What the base URL has after the origin."""

    def says(self, *words: str) -> Answer:
        """Answer with a text; a stream brings it word by word."""

        def answer(request: Request) -> Reply:
            if request.wants_stream:
                return Reply(events=(*self.opening(), *self.text_events(words), *self.ending("text")))
            return Reply(body=self.whole([*words], None))

        return answer

    def calls_weather(self) -> Answer:
        """Answer with a tool call for the weather in Oslo."""

        def answer(request: Request) -> Reply:
            if request.wants_stream:
                return Reply(events=(*self.opening(), *self.call_events(), *self.ending("tool")))
            return Reply(body=self.whole([], CITY))

        return answer

    def fails(self, status: int, message: str = "no", **headers: str) -> Reply:
        """Answer with an error, in the vendor's envelope."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Reply(status, json.dumps(self.error(status, message)).encode(), named)

    def begins_only(self, *words: str, then: str) -> Answer:
        """Begin an answer, and leave it there: with a stream's opening and some words, or half a body."""

        def answer(request: Request) -> Reply:
            if request.wants_stream:
                return Reply(events=(*self.opening(), *self.text_events(words)), then=then)
            return Reply(body=self.whole(["half"], None)[:-10], then=then)

        return answer

    def halts(self, *words: str) -> Answer:
        """Answer with a stream that halts after its first word until the server may go on."""

        def answer(request: Request) -> Reply:
            pieces = self.text_events(words)
            later = len(words) - 1
            return Reply(events=(*self.opening(), *pieces[:-later]), rest=(*pieces[-later:], *self.ending("text")))

        return answer

    @abstractmethod
    def whole(self, words: list[str], call: dict[str, Any] | None) -> bytes:
        """Write a whole answer."""

    @abstractmethod
    def opening(self) -> list[bytes]:
        """Write what a stream begins with before its first token."""

    @abstractmethod
    def text_events(self, words: tuple[str, ...]) -> list[bytes]:
        """Write tokens."""

    @abstractmethod
    def call_events(self) -> list[bytes]:
        """Write a tool call in pieces."""

    @abstractmethod
    def ending(self, kind: str) -> list[bytes]:
        """Write what a stream ends with."""

    @abstractmethod
    def error(self, status: int, message: str) -> dict[str, Any]:
        """Write the body of an error."""


class OpenAI(Dialect):
    provider, model, path = "openai", "gpt-4o-mini", "/v1"

    def whole(self, words: list[str], call: dict[str, Any] | None) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": "".join(words) or None}
        if call:
            function = {"name": "get_weather", "arguments": json.dumps(call)}
            message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if call else "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        return json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": self.model}).encode()[:-1] + (
            b", " + json.dumps({"choices": [choice], "usage": usage}).encode()[1:]
        )

    def opening(self) -> list[bytes]:
        return [self._chunk({"role": "assistant", "content": ""})]

    def text_events(self, words: tuple[str, ...]) -> list[bytes]:
        return [self._chunk({"content": word}) for word in words]

    def call_events(self) -> list[bytes]:
        first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": ""}}
        rest = {"index": 0, "function": {"arguments": json.dumps(CITY)}}
        return [self._chunk({"tool_calls": [piece]}) for piece in (first, rest)]

    def ending(self, kind: str) -> list[bytes]:
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        last = {"id": "c", "object": "chat.completion.chunk", "model": self.model, "choices": [], "usage": usage}
        return [self._chunk({}, "tool_calls" if kind == "tool" else "stop"), _data(last), b"data: [DONE]\n\n"]

    def error(self, status: int, message: str) -> dict[str, Any]:
        return {"error": {"message": message, "type": "error", "code": None, "param": None}}

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _data({"id": "c", "object": "chat.completion.chunk", "model": self.model, "choices": [choice]})


class Anthropic(Dialect):
    provider, model = "anthropic", "claude-haiku-4-5"

    def whole(self, words: list[str], call: dict[str, Any] | None) -> bytes:
        block = {"type": "text", "text": "".join(words)}
        if call:
            block = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": call}
        return json.dumps({**self._message([block]), "stop_reason": "tool_use" if call else "end_turn"}).encode()

    def opening(self) -> list[bytes]:
        return [_named({"type": "message_start", "message": self._message([])}), _named({"type": "ping"})]

    def text_events(self, words: tuple[str, ...]) -> list[bytes]:
        begin = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        deltas = ({"type": "text_delta", "text": word} for word in words)
        return [_named(begin), *(self._delta(delta) for delta in deltas)] if words else []

    def call_events(self) -> list[bytes]:
        block = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}
        begin = {"type": "content_block_start", "index": 0, "content_block": block}
        pieces = (json.dumps(CITY)[:5], json.dumps(CITY)[5:])
        return [_named(begin), *(self._delta({"type": "input_json_delta", "partial_json": text}) for text in pieces)]

    def ending(self, kind: str) -> list[bytes]:
        delta = {"stop_reason": "tool_use" if kind == "tool" else "end_turn", "stop_sequence": None}
        return [
            _named({"type": "content_block_stop", "index": 0}),
            _named({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 2}}),
            _named({"type": "message_stop"}),
        ]

    def error(self, status: int, message: str) -> dict[str, Any]:
        return {"type": "error", "error": {"type": "api_error", "message": message}}

    def _message(self, content: list[dict[str, Any]]) -> dict[str, Any]:
        usage = {"input_tokens": 3, "output_tokens": 2}
        head = {"id": "msg_1", "type": "message", "role": "assistant", "model": self.model}
        return {**head, "content": content, "stop_reason": None, "stop_sequence": None, "usage": usage}

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return _named({"type": "content_block_delta", "index": 0, "delta": delta})


class GoogleGenAI(Dialect):
    provider, model = "google-genai", "gemini-2.5-flash"

    def whole(self, words: list[str], call: dict[str, Any] | None) -> bytes:
        part = {"functionCall": {"name": "get_weather", "args": call}} if call else {"text": "".join(words)}
        return json.dumps(self._piece([part], "STOP")).encode()

    def opening(self) -> list[bytes]:
        return []

    def text_events(self, words: tuple[str, ...]) -> list[bytes]:
        return [_data(self._piece([{"text": word}])) for word in words]

    def call_events(self) -> list[bytes]:
        return [_data(self._piece([{"functionCall": {"name": "get_weather", "args": CITY}}]))]

    def ending(self, kind: str) -> list[bytes]:
        return [_data(self._piece([{"text": ""}], "STOP"))]

    def error(self, status: int, message: str) -> dict[str, Any]:
        return {"error": {"code": status, "message": message, "status": "UNKNOWN"}}

    def _piece(self, parts: list[dict[str, Any]], finish: str | None = None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        usage = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": self.model}


def _data(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def _named(value: dict[str, Any]) -> bytes:
    return f"event: {value['type']}\n".encode() + _data(value)


DIALECTS: dict[str, Dialect] = {dialect.provider: dialect for dialect in (OpenAI(), Anthropic(), GoogleGenAI())}
