"""A server that answers at once, so that only the client's work counts: `python -m tests.benchmarks.server`.

The first part of a URL selects the answer (`/text/v1/chat/completions`, `/503/openai/deployments/…`), and `"stream"` in
the body whether it is a stream. It prints its port and serves until its input is closed.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from .answers import ANSWERS, MODELS, PACED, TOKEN

__all__ = ["ROOT", "serving"]

ROOT = Path(__file__).parents[2]
_PACE = 0.001
"""Seconds between the parts of a paced stream."""


class _Connection(asyncio.Protocol):
    """One client; requests come one after the other."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            head, end, rest = self._received.partition(b"\r\n\r\n")
            length = _body_length(head)
            if not end or len(rest) < length:
                return
            self._received = rest[length:]
            self._answer(head.split(b" ", 2)[1].decode(), rest[:length])

    def _answer(self, path: str, body: bytes) -> None:
        is_stream = b'"stream":true' in body or b'"stream": true' in body
        kind = path.split("/", 2)[1]
        if path.endswith("/token"):
            self._transport.write(TOKEN)
        elif path.endswith("/models"):
            self._transport.write(MODELS)
        elif kind == "paced":
            self._send_part(0)
        else:
            self._transport.write(ANSWERS[kind, is_stream])

    def _send_part(self, place: int) -> None:
        if place < len(PACED) and not self._transport.is_closing():
            self._transport.write(PACED[place])
            asyncio.get_running_loop().call_later(_PACE, self._send_part, place + 1)


def _body_length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


@contextmanager
def serving() -> Iterator[str]:
    """Serve in another process; the value is the URL before the part that selects the answer."""
    command = [sys.executable, "-m", "tests.benchmarks.server"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), text=True, **pipes) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
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
