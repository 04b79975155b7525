"""A server that does to its clients whatever a test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

__all__ = ["HostileServer", "Play", "attacking"]

Play = Callable[["HostileServer"], Iterable[bytes]]


class HostileServer:
    """Reads a request of each connection, and sends what `play` yields for as long as the client listens.

    Args:
        play: Makes the bytes of an answer, head and all.
    """

    def __init__(self, play: Play) -> None:
        self._play = play
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []
        self.is_over = threading.Event()
        self.requests: list[bytes] = []
        """Head and body of each request."""
        self.origin = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._start(self._accept)

    def drip(self, data: bytes, seconds: float = 0.05) -> Iterator[bytes]:
        """Yield one byte per moment."""
        for byte in data:
            if self.is_over.wait(seconds):
                return
            yield bytes([byte])

    def stop(self) -> None:
        """Let go of all clients."""
        self.is_over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # Its client has left already.
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _start(self, what: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                if self._read_request(connection):
                    for piece in self._play(self):
                        connection.sendall(piece)
            except OSError:
                return

    def _read_request(self, connection: socket.socket) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            received = connection.recv(65536)
            if not received:
                return False
            data += received
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
        while len(body) < length:
            received = connection.recv(65536)
            if not received:
                return False
            body += received
        self.requests.append(head + b"\r\n\r\n" + body)
        return True


@contextmanager
def attacking(play: Play) -> Iterator[HostileServer]:
    """Run a server for the length of the block."""
    server = HostileServer(play)
    try:
        yield server
    finally:
        server.stop()
