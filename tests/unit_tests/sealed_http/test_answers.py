"""What a `SealedHTTP` makes of the bytes that a server sends, in a thread and in an event loop."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Callable

import pytest

from langchain_nvgateway.deadlines import Deadline
from langchain_nvgateway.errors import EgressDeniedError
from langchain_nvgateway.sealed_http import HTTPRequest, TransportError

from .conftest import Client
from .raw_server import PATIENCE, Peer, RawServer, always, once, reply

Serve = Callable[..., RawServer]


def test_answer_arrives(client: Client, serve: Serve) -> None:
    """Status, headers with lower-case names, body."""
    server = serve(always(reply(b"hello", headers="X-One: 1\nX-Two: a\nx-two: b")))

    answer = client.get(client.http(server.url), server.url)

    assert (answer.status, answer.body) == (200, b"hello")
    assert (answer.headers["x-one"], answer.headers["x-two"]) == ("1", "a, b")


def test_request_is_sent_as_given(client: Client, serve: Serve) -> None:
    """Method, target, headers and body, and nothing of the machine that sends it."""
    seen = []

    def script(peer: Peer) -> None:
        seen.append(peer.request())
        peer.send(reply())

    server = serve(script)
    request = HTTPRequest("POST", f"{server.url}/a%20b?c=d", {"X-Own": "1"}, b"body")
    client.send(client.http(server.url), request, Deadline(PATIENCE))

    head, _, body = seen[0].partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    names = [field.partition(":")[0].lower() for field in fields]
    assert first == "POST /a%20b?c=d HTTP/1.1"
    assert f"Host: 127.0.0.1:{server.port}" in fields
    assert "X-Own: 1" in fields
    assert "Accept-Encoding: identity" in fields
    assert sorted(names) == ["accept-encoding", "content-length", "host", "user-agent", "x-own"]
    assert body == b"body"


@pytest.mark.parametrize("name", ["User-Agent", "user-agent"])
def test_header_of_the_request_replaces_ours(name: str, client: Client, serve: Serve) -> None:
    """Whatever its case; a request has one `User-Agent` (RFC 9110 §10.1.5)."""
    seen = []

    def script(peer: Peer) -> None:
        seen.append(peer.request())
        peer.send(reply())

    server = serve(script)
    request = HTTPRequest("GET", server.url, {name: "my-agent"})
    client.send(client.http(server.url), request, Deadline(PATIENCE))

    assert seen[0].lower().count(b"\r\nuser-agent:") == 1


def test_ipv6_host_is_written_in_brackets(client: Client, serve: Serve) -> None:
    """RFC 9110 §7.2."""
    seen = []

    def script(peer: Peer) -> None:
        seen.append(peer.request())
        peer.send(reply())

    try:
        server = serve(script, host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert client.get(client.http(server.url), server.url).body == b"ok"
    assert f"Host: [::1]:{server.port}\r\n".encode() in seen[0]


def test_chunked_body_is_joined(client: Client, serve: Serve) -> None:
    """With an extension and a trailer."""
    body = b"5;x=y\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Trailer: 1\r\n\r\n"
    server = serve(always(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body))

    assert client.get(client.http(server.url), server.url).body == b"hello world"


def test_informational_answers_are_passed_over(client: Client, serve: Serve) -> None:
    """103 Early Hints before the answer."""
    server = serve(always(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + reply()))

    assert client.get(client.http(server.url), server.url).status == 200


_BROKEN = {
    "no answer": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    "garbage": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "bytes": bytes(range(256)) * 20,
    "TLS": b"\x15\x03\x01\x00\x02\x02\x28",
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok",
    "header flood": b"HTTP/1.1 200 OK\r\n" + b"X-Flood: 1\r\n" * 100_000,
    "long header": b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 1_000_000,
    "status 99999": b"HTTP/1.1 99999 OK\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("kind", _BROKEN)
def test_broken_protocol_is_a_transport_error(kind: str, client: Client, serve: Serve) -> None:
    """No other exception, no partial answer, and nothing that holds the request's headers as its cause."""
    server = serve(once(_BROKEN[kind]))

    with pytest.raises(TransportError) as caught:
        client.get(client.http(server.url), server.url)

    assert str(caught.value)
    assert caught.value.timed_out is False
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_connection_that_was_reset_is_a_transport_error(client: Client, serve: Serve) -> None:
    """In the middle of a body."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        peer.reset()

    server = serve(script)
    with pytest.raises(TransportError):
        client.get(client.http(server.url), server.url)


@pytest.mark.parametrize(
    "request_",
    [("/caf\u00e9", {}), ("/", {"X-Name": "Zo\u00eb"}), ("/a b", {}), ("/", {"X-Name": "a\r\nX-Other: b"})],
    ids=ascii,
)
def test_request_that_cannot_be_sent_is_a_typed_error(
    request_: tuple[str, dict[str, str]], client: Client, serve: Serve
) -> None:
    """A redirect may lead to a path like these; nothing but the documented errors comes out."""
    server = serve(always(reply()))

    with pytest.raises((TransportError, EgressDeniedError)):
        client.send(
            client.http(server.url), HTTPRequest("GET", server.url + request_[0], request_[1]), Deadline(PATIENCE)
        )


@pytest.mark.parametrize("form", ["gzip", "x-gzip", "GZIP", "deflate"])
def test_compressed_body_is_inflated(form: str, client: Client, serve: Serve) -> None:
    """Some servers compress although nobody asked."""
    text = b"hello " * 20_000
    body = zlib.compress(text) if form == "deflate" else gzip.compress(text)
    server = serve(always(reply(body, headers=f"Content-Encoding: {form}")))

    assert client.get(client.http(server.url), server.url).body == text


def test_raw_deflate_is_inflated_or_refused(client: Client, serve: Serve) -> None:
    """Some servers leave out the zlib header; no wrong text comes of it."""
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = deflater.compress(b"hello") + deflater.flush()
    server = serve(always(reply(body, headers="Content-Encoding: deflate")))

    with contextlib.suppress(TransportError):
        assert client.get(client.http(server.url), server.url).body == b"hello"


@pytest.mark.parametrize("cut", [5, 30, -1])
def test_compressed_body_that_was_cut_is_a_transport_error(cut: int, client: Client, serve: Serve) -> None:
    """The framing may be whole although the compressed text is not; half an answer is none."""
    server = serve(always(reply(gzip.compress(bytes(range(256)) * 9)[:cut], headers="Content-Encoding: gzip")))

    with pytest.raises(TransportError):
        client.get(client.http(server.url), server.url)


def test_compressed_members_are_joined(client: Client, serve: Serve) -> None:
    """A gzip file may have several members (RFC 1952 §2.2)."""
    body = gzip.compress(b"one ") + gzip.compress(b"two")
    server = serve(always(reply(body, headers="Content-Encoding: gzip")))

    assert client.get(client.http(server.url), server.url).body == b"one two"


def test_endless_members_without_anything_in_them_are_refused(client: Client, serve: Serve) -> None:
    """They meet no limit of size, and each costs more than it takes to send."""
    body = gzip.compress(b"one") + gzip.compress(b"") * 20
    server = serve(always(reply(body, headers="Content-Encoding: gzip")))

    with pytest.raises(TransportError, match="nothing in it"):
        client.get(client.http(server.url), server.url)


@pytest.mark.parametrize(
    ("form", "body"), [("gzip", b"not compressed"), ("br", b"ok"), ("zstd", b"ok"), ("gzip, gzip", b"ok")]
)
def test_encoding_that_cannot_be_read_is_a_transport_error(
    form: str, body: bytes, client: Client, serve: Serve
) -> None:
    """Never the raw bytes in the place of the text."""
    server = serve(always(reply(body, headers=f"Content-Encoding: {form}")))

    with pytest.raises(TransportError):
        client.get(client.http(server.url), server.url)


def test_decompression_bomb_meets_the_readers_limit(client: Client, serve: Serve) -> None:
    """A gigabyte in a megabyte is inflated in small steps, and no further than it is read."""
    deflater = zlib.compressobj(9)
    bomb = b"".join([deflater.compress(bytes(1 << 20)) for _ in range(1024)]) + deflater.flush()
    server = serve(always(reply(bomb, headers="Content-Encoding: deflate")))

    answer = client.get(client.http(server.url), server.url, limit=100_000)

    assert 100_000 < len(answer.body) < 400_000
