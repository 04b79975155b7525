"""A streamed answer while it is read: first up to its first token, then chunk by chunk, within limits of time."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Generator, Iterator

from ..deadlines import Deadline
from ..errors import NVGatewayError
from ..sealed_http import HTTPResponse, TransportError
from .chunk_reader import ChunkReader
from .envelopes import AnyChunk, has_content
from .service_errors import Call

__all__ = ["OpenStream"]

SECONDS_AFTER_FINISH = 5.0
"""How long the usage and the end of a stream may come after its finish reason."""

SECONDS_AFTER_DONE = 0.25
"""How long the end of a stream is awaited after `[DONE]`, so that its connection can be used again."""


class OpenStream:
    """A stream whose first token is there; iterate `chunks` or `achunks` once, look at `failure`, close it."""

    def __init__(
        self,
        response: HTTPResponse,
        call: Call,
        deadline: Deadline,
        *,
        takes_texts: bool = True,
        seen_by: float = math.inf,
        ends_by: float = math.inf,
    ) -> None:
        self.headers = response.headers
        self.call = call
        self._response = response
        self._reader = ChunkReader(call, response.headers, takes_texts=takes_texts)
        self._deadline = deadline
        self._is_ending = False
        self._ends_at = ends_by
        """When it is over at the latest, as a reading of `time.monotonic`."""
        self.is_seen = False
        """Whether its reader has seen something of it; whoever takes the chunks says so."""
        self._seen_by = seen_by
        """When that has to be so at the latest."""
        self._ahead: list[AnyChunk] = []
        self._is_over = False
        self._pieces: Iterator[bytes] = iter(())
        self._apieces: AsyncGenerator[bytes, None] | None = None

    @property
    def failure(self) -> NVGatewayError | None:
        """Why the stream broke off, `None` if it did not."""
        return self._reader.failure

    @property
    def has_begun(self) -> bool:
        """Whether something of the answer is there."""
        return self._reader.has_begun

    def read_first_token(self) -> None:
        """Read up to the first chunk that brings something of the answer, or to a `failure`."""
        self._pieces = self._response.chunks()
        try:
            for piece in self._pieces:
                self._ahead += self._reader.feed(piece)
                if self._reader.has_begun or self.failure:
                    return
                self._check_time(time.monotonic())
            self._ahead += self._ended()
        except TransportError as problem:
            self._ahead += self._ended(problem)

    async def aread_first_token(self) -> None:
        """Do what `read_first_token` does."""
        self._apieces = self._response.achunks()
        try:
            async for piece in self._apieces:
                self._ahead += self._reader.feed(piece)
                if self._reader.has_begun or self.failure:
                    return
                self._check_time(time.monotonic())
            self._ahead += self._ended()
        except TransportError as problem:
            self._ahead += self._ended(problem)

    def chunks(self, longest_gap: float, longest: float = math.inf) -> Generator[AnyChunk, None, None]:
        """Yield the chunks, the first ones included, up to the end or a `failure`.

        Args:
            longest_gap: Seconds without anything of the answer after which the stream counts as dead.
            longest: Seconds after which it is given up, however lively it is.
        """
        yield from self._ahead
        if self._is_over or self.failure:
            return
        self._ends_at = min(self._ends_at, time.monotonic() + longest)
        self._limit_wait(longest_gap, is_alive=self._reader.has_begun)
        try:
            for piece in self._pieces:
                chunks = self._reader.feed(piece)
                is_alive = any(map(has_content, chunks))  # Whoever takes them may change them.
                received = time.monotonic()
                yield from chunks
                if self.failure:
                    return
                if not is_alive or received > self._ends_at:
                    self._check_time(received)
                self._wait_for_reader(received)
                self._limit_wait(longest_gap, is_alive=is_alive)
            last = self._ended()
        except TransportError as problem:
            last = self._ended(problem)
        yield from last

    async def achunks(self, longest_gap: float, longest: float = math.inf) -> AsyncGenerator[AnyChunk, None]:
        """Do what `chunks` does."""
        for chunk in self._ahead:
            yield chunk
        if self._is_over or self.failure or self._apieces is None:
            return
        self._ends_at = min(self._ends_at, time.monotonic() + longest)
        self._limit_wait(longest_gap, is_alive=self._reader.has_begun)
        try:
            async for piece in self._apieces:
                chunks = self._reader.feed(piece)
                is_alive = any(map(has_content, chunks))  # Whoever takes them may change them.
                received = time.monotonic()
                for chunk in chunks:
                    yield chunk
                if self.failure:
                    return
                if not is_alive or received > self._ends_at:
                    self._check_time(received)
                self._wait_for_reader(received)
                self._limit_wait(longest_gap, is_alive=is_alive)
            last = self._ended()
        except TransportError as problem:
            last = self._ended(problem)
        for chunk in last:
            yield chunk

    def close(self) -> None:
        """Give the connection back, or close it if the stream is not over."""
        self._response.close()

    async def aclose(self) -> None:
        """Give the connection back, or close it if the stream is not over."""
        if self._apieces is not None:
            await self._apieces.aclose()
        await self._response.aclose()

    def _ended(self, problem: TransportError | None = None) -> list[AnyChunk]:
        self._is_over = True
        if problem is None:
            return self._reader.end()
        return self._reader.end(str(problem), timed_out=problem.timed_out)

    def _check_time(self, now: float) -> None:
        """Give up when time is over: of compressed bytes so many pieces may come that nothing has to be waited for.

        Raises:
            TransportError: It is over.
        """
        if now > self._deadline.at:
            raise TransportError("no answer in time", timed_out=True)

    def _wait_for_reader(self, since: float) -> None:
        """Do not count the time that the reader took: a slow one is not to be taken for a slow service."""
        seconds = time.monotonic() - since
        self._deadline.at += seconds
        self._ends_at += seconds

    def _limit_wait(self, longest_gap: float, *, is_alive: bool) -> None:
        """Set the limit for the next piece.

        A server that sends comments or empty chunks for ever does not keep a dead stream alive, nor does one that
        goes on behind its finish reason keep one open.
        """
        if is_alive and not self._is_ending:
            self._deadline.move(longest_gap)
        if self._reader.is_finished or self._reader.is_done:
            self._is_ending = True
            longest = SECONDS_AFTER_DONE if self._reader.is_done else SECONDS_AFTER_FINISH
            self._deadline.move(min(self._deadline.remaining(), longest))
        self._deadline.at = min(self._deadline.at, self._ends_at if self.is_seen else min(self._ends_at, self._seen_by))
