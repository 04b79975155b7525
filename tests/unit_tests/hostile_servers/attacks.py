"""What a hostile server sends, by name."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Iterator

from ..chat_models.raw_server import chunk, completion, event
from .hostile_server import HostileServer, Play

__all__ = ["AFTER_THE_END", "AT_ONCE", "ENDLESS", "SLOW", "THOUGHTS", "VISIBLE"]

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
BLOCK = b"x" * 65536


def _answer(body: bytes, *, status: str = "200 OK", kind: str = "application/json", more: str = "") -> Play:
    kind_line = f"Content-Type: {kind}\r\n" if kind else ""
    head = f"HTTP/1.1 {status}\r\n{kind_line}Content-Length: {len(body)}\r\n{more}\r\n"
    return lambda server: [head.encode("latin-1"), body]


def _raw(*pieces: bytes) -> Play:
    return lambda server: pieces


def _forever(start: bytes, again: bytes) -> Play:
    return lambda server: itertools.chain([start], itertools.repeat(again))


def _chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def _nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def _bomb(server: HostileServer) -> Iterator[bytes]:
    """Send what becomes a thousand times as much, without an end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield JSON[:-2] + b"Content-Encoding: gzip\r\n\r\n"
    zeros = b" " * (1 << 20)
    while True:
        yield packer.compress(zeros) + packer.flush(zlib.Z_SYNC_FLUSH)


def _bomb_in_stream(server: HostileServer) -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield STREAM[:-2] + b"Content-Encoding: gzip\r\n\r\n"
    events = event({"choices": []}) * 20_000
    while True:
        yield packer.compress(events) + packer.flush(zlib.Z_SYNC_FLUSH)


def _call(arguments: str, *, index: int = 0) -> dict[str, object]:
    return {"tool_calls": [{"index": index, "id": "a", "function": {"name": "look_up", "arguments": arguments}}]}


def _calls(first: int) -> bytes:
    return b"".join(chunk(_call("{", index=number)) for number in range(first, first + 500))


def _whole_call(arguments: str) -> dict[str, object]:
    return {"id": "a", "type": "function", "function": {"name": "look_up", "arguments": arguments}}


def _whole_calls(number: int) -> list[dict[str, object]]:
    return [_whole_call('{"name": "x"}')] * number


GOOD = completion({"content": "hello"})
CHOICE = b'{"message": {"content": "hello"}, "finish_reason": "stop"}'
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"

