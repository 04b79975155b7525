"""A client on a bare socket, which sees exactly what the server sends."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit


@dataclass
class Seen:
    """What came back for one request."""

    data: bytes
    end: Literal["closed", "reset", "silence"]

    @property
    def status(self) -> int | None:
        """The status, if a head arrived."""
        if not self.data.startswith(b"HTTP/1.1 ") or b"\r\n\r\n" not in self.data:
            return None
        return int(self.data[9:12])

    @property
    def head(self) -> str:
        """The head in lower case."""
        return self.data.partition(b"\r\n\r\n")[0].decode("latin-1").lower()

    @property
    def body(self) -> bytes:
        """The body, without chunk framing."""
        body = self.data.partition(b"\r\n\r\n")[2]
        if "transfer-encoding: chunked" not in self.head:
            return body
        joined = b""
        while body:
            size, _, rest = body.partition(b"\r\n")
            joined += rest[: int(size, 16)]
            body = rest[int(size, 16) + 2 :]
        return joined

    @property
    def json(self) -> Any:
        """The parsed body."""
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The payloads of a stream; `[DONE]` and what is no JSON stay text."""
        return parse_events(self.body.decode())


def parse_events(text: str) -> list[Any]:
    """Parse the payloads of a stream; `[DONE]` and what is no JSON stay text."""
    payloads = [e.removeprefix("data: ") for e in text.split("\n\n") if e]
    return [_parsed(payload) for payload in payloads]


def _parsed(payload: str) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload


def exchange(
    url: str,
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    timeout: float = 2.0,
    most: int = 1_000_000,
) -> Seen:
    """Send one request and read until the server closes, falls silent, or has sent enough."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return send_raw(parts.hostname or "", parts.port or 0, "\r\n".join(lines).encode() + body, timeout, most)


def send_raw(host: str, port: int, data: bytes, timeout: float = 2.0, most: int = 10**6) -> Seen:
    """Send bytes and read until the server closes, falls silent, or has sent enough."""
    got = b""
    with socket.create_connection((host, port), timeout=timeout) as connection:
        connection.sendall(data)
        while len(got) < most:
            try:
                piece = connection.recv(65_536)
            except TimeoutError:
                return Seen(got, "silence")
            except ConnectionError:
                return Seen(got, "reset")
            if not piece:
                break
            got += piece
    return Seen(got, "closed")
