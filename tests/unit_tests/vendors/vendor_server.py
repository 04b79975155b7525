"""A server on loopback that answers like a vendor, in real HTTP, and remembers what it was sent."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 20.0
"""Seconds after which a test that waits for an event has failed."""


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body as JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def wants_stream(self) -> bool:
        """Whether it asks for a stream, in any vendor's way."""
        return ":streamGenerateContent" in self.target or bool(self.body and self.json.get("stream"))

    def __contains__(self, text: str) -> bool:
        return text in f"{self.target} {self.headers} {self.body!r}"


@dataclass(frozen=True)
class Reply:
    """What the server does with one request."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    events: tuple[bytes, ...] | None = None
    """The body in pieces, as a stream."""
    rest: tuple[bytes, ...] = ()
    """Further pieces, which come when the server may go on."""
    again: bytes = b""
    """A piece that comes again and again for as long as the client listens."""
    then: str = "end"
    """After the body: `end` it properly, `drop` the connection, or keep `silent` until the client leaves."""


Answer = Callable[[Request], Reply]


class VendorServer:
    """Answers each request with the next of its answers, and all further ones with the last."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[Request] = []
        self.connections = 0
        self.asked = threading.Event()
        """Set when a request has come in."""
        self.may_go_on = threading.Event()
        """Holds back the rest of streams until a test sets it."""
        self.left = threading.Event()
        """Set when a client has closed a connection."""
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.origin = f"http://{self.host}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def will(self, *answers: Answer | Reply) -> None:
        """Answer the next requests like this."""
        self.answers = [answer if callable(answer) else (lambda _, reply=answer: reply) for answer in answers]

    def stop(self) -> None:
        """Close all connections and wait for the threads."""
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        # Closing alone does not wake up the thread that accepts.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as incoming, suppress(OSError):
                while request := _read(incoming):
                    with self._lock:
                        self.requests.append(request)
                        self.asked.set()
                        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                    reply = answer(request)
                    connection.sendall(
                        _head(reply) + _pieces(reply, (reply.body,) if reply.events is None else reply.events)
                    )
                    if reply.rest:
                        self.may_go_on.wait(PATIENCE)
                        connection.sendall(_pieces(reply, reply.rest))
                    while reply.again:
                        connection.sendall(_pieces(reply, (reply.again,)))
                        self.may_go_on.wait(0.05)
                    if reply.events is not None and reply.then == "end":
                        connection.sendall(b"0\r\n\r\n")
                    if reply.then == "silent":
                        incoming.read(1)
                    if reply.then != "end":
                        break
        finally:
            with self._lock:
                self._open.discard(connection)
            self.left.set()


def _read(incoming: Any) -> Request | None:
    first = incoming.readline().decode("latin-1").split()
    if not first:
        return None
    headers: dict[str, str] = {}
    while line := incoming.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Request(first[0], first[1], headers, incoming.read(int(headers.get("content-length", 0))))


def _head(reply: Reply) -> bytes:
    kind = "application/json" if reply.events is None else "text/event-stream"
    headers = {"Content-Type": kind, **reply.headers}
    if reply.events is None:
        # A length that is never reached, when the connection is to break before the end.
        headers["Content-Length"] = str(len(reply.body) + (reply.then != "end"))
    else:
        headers["Transfer-Encoding"] = "chunked"
    lines = [f"HTTP/1.1 {reply.status} Status", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def _pieces(reply: Reply, pieces: tuple[bytes, ...]) -> bytes:
    if reply.events is None:
        return b"".join(pieces)
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)


@contextmanager
def serving() -> Iterator[VendorServer]:
    """Run a server for the length of the block."""
    server = VendorServer()
    try:
        yield server
    finally:
        server.stop()
