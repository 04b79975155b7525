"""Read HTTP/1.1 requests from a byte stream."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

MAX_HEAD = 64 * 1024
"""Largest request head, in bytes; more is answered with 431."""

MAX_BODY = 64 * 1024 * 1024
"""Largest request body, in bytes; more is answered with 413."""


class BadRequestError(Exception):
    """The bytes are not a request that can be served.

    Args:
        status: The status to answer with before the connection is closed.
        reason: What was wrong, for the body.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(slots=True)
class HttpRequest:
    """One request as it came over the wire."""

    method: str
    target: str
    """Path with query, as sent."""
    headers: dict[str, str]
    """Names in lower case; repeated headers are joined with a comma."""
    body: bytes
    keep_alive: bool


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> HttpRequest | None:
    """Read the next request of a connection.

    Returns:
        The request, or `None` when the client closed the connection.

    Raises:
        BadRequestError: The request cannot be understood.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise BadRequestError(431, "request head too large") from None
    lines = head.decode("latin-1").split("\r\n")
    try:
        method, target, version = lines[0].split(" ")
    except ValueError:
        raise BadRequestError(400, "malformed request line") from None
    headers = _parse_headers(lines[1:-2])
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await _read_body(reader, headers)
    wish = headers.get("connection", "").lower()
    keep_alive = wish != "close" if version == "HTTP/1.1" else wish == "keep-alive"
    return HttpRequest(method, target, headers, body, keep_alive)


def _parse_headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequestError(400, "malformed header")
        name = name.lower()
        value = value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        return await _read_chunked(reader)
    length = headers.get("content-length")
    if length is None or length == "0":
        return b""
    if not length.isdecimal():
        raise BadRequestError(400, "malformed Content-Length")
    size = int(length)
    if size > MAX_BODY:
        raise BadRequestError(413, "request body too large")
    return await reader.readexactly(size)


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        size = _chunk_size(await _read_line(reader))
        if size == 0:
            break
        body += await reader.readexactly(size)
        if len(body) > MAX_BODY:
            raise BadRequestError(413, "request body too large")
        await reader.readexactly(2)
    while await _read_line(reader) != b"\r\n":
        pass  # Trailers say nothing that matters here.
    return bytes(body)


def _chunk_size(line: bytes) -> int:
    digits = line.split(b";", 1)[0].strip()
    if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", digits):
        raise BadRequestError(400, "malformed chunk size")
    return int(digits, 16)


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n")
    except asyncio.LimitOverrunError:
        raise BadRequestError(400, "line too long") from None
