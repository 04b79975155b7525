"""One client connection, as those who write answers see it."""

from __future__ import annotations

import asyncio
import socket
import struct

from .records import RecordedRequest, RequestLog
from .responses import encode_head


class ClientLeftError(Exception):
    """The client closed the connection before its answer was complete."""


class Connection:
    """A connection that is answering one request after the other.

    Args:
        reader: The client's bytes.
        writer: The bytes for the client.
        log: Where statuses are noted.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        log: RequestLog,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._log = log
        self.request: RecordedRequest | None = None
        """The request that is being answered."""
        self.is_open = True
        """Whether another request may follow."""

    def send_head(self, status: int, headers: dict[str, str], rest: bytes = b"") -> None:
        """Send the head, with any bytes that should travel in the same packet."""
        self.note_status(status)
        self._writer.write(encode_head(status, headers) + rest)

    def note_status(self, status: int) -> None:
        """Note in the log that a head with this status goes out."""
        if self.request is not None:
            self._log.answered(self.request, status)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)

    async def flush(self) -> None:
        """Wait until the client has taken most of what was sent."""
        if self._writer.is_closing():
            raise ClientLeftError
        await self._writer.drain()

    async def pause(self, seconds: float) -> None:
        """Wait, unless the client leaves first.

        Raises:
            ClientLeftError: The client closed the connection.
        """
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._until_left()
        except TimeoutError:
            return
        raise ClientLeftError

    async def hang(self) -> None:
        """Say nothing until the client gives up.

        Raises:
            ClientLeftError: Always, in the end.
        """
        await self._until_left()
        raise ClientLeftError

    async def wait_for(self, gate: asyncio.Event) -> None:
        """Wait for a gate to open, unless the client leaves first.

        Raises:
            ClientLeftError: The client closed the connection.
        """
        opened = asyncio.ensure_future(gate.wait())
        left = asyncio.ensure_future(self._until_left())
        try:
            await asyncio.wait({opened, left}, return_when=asyncio.FIRST_COMPLETED)
            if not opened.done():
                raise ClientLeftError
        finally:
            opened.cancel()
            left.cancel()
            await asyncio.gather(opened, left, return_exceptions=True)

    def disconnect(self) -> None:
        """Close the connection without another word."""
        self.is_open = False
        self._writer.close()

    def reset(self) -> None:
        """Close the connection with a TCP reset."""
        self.is_open = False
        sock = self._writer.get_extra_info("socket")
        # Lingering for zero seconds is what turns the close into a reset.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def _until_left(self) -> None:
        # A client that waits for an answer sends nothing, so what is read here is its farewell.
        try:
            while await self._reader.read(4096):
                pass
        except OSError:
            return
