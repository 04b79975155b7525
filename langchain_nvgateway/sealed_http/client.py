"""The client: where connections come from, and how long they live."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..deadlines import Deadline
from ..egress import Origins
from ..http_family import default_ssl_context
from .loop_connections import LoopConnections
from .outlet import DIRECT, Outlet
from .requests import HTTPRequest, encoded, target_of
from .responses import HTTPResponse
from .thread_connections import ThreadConnections

__all__ = ["SealedHTTP"]


class SealedHTTP:
    """A pair of HTTP clients, sync and async, that reach the given origins and nothing else.

    Args:
        urls: URLs whose origins (scheme, host, port) may be reached.
        outlet: How requests leave this machine.
    """

    def __init__(self, urls: Iterable[str], *, outlet: Outlet = DIRECT) -> None:
        self.origins = Origins(urls)
        self.outlet = outlet
        # Loaded here, where it may take a while: the first request may run in an event loop.
        encrypted = any(origin.startswith("https:") for origin in self.origins.allowed)
        self._ssl_context = default_ssl_context(outlet.ca_bundle) if encrypted else None
        self._lock = threading.Lock()
        self._connections: ThreadConnections | None = None
        self._finalizer: weakref.finalize[..., Any] | None = None
        self._loop_pools: dict[asyncio.AbstractEventLoop, _LoopPool] = {}
        weakref.finalize(self, _close_loop_pools, self._loop_pools).atexit = False
        self._inherited: list[object] = []
        _instances.add(self)

    def open(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Send a request and return its answer as soon as the head is there; the caller closes it.

        Raises:
            EgressDeniedError: The URL is not among the allowed origins.
            TransportError: No answer came before the deadline.
        """
        self.origins.check(request.url)
        target = target_of(request.url)
        connections = self._thread_connections()
        connection = connections.exchange(target.place, encoded(request, target), deadline)
        return HTTPResponse(connection, deadline, partial(_release, self, connections))

    async def aopen(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Do what `open` does, in the running event loop."""
        self.origins.check(request.url)
        target = target_of(request.url)
        connections = await self._loop_connections()
        connection = await connections.exchange(target.place, encoded(request, target), deadline)
        return HTTPResponse(connection, deadline, partial(_release, self, connections))

    @contextmanager
    def stream(self, request: HTTPRequest, deadline: Deadline) -> Iterator[HTTPResponse]:
        """Open a request and close it at the end of the block."""
        response = self.open(request, deadline)
        try:
            yield response
        finally:
            response.close()

    @asynccontextmanager
    async def astream(self, request: HTTPRequest, deadline: Deadline) -> AsyncIterator[HTTPResponse]:
        """Open a request and close it at the end of the block."""
        response = await self.aopen(request, deadline)
        try:
            yield response
        finally:
            await response.aclose()

    def close(self) -> None:
        """Close the connections of all threads; a later request opens new ones."""
        with self._lock:
            finalizer, self._connections, self._finalizer = self._finalizer, None, None
        if finalizer:
            finalizer()

    async def aclose(self) -> None:
        """Close the connections of the running event loop and those of all threads."""
        loop_pool = self._loop_pools.get(asyncio.get_running_loop())
        try:
            if loop_pool:
                await loop_pool.lifetime.aclose()
        finally:
            self.close()

    def _thread_connections(self) -> ThreadConnections:
        connections = self._connections
        if connections is None:
            with self._lock:
                connections = self._connections
                if connections is None:
                    connections = ThreadConnections(self._ssl_context, self.outlet)
                    self._finalizer = weakref.finalize(self, connections.close)
                    self._connections = connections
        return connections

    async def _loop_connections(self) -> LoopConnections:
        loop = asyncio.get_running_loop()
        known = self._loop_pools.get(loop)
        if known:
            return known.connections
        for dead in [other for other in list(self._loop_pools) if other.is_closed()]:
            self._loop_pools.pop(dead, None)
        connections = LoopConnections(self._ssl_context, self.outlet)
        lifetime = _lifetime(connections, self._loop_pools, loop)
        self._loop_pools[loop] = _LoopPool(connections, lifetime)
        await anext(lifetime)
        return connections

    def _after_fork(self) -> None:
        # Connections and locks of the parent are the parent's; what is dropped would look for its lock.
        if self._finalizer:
            self._finalizer.detach()
        if self._connections:
            self._connections.forget()
        self._inherited += [self._connections, self._loop_pools]
        self._lock = threading.Lock()
        self._connections, self._finalizer, self._loop_pools = None, None, {}


@dataclass(frozen=True, slots=True)
class _LoopPool:
    connections: LoopConnections
    lifetime: AsyncGenerator[None, None]


async def _lifetime(
    connections: LoopConnections,
    pools: dict[asyncio.AbstractEventLoop, _LoopPool],
    loop: asyncio.AbstractEventLoop,
) -> AsyncGenerator[None, None]:
    """Keep connections open for as long as their event loop runs.

    An event loop closes the asynchronous generators that were started in it before it ends
    (`loop.shutdown_asyncgens`), which is the only moment when its connections can still be closed.
    """
    try:
        yield
    finally:
        pools.pop(loop, None)
        await connections.aclose()


def _release(client: SealedHTTP, connections: Any, connection: Any) -> None:
    """Give a connection back; the client lives at least as long as its answers, since its end closes them."""
    connections.release(connection)


def _close_loop_pools(pools: dict[asyncio.AbstractEventLoop, _LoopPool]) -> None:
    """Close the connections of event loops whose client is gone."""
    for loop, loop_pool in list(pools.items()):
        if loop.is_running():
            loop.call_soon_threadsafe(_start, loop_pool.lifetime.aclose())


def _start(work: Coroutine[Any, Any, None]) -> None:
    _closing.add(task := asyncio.ensure_future(work))
    task.add_done_callback(_closing.discard)


_closing: set[asyncio.Future[None]] = set()
"""Tasks that close connections; an event loop alone would not keep them from the collector."""

_instances: weakref.WeakSet[SealedHTTP] = weakref.WeakSet()


def _forget_connections_of_parent() -> None:
    for instance in list(_instances):
        instance._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_connections_of_parent)
