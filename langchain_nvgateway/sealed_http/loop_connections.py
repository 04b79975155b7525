"""Connections for an event loop: one `asyncio.Protocol` each."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any, cast

from aiohappyeyeballs import start_connection

from ..deadlines import Deadline
from .answers import AnswerReader
from .idle import IdleConnections
from .outlet import Outlet
from .readiness import is_readable
from .requests import Place
from .thread_connections import CONNECT_SECONDS, READ_BYTES
from .transport_error import TransportError
from .tunnels import Tunnel, connect_failure

__all__ = ["LoopConnection", "LoopConnections"]

_MAX_UNREAD_BYTES = 4 * READ_BYTES
"""What may wait for its reader before the server is told to pause."""

_NEXT_ADDRESS_SECONDS = 0.25
"""When the next address of a host is tried beside one that has not answered (RFC 8305 §5)."""

_LONGEST_SECONDS = 1_000_000.0
"""An event loop's clock overflows far beyond."""


class LoopConnection(asyncio.Protocol):
    """A connection that is in the hands of one task at a time."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.answers = AnswerReader()
        self._transport: asyncio.Transport | None = None
        self._unread: list[bytes] = []
        self._unread_bytes = 0
        self._is_paused = False
        self._has_ended = False
        self._error: Exception | None = None
        self._is_full = False
        self._waiter: asyncio.Future[None] | None = None
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def connected(
        cls, place: Place, deadline: Deadline, context: ssl.SSLContext | None, tunnel: Tunnel | None = None
    ) -> LoopConnection:
        """Return a new connection.

        Raises:
            TransportError: There is none before the deadline.
        """
        loop = asyncio.get_running_loop()
        encryption: dict[str, Any] = {"ssl": context, "server_hostname": place.host} if place.is_encrypted else {}
        failure = None
        try:
            async with asyncio.timeout(min(deadline.remaining(), CONNECT_SECONDS)):
                first = tunnel.proxy if tunnel else place
                addresses = await loop.getaddrinfo(first.host, first.port, type=socket.SOCK_STREAM)
                # `create_connection` alone leaves sockets open when it is cancelled, and waits long for IPv6 that is
                # out of order.
                sock = await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS)
                if tunnel:
                    await _open(tunnel, sock)
                _, connection = await loop.create_connection(lambda: cls(place), sock=sock, **encryption)
        except (OSError, RuntimeError, UnicodeError) as error:  # Other loops' errors are not all of the system.
            failure = connect_failure(error, tunnel)
        if failure:  # Not raised above, since what came of a loop's own code may show what was sent to the proxy.
            raise failure
        return connection

    @property
    def is_usable(self) -> bool:
        """Whether a request may be sent: the server has neither closed its end nor sent what nobody asked for."""
        if self._transport is None or self._transport.is_closing() or self._has_ended or self._unread:
            return False
        # A loop that was busy or stopped may not have looked yet.
        return not is_readable(self._transport.get_extra_info("socket"))

    async def send(self, data: memoryview, deadline: Deadline) -> None:
        """Send a request.

        Raises:
            TransportError: The deadline came first.
        """
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
        # A server may answer before it has read everything; what it says is told by the next read.
        while self._is_full and not self._has_ended:
            await self._wait(deadline)

    async def receive(self, deadline: Deadline) -> bytes:
        """Return what arrives next, nothing at the end.

        Raises:
            TransportError: The connection broke, or the deadline came first.
        """
        while not self._unread:
            if self._has_ended:
                if self._error is not None:
                    raise TransportError(f"ReadError: {self._error}") from None
                return b""
            await self._wait(deadline)
        if deadline.remaining() <= 0:
            raise TransportError("no answer in time", timed_out=True)
        unread, self._unread, self._unread_bytes = self._unread, [], 0
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
        return unread[0] if len(unread) == 1 else b"".join(unread)

    def close(self) -> None:
        """Close the connection at once."""
        self._has_ended = True
        self.answers.close()
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    async def wait_closed(self) -> None:
        """Wait until the loop has let go of a closed connection."""
        if self._transport is not None:
            await self._lost

    async def _wait(self, deadline: Deadline) -> None:
        """Wait for something to happen."""
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        alarm = loop.call_later(min(deadline.remaining(), _LONGEST_SECONDS), _time_out, waiter)
        try:
            await waiter
        finally:
            alarm.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # -- What the event loop calls -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast("asyncio.Transport", transport)  # Other loops' are none by class.

    def data_received(self, data: bytes) -> None:
        """Keep what arrives for its reader."""
        self._unread.append(data)
        self._unread_bytes += len(data)
        if self._unread_bytes > _MAX_UNREAD_BYTES and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Notice that the server has closed its end; then the loop closes ours."""
        self._has_ended = True
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """Notice that the connection is gone."""
        self._error = self._error or (None if self._has_ended else error)
        self._has_ended = True
        if not self._lost.done():
            self._lost.set_result(None)
        self._wake()

    def pause_writing(self) -> None:
        """Notice that the buffers are full."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Notice that there is room again."""
        self._is_full = False
        self._wake()


class LoopConnections:
    """The connections of one event loop.

    Args:
        context: TLS settings, if any place needs them.
        outlet: How connections leave this machine.
    """

    def __init__(self, context: ssl.SSLContext | None, outlet: Outlet) -> None:
        self._context = context
        self._outlet = outlet
        self._idle: IdleConnections[LoopConnection] = IdleConnections()
        self._busy: set[LoopConnection] = set()
        self._is_closed = False

    async def exchange(self, place: Place, data: memoryview, deadline: Deadline) -> LoopConnection:
        """Send a request and return the connection on which the head of its answer has come.

        Raises:
            TransportError: None came before the deadline.
        """
        connection = self._idle.take(place) or await self._connected(place, deadline)
        self._busy.add(connection)
        try:
            answers = connection.answers
            answers.expect()
            await connection.send(data, deadline)
            while not answers.has_head:
                answers.check()
                answers.feed(await connection.receive(deadline))
        except BaseException:
            self.release(connection)
            raise
        return connection

    async def _connected(self, place: Place, deadline: Deadline) -> LoopConnection:
        proxy = self._outlet.proxy_to(place)
        return await LoopConnection.connected(place, deadline, self._context, Tunnel(proxy, place) if proxy else None)

    def release(self, connection: LoopConnection) -> None:
        """Keep a connection whose answer is read, close another."""
        self._busy.discard(connection)
        if connection.answers.may_reuse and not self._is_closed:
            self._idle.give(connection)
        else:
            connection.close()

    async def aclose(self) -> None:
        """Close all."""
        self._is_closed = True
        closing = [*self._idle, *self._busy]
        for connection in closing:  # All at once: whoever waits for the end may be cancelled.
            connection.close()
        await asyncio.gather(*(connection.wait_closed() for connection in closing))


async def _open(tunnel: Tunnel, sock: socket.socket) -> None:
    """Have a proxy pass on what comes next; the socket is closed if it will not.

    Raises:
        TransportError: It will not.
    """
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(sock, tunnel.request())
        while not tunnel.is_open:
            tunnel.feed(await loop.sock_recv(sock, READ_BYTES))
    except BaseException:
        sock.close()
        raise


def _time_out(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(TransportError("no answer in time", timed_out=True))
