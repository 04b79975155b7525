"""An answer whose head is there."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from typing import cast

from ..deadlines import Deadline
from .inflation import inflater_of
from .loop_connections import LoopConnection
from .thread_connections import ThreadConnection
from .transport_error import TransportError

__all__ = ["HTTPResponse"]


class HTTPResponse:
    """An answer whose body is read once, in pieces, by `chunks` or `achunks`; whoever has it closes it.

    Args:
        connection: The connection on which it comes, of a thread or of an event loop.
        deadline: When to give up; may be moved while the body is read.
        release: Takes the connection back.
    """

    def __init__(
        self,
        connection: ThreadConnection | LoopConnection,
        deadline: Deadline,
        release: Callable[[ThreadConnection | LoopConnection], None],
    ) -> None:
        self._connection = connection
        self._deadline = deadline
        self._release: Callable[[ThreadConnection | LoopConnection], None] | None = release
        self.status = connection.answers.status
        self.headers = connection.answers.headers
        """By lower-case name; several of one name are joined by commas."""

    def chunks(self) -> Generator[bytes, None, None]:
        """Yield the body as it arrives, decoded.

        Raises:
            TransportError: It breaks off.
        """
        inflater = inflater_of(self.headers.get("content-encoding", ""))
        connection = cast("ThreadConnection", self._connection)
        while True:
            data = self._next_data()
            if data is None:
                break
            if not data:
                connection.answers.feed(connection.receive(self._deadline))
            elif inflater is None:
                yield data
            else:
                yield from inflater.feed(data)
        if inflater is not None:
            inflater.end()

    async def achunks(self) -> AsyncGenerator[bytes, None]:
        """Do what `chunks` does."""
        inflater = inflater_of(self.headers.get("content-encoding", ""))
        connection = cast("LoopConnection", self._connection)
        while True:
            data = self._next_data()
            if data is None:
                break
            if not data:
                connection.answers.feed(await connection.receive(self._deadline))
            elif inflater is None:
                yield data
            else:
                for piece in inflater.feed(data):
                    yield piece
        if inflater is not None:
            inflater.end()

    def close(self) -> None:
        """Give the connection back, or close it if the body was not read to its end."""
        release, self._release = self._release, None
        if release is not None:
            release(self._connection)

    async def aclose(self) -> None:
        """Do what `close` does."""
        self.close()

    def _next_data(self) -> bytes | None:
        """Return what has come, nothing if there is more to come, `None` at the end."""
        if self._release is None:
            raise TransportError("the answer is closed already")  # Its connection may be somebody else's by now.
        return self._connection.answers.body() or (None if self._connection.answers.is_complete else b"")
