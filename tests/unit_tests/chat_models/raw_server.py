"""A server that answers with exactly the bytes that a test gives it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from langchain_nvgateway import ChatNIM

from .calling import SCOUT

KEY = "fake-canary-key-of-nim"


class RawServer:
    """Answers every request alike and closes the connection.

    Args:
        pieces: The body; what ends before `closes` is written in single sends.
        status: Status line after the HTTP version.
        headers: Headers of the answer.
        closes: Whether the connection ends after the pieces, or stays until the client leaves.
    """

    def __init__(
        self,
        *pieces: bytes,
        status: str = "200 OK",
        content_type: str = "text/event-stream",
        headers: Mapping[str, str] | None = None,
        closes: bool = True,
    ) -> None:
        lines = {"Content-Type": content_type, "Connection": "close", **(headers or {})}
        head = f"HTTP/1.1 {status}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
        self._answer = [head.encode("latin-1"), *pieces]
        self._closes = closes
        self.heads: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def model(self, **kwargs: Any) -> ChatNIM:
        """Build a model of this server."""
        settings = {"api_key": KEY, "base_url": f"{self.origin}/v1", "max_retries": 0, "timeout": 10.0}
        return ChatNIM(**{**settings, **kwargs})

    def stop(self) -> None:
        """Take no more connections and wait for the open ones."""
        # Closing alone does not wake up the thread that accepts.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._read_request(connection)
                for piece in self._answer:
                    connection.sendall(piece)
                if self._closes:
                    connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except OSError:
                return

    def _read_request(self, connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536) or b"\r\n\r\n"
        head, _, body = data.partition(b"\r\n\r\n")
        self.heads.append(head.decode("latin-1"))
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")),
            0,
        )
        while len(body) < length:
            body += connection.recv(65536) or b" " * length


@contextmanager
def serving(*pieces: bytes, **kwargs: Any) -> Iterator[RawServer]:
    """Run a `RawServer` for the length of the block."""
    server = RawServer(*pieces, **kwargs)
    try:
        yield server
    finally:
        server.stop()


def event(value: Any) -> bytes:
    """Write one server-sent event."""
    text = value if isinstance(value, str) else json.dumps(value)
    return f"data: {text}\n\n".encode()


def chunk(delta: Any = None, finish: Any = None, **fields: Any) -> bytes:
    """Write one chunk of a streamed completion."""
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return event({"id": "c1", "object": "chat.completion.chunk", "model": SCOUT, "choices": [choice], **fields})


def completion(message: Mapping[str, Any], finish: Any = "stop", **fields: Any) -> bytes:
    """Write a whole completion."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return json.dumps(
        {"id": "c1", "object": "chat.completion", "created": 1, "model": SCOUT, "choices": [choice], **fields}
    ).encode()
