"""Connections that wait for their next request."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from .requests import Place

__all__ = ["IdleConnections"]

KEEPALIVE_SECONDS = 30.0
"""An idle connection is reused for this long; many load balancers close theirs after 60 s."""

MAX_IDLE = 100
"""Connections to one place that are kept for later."""


class _Connection(Protocol):
    @property
    def place(self) -> Place: ...
    @property
    def is_usable(self) -> bool: ...
    def close(self) -> None: ...


ConnectionT = TypeVar("ConnectionT", bound=_Connection)


class IdleConnections(Generic[ConnectionT]):
    """Keeps connections by place; taking one and giving it back cost the same however many there are.

    Safe in threads without a lock, which the collector could ask for a second time when it closes what was
    abandoned: each step is one operation of a `deque`.

    Args:
        clock: Monotonic time in seconds; replaced in tests.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[Place, deque[tuple[float, ConnectionT]]] = {}

    def take(self, place: Place) -> ConnectionT | None:
        """Return the connection that was used last, since it will live longest; `None` if there is none."""
        kept = self._kept.get(place)
        if not kept:
            return None
        self._drop_expired(kept)
        while True:
            try:
                _, connection = kept.pop()
            except IndexError:
                return None
            if connection.is_usable:
                return connection
            connection.close()

    def give(self, connection: ConnectionT) -> None:
        """Keep a connection for later."""
        kept = self._kept.setdefault(connection.place, deque())
        self._drop_expired(kept)
        if len(kept) < MAX_IDLE:
            kept.append((self._clock() + KEEPALIVE_SECONDS, connection))
        else:
            connection.close()

    def __iter__(self) -> Iterator[ConnectionT]:
        return (connection for kept in list(self._kept.values()) for _, connection in list(kept))

    def _drop_expired(self, kept: deque[tuple[float, ConnectionT]]) -> None:
        now = self._clock()
        while kept:
            try:
                oldest = kept.popleft()
            except IndexError:
                return
            if oldest[0] > now:
                kept.appendleft(oldest)
                return
            oldest[1].close()
