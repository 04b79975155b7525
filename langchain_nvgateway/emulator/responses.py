"""What a service answers, before it becomes bytes on a connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias

from .json_text import encode_bytes

if TYPE_CHECKING:
    from .connections import Connection

Delivery: TypeAlias = "Callable[[Connection, Response], Awaitable[None]]"
"""A way to send a response, usually a broken one."""

JSON_TYPE = "application/json"
EVENT_STREAM_TYPE = "text/event-stream; charset=utf-8"


@dataclass(slots=True)
class Response:
    """One answer: a whole body, or the events of a stream."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    events: Sequence[bytes] | None = None
    """Server-sent events, already encoded; `None` for a whole body."""
    delay: float = 0.0
    """Seconds before the first byte."""
    event_pause: float = 0.0
    """Seconds before each event of a stream but the first."""
    delivery: Delivery | None = None
    """How to send it; `None` sends it as it should be."""
    close: bool = False
    """Announce and close the connection afterwards."""


def json_response(status: int, body: object, headers: Mapping[str, str] | None = None) -> Response:
    """Build a response with a JSON body."""
    return Response(status, {"content-type": JSON_TYPE, **(headers or {})}, encode_bytes(body))


def text_response(status: int, text: str, content_type: str = "text/plain; charset=utf-8") -> Response:
    """Build a response with a text body."""
    return Response(status, {"content-type": content_type}, text.encode())


def event(data: object) -> bytes:
    """Encode one server-sent event with a JSON payload."""
    return b"data: " + encode_bytes(data) + b"\n\n"


DONE = b"data: [DONE]\n\n"
"""The event that ends a stream."""


def encode_head(status: int, headers: Mapping[str, str]) -> bytes:
    """Encode the status line and the headers, with the blank line."""
    lines = [_status_line(status)]
    lines += [f"{name}: {value}\r\n" for name, value in headers.items()]
    lines.append("\r\n")
    return "".join(lines).encode("latin-1", "replace")


def frame_chunk(data: bytes) -> bytes:
    """Wrap bytes as one chunk of `Transfer-Encoding: chunked`."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
"""The chunk that ends a chunked body."""


@lru_cache(maxsize=128)
def _status_line(status: int) -> str:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"  # 529 and the like are not in the registry.
    return f"HTTP/1.1 {status} {phrase}\r\n"
