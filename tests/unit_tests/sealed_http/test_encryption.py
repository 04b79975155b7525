"""TLS: who is trusted, and that nothing else changes."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from langchain_nvgateway.deadlines import Deadline
from langchain_nvgateway.http_family import default_ssl_context
from langchain_nvgateway.sealed_http import HTTPRequest, HTTPResponse, SealedHTTP, TransportError

from .conftest import Client
from .raw_server import PATIENCE, Peer, reply

_AUTHORITY = trustme.CA()


class TLSServer:
    """Answer each request over TLS."""

    def __init__(self, certificate: trustme.LeafCert, answer: bytes) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self._listener.getsockname()[1]}"
        self.connections = 0
        self.requests: list[bytes] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def stop(self) -> None:
        """Close everything."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(sock,), daemon=True))
            self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError), self._context.wrap_socket(sock, server_side=True) as encrypted:
            self.connections += 1
            peer = Peer(encrypted)
            while request := peer.request():
                self.requests.append(request)
                peer.send(self._answer)


@pytest.fixture
def serve_tls() -> Iterator[Callable[..., TLSServer]]:
    """Start servers that speak TLS."""
    running: list[TLSServer] = []

    def start(certificate: trustme.LeafCert, answer: bytes = reply()) -> TLSServer:
        running.append(TLSServer(certificate, answer))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust the authority of these tests, as a machine trusts that of its company."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    _AUTHORITY.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    default_ssl_context.cache_clear()
    yield
    default_ssl_context.cache_clear()


Serve = Callable[..., TLSServer]


@pytest.mark.usefixtures("trusted")
def test_answers_come_over_one_encrypted_connection(serve_tls: Serve, client: Client) -> None:
    """The machine's own authorities are trusted, and the connection is kept like any other."""
    server = serve_tls(_AUTHORITY.issue_cert("localhost"), reply(b"x" * 300_000))
    http = client.http(server.url)

    assert [len(client.get(http, server.url).body) for _ in range(3)] == [300_000] * 3
    assert server.connections == 1


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    "certificate",
    [_AUTHORITY.issue_cert("other.example"), trustme.CA().issue_cert("localhost")],
    ids=["another host's", "an unknown authority's"],
)
def test_nothing_is_sent_to_who_has_no_good_certificate(
    certificate: trustme.LeafCert, serve_tls: Serve, client: Client
) -> None:
    """Who stands in between gets no request."""
    server = serve_tls(certificate)

    with pytest.raises(TransportError, match=r"ConnectError: .*(?i:certificate)"):
        client.get(client.http(server.url), server.url)

    assert server.requests == []


def test_keys_of_connections_are_written_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever `SSLKEYLOGFILE` says: who has the keys reads what was sent, bearers and all."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    default_ssl_context.cache_clear()

    context = default_ssl_context()

    assert context.keylog_filename is None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    default_ssl_context.cache_clear()


@pytest.mark.usefixtures("trusted")
def test_server_that_does_not_speak_tls_is_a_transport_error(client: Client, serve: Callable[..., object]) -> None:
    """Nothing is sent in plain text instead."""
    seen: list[bytes] = []

    def script(peer: Peer) -> None:
        seen.append(peer.request())

    def plain(peer: Peer) -> None:
        peer.send(reply())
        script(peer)

    server = serve(plain)
    url = f"https://localhost:{server.port}"  # type: ignore[attr-defined]  # a `RawServer`

    with pytest.raises(TransportError):
        client.get(client.http(url), url)

    assert not any(b"GET" in request for request in seen)


@pytest.mark.usefixtures("trusted")
def test_handshake_that_never_ends_ends_with_the_deadline(client: Client, serve: Callable[..., object]) -> None:
    """A server that accepts and is silent is no connection."""
    server = serve(lambda peer: peer.wait_until_gone())
    url = f"https://localhost:{server.port}"  # type: ignore[attr-defined]  # a `RawServer`

    with pytest.raises(TransportError) as caught:
        client.get(client.http(url), url, seconds=0.4)

    assert caught.value.timed_out is True


@pytest.mark.usefixtures("trusted")
def test_closing_beside_a_thread_that_reads_takes_nothing_from_other_files(serve_tls: Serve) -> None:
    """OpenSSL goes by the number of a socket, which the next file gets as soon as the socket is closed."""
    server = serve_tls(_AUTHORITY.issue_cert("localhost"), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    for _ in range(50):
        http = SealedHTTP([server.url])
        response = http.open(HTTPRequest("GET", server.url), Deadline(PATIENCE))
        pieces = response.chunks()
        assert next(pieces) == b"half"
        reading = threading.Thread(target=_read_to_the_end, args=(response, pieces))
        reading.start()

        http.close()
        ends = socket.socketpair()
        for end in ends:
            end.send(b"ours!")
        reading.join()

        for end in ends:
            end.settimeout(PATIENCE)
            assert end.recv(5) == b"ours!"
            end.close()


def _read_to_the_end(response: HTTPResponse, pieces: Iterator[bytes]) -> None:
    with contextlib.suppress(TransportError):
        list(pieces)
    response.close()
