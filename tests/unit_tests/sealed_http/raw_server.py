"""A server that speaks whatever bytes a test tells it to."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable

Script = Callable[["Peer"], None]

PATIENCE = 20.0
"""Seconds after which a test that waits for an event has failed."""


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = b""
        self.gone = threading.Event()
        """Set when a read has found that the client closed its end."""

    def request(self) -> bytes:
        """Return the head and the body of the next request, or nothing when the client has closed."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._read():
                return b""
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        while len(rest) < length:
            if not self._read():
                return b""
            rest = self._buffer.partition(b"\r\n\r\n")[2]
        self._buffer = rest[length:]
        return head + b"\r\n\r\n" + rest[:length]

    def drain(self, size: int) -> None:
        """Take some bytes from the connection."""
        try:
            data = self._sock.recv(size)
        except OSError:
            data = b""
        if not data:
            self.gone.set()

    def send(self, data: bytes) -> None:
        """Send bytes; a client that has gone is no error."""
        try:
            self._sock.sendall(data)
        except OSError:
            self.gone.set()

    def reset(self) -> None:
        """Break the connection."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def wait_until_gone(self) -> None:
        """Wait until the client closes its end."""
        while self._read():
            pass

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _read(self) -> bool:
        try:
            data = self._sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.gone.set()
        self._buffer += data
        return bool(data)


class RawServer:
    """Run a script for each connection: the first for the first one, the last for all that follow."""

    def __init__(self, *scripts: Script, host: str = "127.0.0.1") -> None:
        self._scripts = scripts
        self._listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self.peers: list[Peer] = []
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def stop(self) -> None:
        """Close everything and wait for the scripts to end."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.threads[0].join(PATIENCE)
        for peer in self.peers:
            peer.close()
        for thread in self.threads:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            script = self._scripts[min(len(self.peers), len(self._scripts) - 1)]
            peer = Peer(sock)
            self.peers.append(peer)
            thread = threading.Thread(target=self._serve, args=(script, peer), daemon=True)
            self.threads.append(thread)
            thread.start()

    @staticmethod
    def _serve(script: Script, peer: Peer) -> None:
        try:
            script(peer)
        finally:
            peer.close()


def reply(body: bytes = b"ok", *, status: str = "200 OK", headers: str = "") -> bytes:
    """Return a whole HTTP answer."""
    extra = "".join(f"{line}\r\n" for line in headers.split("\n") if line)
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode("latin-1") + body


def always(answer: bytes) -> Script:
    """Answer each request of a connection with the same bytes."""

    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(answer)

    return script


def once(answer: bytes) -> Script:
    """Answer one request with some bytes and close."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer)

    return script


def one_then_wait(answer: bytes) -> Script:
    """Answer one request with some bytes and stay silent until the client has gone."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer)
        peer.wait_until_gone()

    return script
