"""A company's network in small: a proxy that alone knows its hosts, and an authority that only it trusts."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path

import trustme

from ..sealed_http.raw_server import PATIENCE, Peer, RawServer

USER = "fake-user"
PASSWORD = "fake canary:p@ss/wörd%"
QUOTED = "fake%20canary:p%40ss%2Fw%C3%B6rd%25"
BASIC = "ZmFrZS11c2VyOmZha2UgY2FuYXJ5OnBAc3Mvd8O2cmQl"

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class ConnectProxy:
    """Answers CONNECT, and notes everything that it is told in the clear.

    Args:
        hosts: Ports on this machine by `host:port`; no other host is known.
        authorization: What `Proxy-Authorization` has to be.
    """

    def __init__(self, hosts: Mapping[str, int], authorization: str | None = None) -> None:
        self._hosts = hosts
        self._authorization = authorization
        self.heads: list[str] = []
        self._server = RawServer(self._serve)
        self.port = self._server.port
        self.stop = self._server.stop

    def url(self, credentials: str = "") -> str:
        """Return the setting for it."""
        return f"http://{credentials}{credentials and '@'}127.0.0.1:{self.port}"

    @property
    def targets(self) -> list[str]:
        """Where tunnels were asked for, in order."""
        return [head.split()[1] for head in self.heads]

    def _serve(self, peer: Peer) -> None:
        head = peer.request().decode()
        self.heads.append(head)
        if self._authorization and f"Proxy-Authorization: Basic {self._authorization}\r\n" not in head:
            peer.send(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        port = self._hosts.get(head.split()[1]) if head.startswith("CONNECT ") else None
        if port is None:
            peer.send(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", port)) as other:
            peer.send(ESTABLISHED)
            join(peer._sock, other)


class TLSFront:
    """Speaks TLS for a server on this machine that does not.

    Args:
        certificate: What it shows.
        port: The server's port.
    """

    def __init__(self, certificate: trustme.LeafCert, port: int) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)
        self._port = port
        self.connections = 0
        self._open: list[socket.socket] = []
        self._server = RawServer(self._serve)
        self.port = self._server.port

    def stop(self) -> None:
        """Close everything."""
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._server.stop()

    def _serve(self, peer: Peer) -> None:
        with (
            contextlib.suppress(OSError),
            self._context.wrap_socket(peer._sock, server_side=True) as encrypted,
            socket.create_connection(("127.0.0.1", self._port)) as other,
        ):
            self.connections += 1
            self._open.append(other)
            join(encrypted, other)


def join(one: socket.socket, other: socket.socket) -> None:
    """Pass on what either side sends until one of them ends."""
    back = threading.Thread(target=_pass_on, args=(other, one), daemon=True)
    back.start()
    _pass_on(one, other)
    back.join(PATIENCE)


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for sock in (source, sink):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def written(authority: trustme.CA, folder: Path) -> str:
    """Return the path of a file with the certificate of an authority."""
    path = folder / "company.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)
