"""A token endpoint on loopback whose answers a test scripts one by one."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.parse import parse_qs

PATIENCE = 20.0
"""Seconds after which a test that waits for something has failed."""


@dataclass(frozen=True)
class Request:
    """What reached the endpoint."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The form fields of the body."""
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


Reply: TypeAlias = Callable[["Handler"], None]


def answer(status: int, body: bytes | str = b"", **headers: str) -> Reply:
    """Reply with this; `retry_after="3"` becomes `Retry-After: 3`."""
    data = body.encode() if isinstance(body, str) else body

    def reply(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(data)))
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(data)

    return reply


def answer_json(value: Any, status: int = 200, **headers: str) -> Reply:
    """Reply with a JSON body."""
    return answer(status, json.dumps(value), **headers)


def grant(token: str, expires_in: Any = 900) -> Reply:
    """Reply with this token."""
    return answer_json({"access_token": token, "token_type": "Bearer", "expires_in": expires_in})


def refusal(status: int = 401) -> Reply:
    """Refuse the credentials as RFC 6749 §5.2 says."""
    return answer_json({"error": "invalid_client", "error_description": "no such client"}, status)


def raw(data: bytes) -> Reply:
    """Reply with bytes that need not be HTTP."""
    return lambda handler: handler.wfile.write(data) and None


def reset(handler: Handler) -> None:
    """Reset the connection."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def drip(handler: Handler) -> None:
    """Send a byte every now and then until the client has had enough."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not handler.server.stopping.wait(0.02):
        handler.wfile.write(b" ")


def hang(handler: Handler) -> None:
    """Say nothing until the client or the server leaves."""
    handler.server.stopping.wait(PATIENCE)


class Gate:
    """A reply that is held back until the test says so."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._arrived = threading.Semaphore(0)
        self._opened = threading.Event()

    def __call__(self, handler: Handler) -> None:
        """Reply when the gate is open."""
        self._arrived.release()
        assert self._opened.wait(PATIENCE), "nobody opened the gate"
        self._reply(handler)

    def wait_for_request(self) -> None:
        """Wait until a request stands before the gate."""
        assert self._arrived.acquire(timeout=PATIENCE), "no request came"

    def open(self) -> None:
        """Let the reply go."""
        self._opened.set()


class Handler(BaseHTTPRequestHandler):
    """Records a request and replies as scripted."""

    server: TokenServer
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        """Serve one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.close_connection = True
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.next_reply(Request(self.command, self.path, headers, body))(self)

    do_POST = do_GET = handle_any  # noqa: N815 - the names that `http.server` looks for.

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@dataclass
class _Script:
    replies: deque[Reply] = field(default_factory=deque)
    lasting: Reply | None = None


class TokenServer(ThreadingHTTPServer):
    """Grants `fake-token-1`, `fake-token-2`, … unless something else is scripted."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[Request] = []
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._script = _Script()
        self._issued = 0
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """URL of the token endpoint."""
        return f"http://127.0.0.1:{self.server_port}/token"

    def then(self, *replies: Reply) -> None:
        """Script the next replies, in order."""
        with self._lock:
            self._script.replies.extend(replies)

    def always(self, reply: Reply | None) -> None:
        """Script the reply to all requests that nothing else is scripted for; `None` grants again."""
        with self._lock:
            self._script.lasting = reply

    def gate(self, reply: Reply | None = None) -> Gate:
        """Script one reply that is held back."""
        gate = Gate(reply or self._grant_next)
        self.then(gate)
        return gate

    def next_reply(self, request: Request) -> Reply:
        """Record a request and return the reply to it."""
        with self._lock:
            self.requests.append(request)
            if self._script.replies:
                return self._script.replies.popleft()
            return self._script.lasting or self._grant_next

    def _grant_next(self, handler: Handler) -> None:
        with self._lock:
            self._issued += 1
            number = self._issued
        grant(f"fake-token-{number}")(handler)

    def handle_error(self, *_: Any) -> None:
        """Say nothing about clients that leave early."""

    def stop(self) -> None:
        """End all replies and the server."""
        self.stopping.set()
        self.shutdown()
        self._thread.join(PATIENCE)
        self.server_close()


def wait_for_refreshes() -> None:
    """Wait until no refresh is under way."""
    for thread in threading.enumerate():
        if thread.name == "starfleet-refresh":
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a refresh does not end"


class Clocks:
    """Both clocks of a provider, standing still until a test moves them."""

    def __init__(self) -> None:
        # Powers of two keep sums exact, so that edges can be tested to the last bit.
        self.monotonic = 1024.0
        self.wall = 2.0**30

    def advance(self, seconds: float) -> None:
        """Let time pass on both."""
        self.monotonic += seconds
        self.wall += seconds

    def at(self, seconds: float) -> None:
        """Set both to this many seconds after the start."""
        self.monotonic, self.wall = 1024.0 + seconds, 2.0**30 + seconds


def elapsed_since(start: float) -> float:
    """Return the real seconds since a reading of `time.monotonic`."""
    return time.monotonic() - start
