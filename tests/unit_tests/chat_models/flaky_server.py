"""A server in a process of its own that fails every tenth request, each time in another way."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, cycle
from pathlib import Path
from typing import Any, cast

__all__ = ["flaky_server"]

_CHUNK = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def _event(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    data = b"data: " + json.dumps({**_CHUNK, "choices": [choice]}).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


def _whole(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


_MESSAGE = {"index": 0, "message": {"role": "assistant", "content": "fine"}, "finish_reason": "stop"}
_ANSWER = _whole(json.dumps({**_CHUNK, "object": "chat.completion", "choices": [_MESSAGE]}).encode())
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_STREAM = [_HEAD, _event({"content": "fi"}), _event({"content": "ne"}), _event({}, "stop"), b"0\r\n\r\n"]
_WHOLE_FAILURES = [_whole(b'{"error": {"message": "busy"}}', "503 Service Unavailable"), _whole(b"<html>")]
# Nothing at all; half an answer; half a stream; another protocol. Then the connection is closed.
_FAILURES = cycle([*_WHOLE_FAILURES, b"", _ANSWER[:-20], b"".join(_STREAM[:3]), b"SSH-2.0-OpenSSH\r\n\r\n"])


class _Connection(asyncio.Protocol):
    requests = count(1)

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        if not end or len(body) < length:
            return
        self._received = b""
        if next(self.requests) % 10 == 0:
            failure = next(_FAILURES)
            self._transport.write(failure)
            if failure not in _WHOLE_FAILURES:
                self._transport.close()
        else:
            self._transport.write(b"".join(_STREAM) if b'"stream":true' in body else _ANSWER)


@contextmanager
def flaky_server() -> Iterator[str]:
    """Serve in another process; the value is the base URL."""
    command = [sys.executable, "-m", __name__]
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        command, cwd=root, env=dict(os.environ), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.stdin.close()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(_serve())