AT_ONCE: dict[str, Play] = {
    "HTML": _answer(b"<html><body>Sign in</body></html>", kind="text/html"),
    "plain text": _answer(b"hello", kind="text/plain"),
    "an image": _answer(b"\x89PNG\r\n\x1a\n" + bytes(100), kind="image/png"),
    "no content type": _answer(b"hello", kind=""),
    "nothing": _answer(b""),
    "204": _raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "304": _raw(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "EBCDIC": _answer(GOOD.decode().encode("cp500")),
    "bytes that are no UTF-8": _answer(GOOD.replace(b"hello", b"\xff\xfe\xc3\x28")),
    "NUL bytes": _answer(bytes(1000)),
    "half an object": _answer(GOOD[:-20]),
    "nested 100,000 deep": _answer(_nested(100_000)),
    "an object nested 100,000 deep": _answer(b'{"choices":' * 100_000 + b"1" + b"}" * 100_000),
    "an error nested 100,000 deep": _answer(b'{"error":' + _nested(100_000) + b"}", status="500 Oops"),
    "an integer of 100,000 digits": _answer(b'{"choices": 1' + b"0" * 100_000 + b"}"),
    "a status of no class": _answer(GOOD, status="099 X"),
    "a status beyond all classes": _answer(GOOD, status="999 X"),
    "a reset": _answer(b"", status="205 X"),
    "another protocol": _raw(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    "200,000 choices": _answer(b'{"choices": [' + b",".join([CHOICE] * 200_000) + b"]}"),
    "100,000 calls": _answer(completion({"tool_calls": _whole_calls(100_000)}, "tool_calls")),
    "arguments nested 100,000 deep": _answer(completion({"tool_calls": [_whole_call("[" * 100_000)]}, "tool_calls")),
    "a huge error": _answer(b"x" * (4 << 20), status="503 Oops", kind="text/plain"),
    "more than was announced": _raw(JSON[:-2] + b"Content-Length: 10\r\n\r\n" + GOOD),
    "less than was announced": _raw(JSON[:-2] + b"Content-Length: 100000\r\n\r\n" + GOOD),
    "two lengths": _raw(JSON[:-2] + b"Content-Length: 10\r\nContent-Length: 20\r\n\r\n" + GOOD),
    "a negative length": _raw(JSON[:-2] + b"Content-Length: -5\r\n\r\n" + GOOD),
    "a length beyond all numbers": _raw(JSON[:-2] + b"Content-Length: " + b"9" * 400 + b"\r\n\r\n" + GOOD),
    "length and chunks": _raw(CHUNKED[:-2] + b"Content-Length: 5\r\n\r\n" + _chunked(GOOD) + b"0\r\n\r\n"),
    "chunks that are none": _raw(CHUNKED, b"zz\r\nhello\r\n"),
    "a chunk of negative size": _raw(CHUNKED, b"-5\r\nhello\r\n"),
    "a chunk beyond all sizes": _raw(CHUNKED, b"f" * 40 + b"\r\nhello\r\n"),
    "chunks without an end": _raw(CHUNKED, _chunked(GOOD)),
    "no gzip where gzip was announced": _answer(GOOD, more="Content-Encoding: gzip\r\n"),
    "an encoding of its own": _answer(GOOD, more="Content-Encoding: potato\r\n"),
    "100,000 headers": _raw(b"HTTP/1.1 200 OK\r\n", b"".join(b"X-%d: y\r\n" % n for n in range(100_000)), b"\r\n"),
    "a header of 10 MiB": _raw(b"HTTP/1.1 200 OK\r\nX: ", b"y" * (10 << 20), b"\r\n\r\n"),
    "a header with a NUL": _raw(b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n"),
    "no HTTP": _raw(b"hello, I am no web server\r\n"),
    "HTTP/0.9": _raw(GOOD),
    "HTTP/2": _raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(60)),
    "a TLS alert": _raw(b"\x15\x03\x01\x00\x02\x02\x28"),
    "a redirect to another host": _raw(b"HTTP/1.1 307 X\r\nLocation: https://elsewhere.invalid/\r\n\r\n"),
    "a redirect to itself": _answer(b"", status="307 X", more="Location: /v1/chat/completions\r\n"),
    "a redirect to a file": _raw(b"HTTP/1.1 302 X\r\nLocation: file:///etc/passwd\r\n\r\n"),
    "a redirect to nowhere": _raw(b"HTTP/1.1 301 X\r\nLocation: http://[\r\n\r\n"),
    "a rate limit until the year 9999": _answer(
        b"", status="429 X", more="Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n"
    ),
    "a rate limit of 1e308 seconds": _answer(b"", status="429 X", more="Retry-After: 1e308\r\n"),
    "a rate limit of NaN seconds": _answer(b"", status="429 X", more="Retry-After: NaN\r\n"),
    "an event nested 100,000 deep": _raw(STREAM, event("[" * 100_000 + "]" * 100_000)),
    "events that are no JSON": _raw(STREAM, b"data: {\n\ndata: }\n\n"),
    "an event that is no UTF-8": _raw(STREAM, b"data: \xff\xfe\n\n"),
    "an empty stream": _raw(STREAM),
    "done, and nothing before": _raw(STREAM, b"data: [DONE]\n\n"),
}
"""Servers that nobody has to wait for."""


ENDLESS: dict[str, Play] = {
    "an endless body": _forever(JSON, b" " * 65536),
    "an endless body in chunks": _forever(CHUNKED, _chunked(BLOCK)),
    "an endless header": _forever(b"HTTP/1.1 200 OK\r\nX: ", BLOCK),
    "endless headers": _forever(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000),
    "endless interim answers": _forever(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 1000),
    "endless chunk extensions": _forever(CHUNKED + b"5;", BLOCK),
    "endless trailers": _forever(CHUNKED + _chunked(b" ") + b"0\r\n", b"X: y\r\n" * 1000),
    "a bomb": _bomb,
    "a bomb of events": _bomb_in_stream,
    "an endless event": _forever(STREAM + b"data: ", BLOCK),
    "an endless line of comment": _forever(STREAM + b": ", BLOCK),
    "endless comments": _forever(STREAM, b": ping\n\n" * 8000),
    "endless empty chunks": _forever(STREAM, event({"choices": []}) * 2000),
    "endless role chunks": _forever(STREAM, chunk({"role": "assistant", "content": ""}) * 500),
    "endless arguments": _forever(STREAM + chunk(_call('{"name": "')), chunk(_call("x" * 1000)) * 50),
    "endless calls": _forever(STREAM + _calls(0) + _calls(500) + _calls(1000), _calls(1500)),
}
"""Servers that send as fast as they can and never end."""


def _slow_head(server: HostileServer) -> Iterator[bytes]:
    return server.drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000)


def _slow_body(server: HostileServer) -> Iterable[bytes]:
    return itertools.chain([JSON], server.drip(GOOD * 100))


def _slow_event(server: HostileServer) -> Iterable[bytes]:
    return itertools.chain([STREAM], server.drip(b"data: " + b"x" * 10_000))


def _slow_comments(server: HostileServer) -> Iterable[bytes]:
    return itertools.chain([STREAM], server.drip(b":\n" * 10_000))


def _silence(server: HostileServer) -> Iterator[bytes]:
    server.is_over.wait()
    return iter(())


def _never_done(server: HostileServer) -> Iterable[bytes]:
    return [b"HTTP/1.1 202 X\r\nNVCF-REQID: 1\r\nNVCF-STATUS: pending-evaluation\r\nContent-Length: 0\r\n\r\n"]


SLOW: dict[str, Play] = {
    "a slow head": _slow_head,
    "a slow body": _slow_body,
    "a slow event": _slow_event,
    "slow comments": _slow_comments,
    "silence": _silence,
    "an answer that is never done": _never_done,
}
"""Servers that take all the time there is."""


AFTER_THE_END = _forever(STREAM + chunk({"content": "The end."}, "stop"), chunk({"content": "and so on " * 2000}))
"""An answer that is whole, and goes on for ever."""


VISIBLE: dict[str, Play] = {
    "endless text": _forever(STREAM, chunk({"content": "and so on " * 2000})),
    "endless text, drop by drop": lambda server: itertools.chain(
        [STREAM],
        (piece for _ in iter(lambda: server.is_over.wait(0.05), True) for piece in [chunk({"content": "so "})]),
    ),
}
"""Streams whose reader sees something before it turns out that they never end."""

THOUGHTS: Play = _forever(STREAM, chunk({"reasoning_content": "x" * 1000}) * 50)
"""Thoughts without an end, which are no answer."""
