"""Connections for threads: plain sockets."""

from __future__ import annotations

import contextlib
import socket
import ssl

from ..deadlines import Deadline
from .answers import AnswerReader
from .idle import IdleConnections
from .outlet import Outlet
from .readiness import is_readable
from .requests import Place
from .transport_error import TransportError
from .tunnels import Tunnel, connect_failure

__all__ = ["CONNECT_SECONDS", "READ_BYTES", "ThreadConnection", "ThreadConnections"]

CONNECT_SECONDS = 10.0
"""Longest wait for a connection; a host that does not answer by then is down."""

READ_BYTES = 64 * 1024
"""How much is read at once."""

_LONGEST_SECONDS = 1_000_000.0
"""A socket's timeout has to fit into a C `int` of milliseconds."""


class ThreadConnection:
    """A socket that is in the hands of one thread at a time."""

    def __init__(self, place: Place, sock: socket.socket) -> None:
        self.place = place
        self.answers = AnswerReader()
        self._socket = sock
        self._is_closed = False
        self._is_in_use = False
        """Whether a thread is within the socket, which may then be shut down, but closed by this thread only."""

    @classmethod
    def connected(
        cls, place: Place, deadline: Deadline, context: ssl.SSLContext | None, tunnel: Tunnel | None = None
    ) -> ThreadConnection:
        """Return a new connection.

        Raises:
            TransportError: There is none before the deadline.
        """
        limit = Deadline(min(deadline.remaining(), CONNECT_SECONDS))
        sock: socket.socket | None = None
        try:
            first = tunnel.proxy if tunnel else place
            sock = socket.create_connection((first.host, first.port), _seconds(limit))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tunnel:
                _open(tunnel, sock, limit)
            if place.is_encrypted and context is not None:
                sock.settimeout(_seconds(limit))
                sock = context.wrap_socket(sock, server_hostname=place.host)
        except BaseException as error:
            if sock is not None:
                sock.close()
            if isinstance(error, OSError | UnicodeError):
                raise connect_failure(error, tunnel) from None
            raise
        return cls(place, sock)

    @property
    def is_usable(self) -> bool:
        """Whether a request may be sent: the server has neither closed its end nor sent what nobody asked for."""
        return not self._is_closed and not is_readable(self._socket)

    def send(self, data: memoryview, deadline: Deadline) -> None:
        """Send a request.

        Raises:
            TransportError: The deadline came first.
        """
        view = data
        try:
            self._enter()
            while view:
                self._socket.settimeout(_seconds(deadline))
                view = view[self._socket.send(view) :]
        except TimeoutError:
            raise TransportError("no answer in time", timed_out=True) from None
        except OSError:
            # A server may answer before it has read everything; what it says is told by the next read.
            return
        finally:
            self._leave()

    def receive(self, deadline: Deadline) -> bytes:
        """Return what arrives next, nothing at the end.

        Raises:
            TransportError: The connection broke, or the deadline came first.
        """
        try:
            self._enter()
            self._socket.settimeout(_seconds(deadline))
            return self._socket.recv(READ_BYTES)
        except TimeoutError:
            raise TransportError("no answer in time", timed_out=True) from None
        except OSError as error:
            raise TransportError(f"ReadError: {error}") from None
        finally:
            self._leave()

    def close(self) -> None:
        """Close the connection, also while another thread waits for it."""
        if self._is_closed:
            return
        self._is_closed = True
        self.answers.close()
        with contextlib.suppress(OSError):
            # Not as `SSLSocket` does it, which first takes the encryption away from a thread that is about to send.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        # OpenSSL goes by the socket's number, which would be another file's by the time that the thread wakes up.
        if not self._is_in_use:
            self._socket.close()

    def forget(self) -> None:
        """Close a forked child's copy of the socket, which its parent does not notice."""
        self._is_closed = True
        self.answers.close()
        self._socket.close()

    def _enter(self) -> None:
        self._is_in_use = True
        if self._is_closed:
            raise ConnectionAbortedError("the connection is closed already")

    def _leave(self) -> None:
        self._is_in_use = False
        if self._is_closed:
            self._socket.close()


class ThreadConnections:
    """The connections of all threads of a process.

    Args:
        context: TLS settings, if any place needs them.
        outlet: How connections leave this machine.
    """

    def __init__(self, context: ssl.SSLContext | None, outlet: Outlet) -> None:
        self._context = context
        self._outlet = outlet
        self._idle: IdleConnections[ThreadConnection] = IdleConnections()
        self._busy: set[ThreadConnection] = set()
        self._is_closed = False

    def exchange(self, place: Place, data: memoryview, deadline: Deadline) -> ThreadConnection:
        """Send a request and return the connection on which the head of its answer has come.

        Raises:
            TransportError: None came before the deadline.
        """
        connection = self._idle.take(place) or self._connected(place, deadline)
        self._busy.add(connection)
        try:
            answers = connection.answers
            answers.expect()
            connection.send(data, deadline)
            while not answers.has_head:
                answers.check()
                answers.feed(connection.receive(deadline))
        except BaseException:
            self.release(connection)
            raise
        return connection

    def _connected(self, place: Place, deadline: Deadline) -> ThreadConnection:
        proxy = self._outlet.proxy_to(place)
        return ThreadConnection.connected(place, deadline, self._context, Tunnel(proxy, place) if proxy else None)

    def release(self, connection: ThreadConnection) -> None:
        """Keep a connection whose answer is read, close another."""
        self._busy.discard(connection)
        if connection.answers.may_reuse:
            self._idle.give(connection)
        else:
            connection.close()
        if self._is_closed:
            self.close()  # Once more: another thread has not seen what was on its way back.

    def close(self) -> None:
        """Close all."""
        self._is_closed = True
        for connection in [*self._idle, *list(self._busy)]:
            connection.close()

    def forget(self) -> None:
        """Close a forked child's copies."""
        self._is_closed = True
        for connection in [*self._idle, *list(self._busy)]:
            connection.forget()


def _open(tunnel: Tunnel, sock: socket.socket, limit: Deadline) -> None:
    """Have a proxy pass on what comes next.

    Raises:
        TransportError: It will not.
        TimeoutError: The limit came first.
    """
    sock.settimeout(_seconds(limit))
    sock.sendall(tunnel.request())
    while not tunnel.is_open:
        sock.settimeout(_seconds(limit))
        tunnel.feed(sock.recv(READ_BYTES))


def _seconds(deadline: Deadline) -> float:
    """Return the time that is left, as a socket takes it.

    Raises:
        TimeoutError: None is.
    """
    remaining = deadline.remaining()
    if remaining <= 0:
        raise TimeoutError
    return min(remaining, _LONGEST_SECONDS)
