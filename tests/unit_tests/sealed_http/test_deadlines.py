"""No server holds a caller longer than the caller allows, however it goes about it."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from langchain_nvgateway.deadlines import Deadline
from langchain_nvgateway.sealed_http import HTTPRequest, SealedHTTP, TransportError

from .conftest import Client
from .raw_server import Peer, RawServer, always, one_then_wait, reply

Serve = Callable[..., RawServer]

ALLOWED = 0.4
"""Seconds that a caller allows."""

PROMPT = 4.0
"""Seconds by which it is over, also on a busy machine; the servers would go on for much longer."""


def _drip(before: bytes, drop: bytes) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(before)
        for _ in range(600):
            if peer.gone.wait(0.05):
                return
            peer.send(drop)

    return script


_SLOW = {
    "silence": one_then_wait(b""),
    "half a head": one_then_wait(b"HTTP/1.1 200 OK\r\n"),
    "half a body": one_then_wait(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
    "head in drops": _drip(b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n"),
    "header in drops": _drip(b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
    "body in drops": _drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
    "chunks in drops": _drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "endless hints": _drip(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
}


@pytest.mark.parametrize("kind", _SLOW)
def test_slow_answer_ends_with_the_deadline(kind: str, client: Client, serve: Serve) -> None:
    """Each byte that arrives does not start the time anew."""
    server = serve(_SLOW[kind])
    start = time.monotonic()

    with pytest.raises(TransportError, match="no answer in time") as caught:
        client.get(client.http(server.url), server.url, seconds=ALLOWED)

    assert caught.value.timed_out is True
    assert ALLOWED * 0.9 <= time.monotonic() - start < PROMPT


def test_request_that_is_taken_in_sips_ends_with_the_deadline(client: Client, serve: Serve) -> None:
    """A server that reads a large request slowly is as slow as one that answers slowly."""

    def script(peer: Peer) -> None:
        for _ in range(600):
            if peer.gone.wait(0.02):
                return
            peer.drain(200_000)

    server = serve(script)
    request = HTTPRequest("POST", server.url, body=bytes(128 << 20))
    start = time.monotonic()

    with pytest.raises(TransportError) as caught:
        client.send(client.http(server.url), request, Deadline(ALLOWED))

    assert caught.value.timed_out is True
    assert time.monotonic() - start < PROMPT


def test_request_that_nobody_takes_ends_with_the_deadline(client: Client, serve: Serve) -> None:
    """The buffers of the machine fill up, and nothing moves."""
    stop = threading.Event()
    server = serve(lambda _: stop.wait(PROMPT) and None)
    request = HTTPRequest("POST", server.url, body=bytes(64 << 20))
    start = time.monotonic()

    with pytest.raises(TransportError) as caught:
        client.send(client.http(server.url), request, Deadline(ALLOWED))
    elapsed = time.monotonic() - start
    stop.set()

    assert caught.value.timed_out is True
    assert elapsed < PROMPT


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_deadline_that_is_over_is_a_timeout(seconds: float, client: Client, serve: Serve) -> None:
    """Before the first byte too; a caller tells it apart from an unreachable server."""
    server = serve(always(reply()))

    with pytest.raises(TransportError) as caught:
        client.get(client.http(server.url), server.url, seconds=seconds)

    assert caught.value.timed_out is True


def test_deadline_that_is_over_holds_for_a_kept_connection(client: Client, serve: Serve) -> None:
    """No new connection is needed for that."""
    server = serve(always(reply()))
    http = client.http(server.url)
    client.get(http, server.url)

    with pytest.raises(TransportError) as caught:
        client.get(http, server.url, seconds=0)

    assert caught.value.timed_out is True


@pytest.mark.parametrize("seconds", [1e10, float("inf")])
def test_distant_deadline_is_no_limit(seconds: float, client: Client, serve: Serve) -> None:
    """Longer than a socket can count is as good as for ever, not an `OverflowError`."""
    server = serve(always(reply()))

    assert client.get(client.http(server.url), server.url, seconds=seconds).body == b"ok"


def test_deadline_that_was_moved_closer_ends_the_body(client: Client, serve: Serve) -> None:
    """The next read knows it."""
    server = serve(_SLOW["body in drops"])
    deadline = Deadline(600)
    start = time.monotonic()

    with pytest.raises(TransportError, match="in time"):
        client.send(
            client.http(server.url), HTTPRequest("GET", server.url), deadline, after_head=lambda: deadline.move(ALLOWED)
        )

    assert time.monotonic() - start < PROMPT


def test_deadline_that_was_moved_away_leaves_time(client: Client, serve: Serve) -> None:
    """A stream that has begun gets the time of a stream."""
    moved = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        moved.wait(PROMPT)
        peer.gone.wait(1.0)
        peer.send(b"late")

    server = serve(script)
    deadline = Deadline(1.0)

    def move() -> None:
        deadline.move(600)
        moved.set()

    answer = client.send(client.http(server.url), HTTPRequest("GET", server.url), deadline, after_head=move)

    assert answer.body == b"late"


@pytest.fixture
def full_listener() -> Iterator[str]:
    """A port that takes no further connection and does not refuse it either."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = []
    for _ in range(4):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
        waiting.append(sock)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    for sock in [*waiting, listener]:
        sock.close()


def test_connection_that_is_not_made_ends_with_the_deadline(client: Client, full_listener: str) -> None:
    """A host that is down does not refuse, it is silent."""
    start = time.monotonic()

    with pytest.raises(TransportError, match="no connection in time") as caught:
        client.get(client.http(full_listener), full_listener, seconds=ALLOWED)

    assert caught.value.timed_out is True
    assert time.monotonic() - start < PROMPT


@pytest.mark.parametrize("kind", ["silence", "half a body"])
async def test_cancelled_request_gives_its_connection_back(kind: str, serve: Serve) -> None:
    """While it waits for the head and for the body; the server sees the connection close."""
    asked = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        if kind != "silence":
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        asked.set()
        peer.wait_until_gone()

    server = serve(script, always(reply()))
    http = SealedHTTP([server.url])
    task = asyncio.create_task(Client.asend(http, HTTPRequest("GET", server.url), Deadline(600)))
    assert await asyncio.to_thread(asked.wait, PROMPT)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await asyncio.to_thread(server.peers[0].gone.wait, PROMPT)
    answer = await Client.asend(http, HTTPRequest("GET", server.url), Deadline(20))
    assert answer.body == b"ok"
    await http.aclose()


def test_deadline_counts_down_to_zero() -> None:
    """Never below, and it can be moved."""
    deadline = Deadline(100)
    assert 99 < deadline.remaining() <= 100

    deadline.move(-1)
    assert deadline.remaining() == 0

    deadline.move(50)
    assert 49 < deadline.remaining() <= 50
