"""How long a call to a vendor may take and how often it is tried, handed past the vendor's SDK to our transport.

An SDK knows a timeout for each read of each attempt. Ours is for the whole call, so it travels beside the SDK,
in a context variable.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from langchain_core.outputs import ChatGenerationChunk

from ..chat_models.time_limits import MOST_TIMEOUTS, NO_LIMIT_SECONDS
from ..deadlines import Deadline

__all__ = ["CallLimits", "Closable", "current_limits"]


class Closable(Protocol):
    """An answer whose connection has to be given back."""

    def close(self) -> None:
        """Give it back."""

    async def aclose(self) -> None:
        """Give it back, in the event loop where it was opened."""


class CallLimits:
    """The limits of one call; a stream moves its deadline from token to token.

    Args:
        timeout: Seconds for the whole call, retries included; in a stream, the longest silence, and a
            twentieth of the time that it may go on.
        first_token: Seconds until a stream's first token, retries included; `None` for a whole answer.
        max_retries: How often an attempt that failed is repeated.
    """

    def __init__(self, timeout: float, *, first_token: float | None = None, max_retries: int = 0) -> None:
        self.deadline = Deadline(min(timeout, NO_LIMIT_SECONDS if first_token is None else first_token))
        self.max_retries = max_retries
        self.answers: list[Closable] = []
        """The open answers of this call, for a reader who leaves early."""
        self._timeout = timeout
        self._left = MOST_TIMEOUTS * timeout
        """Seconds for which the service may still go on."""
        self._is_alive = False
        """Whether the last chunk brought something of the answer."""
        self._asked_at: float | None = None
        self._seen_at: float | None = None

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Hold for the requests that are sent in the block."""
        token = _limits.set(self)
        try:
            yield
        finally:
            _limits.reset(token)

    def expect_chunk(self) -> None:
        """Start to wait for the next chunk; what its reader did meanwhile is no silence of the service."""
        self._asked_at = now = time.monotonic()
        if self._is_alive:
            self.deadline.move(min(self._timeout, self._left))
        elif self._seen_at is not None:
            self.deadline.at += now - self._seen_at

    def saw(self, chunk: ChatGenerationChunk) -> None:
        """Take note of a chunk; a role or a count of tokens without content is no token."""
        message = chunk.message
        self._is_alive = bool(message.content or getattr(message, "tool_call_chunks", None))
        self._seen_at = now = time.monotonic()
        self._left = max(self._left - (now - (self._asked_at or now)), 0.0)

    def close(self) -> None:
        """Give back the connections of answers that were not read to their end."""
        for answer in self.answers:
            answer.close()

    async def aclose(self) -> None:
        """Do what `close` does, in an event loop."""
        for answer in self.answers:
            await answer.aclose()


_limits: ContextVar[CallLimits | None] = ContextVar("langchain_nvgateway_call_limits", default=None)


def current_limits() -> CallLimits | None:
    """Return the limits of the call that is under way, `None` outside of one."""
    return _limits.get()
