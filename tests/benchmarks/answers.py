"""What the server of the benchmarks answers: bytes that are ready before the first request comes."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["ANSWERS", "ARGUMENTS", "MODEL", "MODELS", "PACED", "TOKEN", "WORDS", "events"]

MODEL = "meta/llama-4-scout-17b-16e-instruct"
WORDS = 400
"""Chunks with a word in a text stream."""

ARGUMENTS = json.dumps(
    {
        "path": "src/session.py",
        "edits": [
            {
                "old": f"line {n}: " + "before " * 10,
                "new": f"line {n}: " + "behind " * 10,
                "line": n + 1,
                "kind": "replace",
            }
            for n in range(9)
        ],
    }
)
"""The arguments of the tool call, 2 kB."""

_PIECE = 5
"""Characters of the arguments in a chunk, about a token."""

_USAGE = {"prompt_tokens": 5, "completion_tokens": WORDS, "total_tokens": WORDS + 5}


def _whole(body: Any, *, status: str = "200 OK") -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    return head.encode() + content


def _completion(message: dict[str, Any], finish_reason: str) -> bytes:
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
    return _whole(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": MODEL,
            "choices": [choice],
            "usage": _USAGE,
        }
    )


def _event(choices: list[dict[str, Any]], **more: Any) -> bytes:
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": MODEL,
        "choices": choices,
        **more,
    }
    return _chunked(b"data: " + json.dumps(body).encode() + b"\n\n")


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def events(deltas: list[dict[str, Any]], finish_reason: str) -> list[bytes]:
    """Return the parts of a stream: the head, each event in an HTTP chunk of its own, and the end."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    parts = [head]
    for delta, reason in [*((delta, None) for delta in deltas), ({}, finish_reason)]:
        parts.append(_event([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]))
    return [*parts, _event([], usage=_USAGE), _chunked(b"data: [DONE]\n\n"), b"0\r\n\r\n"]


def _error(status: str) -> bytes:
    error = {"message": "out of order", "type": "server_error", "param": None, "code": None}
    return _whole({"error": error}, status=status)


_FIRST = {"role": "assistant", "content": ""}
_TEXT: list[dict[str, Any]] = [_FIRST, *({"content": "word "} for _ in range(WORDS))]
_CALL = {"id": "call_1", "type": "function", "function": {"name": "edit_file", "arguments": ARGUMENTS}}
CALL_DELTAS: list[dict[str, Any]] = [
    _FIRST,
    {"tool_calls": [{"index": 0, **_CALL, "function": {"name": "edit_file", "arguments": ""}}]},
    *(
        {"tool_calls": [{"index": 0, "function": {"arguments": ARGUMENTS[at : at + _PIECE]}}]}
        for at in range(0, len(ARGUMENTS), _PIECE)
    ),
]
"""The chunks of the tool call."""

_BROKEN, _BUSY = _error("500 Internal Server Error"), _error("503 Service Unavailable")

ANSWERS = {
    # First part of the URL, and whether a stream is asked for
    ("text", False): _completion({"role": "assistant", "content": "fine"}, "stop"),
    ("text", True): b"".join(events(_TEXT, "stop")),
    ("tool", False): _completion({"role": "assistant", "content": None, "tool_calls": [_CALL]}, "tool_calls"),
    ("tool", True): b"".join(events(CALL_DELTAS, "tool_calls")),
    ("500", False): _BROKEN,
    ("500", True): _BROKEN,
    ("503", False): _BUSY,
    ("503", True): _BUSY,
}
PACED = events(_TEXT[:101], "stop")
"""A stream of 100 words whose parts are sent one by one, for `/paced/`."""

TOKEN = _whole({"access_token": "fake-token", "token_type": "Bearer", "expires_in": 3600})
MODELS = _whole({"object": "list", "data": [{"id": MODEL, "object": "model", "created": 1, "owned_by": "nobody"}]})
