"""HTTP for the services of this package, sealed against everything that could send it elsewhere.

A request leaves only for an allowed origin. No environment variable, proxy setting of the machine, cookie,
`.netrc` or redirect is ever followed. One `SealedHTTP` serves all threads of a process and any number of
event loops, at once or one after the other; a fork gets connections of its own.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from .deadlines import CONNECT_SECONDS, AsyncDeadlineBackend, Deadline, DeadlineBackend
from .egress import Origins
from .http_family import default_ssl_context, httpcore

__all__ = ["HTTPRequest", "HTTPResponse", "SealedHTTP", "TransportError"]

KEEPALIVE_SECONDS = 30.0
"""An idle connection is reused for this long; many load balancers close theirs after 60 s."""

_USER_AGENT = "langchain-nvgateway"


class TransportError(Exception):
    """No whole answer came: the connection failed, a limit ran out, or the peer broke the protocol.

    Never leaves the package: the request path turns it into the typed error of the model.
    """

    def __init__(self, message: str, *, timed_out: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out


@dataclass(frozen=True, slots=True)
class HTTPRequest:
    """One request; its headers and body are kept out of `repr`, since they hold secrets."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


class HTTPResponse:
    """An answer whose head is there and whose body is read once, in pieces, by `chunks` or `achunks`."""

    def __init__(self, core: httpcore.Response) -> None:
        self._core = core
        self.status: int = core.status
        self.headers: dict[str, str] = {}
        for name, value in core.headers:
            key = name.decode("latin-1").lower()
            text = value.decode("latin-1")
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it arrives, decoded."""
        decode = _decoder(self.headers.get("content-encoding", ""))
        with _transport_errors():
            for data in self._core.iter_stream():
                yield from decode(data)

    async def achunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives, decoded."""
        decode = _decoder(self.headers.get("content-encoding", ""))
        with _transport_errors():
            async for data in self._core.aiter_stream():
                for piece in decode(data):
                    yield piece

    def close(self) -> None:
        """Give the connection back, or close it if the body was not read to its end."""
        self._core.close()

    async def aclose(self) -> None:
        """Give the connection back, or close it if the body was not read to its end."""
        await self._core.aclose()


class SealedHTTP:
    """A pair of HTTP clients, sync and async, that reach the given origins and nothing else.

    Args:
        urls: URLs whose origins (scheme, host, port) may be reached.
    """

    def __init__(self, urls: Iterable[str]) -> None:
        self.origins = Origins(urls)
        # Loaded here, where it may take a while: the first request may run in an event loop.
        encrypted = any(origin.startswith("https:") for origin in self.origins.allowed)
        self._ssl_context = default_ssl_context() if encrypted else None
        self._lock = threading.Lock()
        self._pool: httpcore.ConnectionPool | None = None
        self._finalizer: weakref.finalize[..., Any] | None = None
        self._loop_pools: dict[asyncio.AbstractEventLoop, _LoopPool] = {}
        self._inherited: list[object] = []
        _instances.add(self)

    def open(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Send a request and return its answer as soon as the head is there; the caller closes it.

        Raises:
            EgressDeniedError: The URL is not among the allowed origins.
            TransportError: No answer came before the deadline.
        """
        self.origins.check(request.url)
        with _transport_errors():
            return HTTPResponse(self._sync_pool().handle_request(_core_request(request, deadline)))

    async def aopen(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Do what `open` does, in the running event loop."""
        self.origins.check(request.url)
        pool = await self._async_pool()
        with _transport_errors():
            return HTTPResponse(await pool.handle_async_request(_core_request(request, deadline)))

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
            finalizer, self._pool, self._finalizer = self._finalizer, None, None
        if finalizer:
            finalizer()

    async def aclose(self) -> None:
        """Close the connections of the running event loop and those of all threads."""
        loop_pool = self._loop_pools.get(asyncio.get_running_loop())
        if loop_pool:
            await loop_pool.lifetime.aclose()
        self.close()

    def _sync_pool(self) -> httpcore.ConnectionPool:
        pool = self._pool
        if pool is None:
            with self._lock:
                pool = self._pool
                if pool is None:
                    pool = httpcore.ConnectionPool(network_backend=DeadlineBackend(), **self._pool_options())
                    self._finalizer = weakref.finalize(self, pool.close)
                    self._pool = pool
        return pool

    async def _async_pool(self) -> httpcore.AsyncConnectionPool:
        loop = asyncio.get_running_loop()
        known = self._loop_pools.get(loop)
        if known:
            return known.pool
        for dead in [other for other in list(self._loop_pools) if other.is_closed()]:
            self._loop_pools.pop(dead, None)
        pool = httpcore.AsyncConnectionPool(network_backend=AsyncDeadlineBackend(), **self._pool_options())
        lifetime = _async_pool_lifetime(pool, self._loop_pools, loop)
        self._loop_pools[loop] = _LoopPool(pool, lifetime)
        await anext(lifetime)
        return pool

    def _pool_options(self) -> dict[str, Any]:
        return {
            "ssl_context": self._ssl_context,
            "max_connections": None,
            "max_keepalive_connections": 100,
            "keepalive_expiry": KEEPALIVE_SECONDS,
        }

    def _after_fork(self) -> None:
        # Connections and locks of the parent are the parent's; dropping them here would close them noisily.
        if self._finalizer:
            self._finalizer.detach()
        self._inherited += [self._pool, self._loop_pools]
        self._lock = threading.Lock()
        self._pool, self._finalizer, self._loop_pools = None, None, {}


@dataclass(frozen=True, slots=True)
class _LoopPool:
    pool: httpcore.AsyncConnectionPool
    lifetime: AsyncGenerator[None, None]


async def _async_pool_lifetime(
    pool: httpcore.AsyncConnectionPool,
    pools: dict[asyncio.AbstractEventLoop, _LoopPool],
    loop: asyncio.AbstractEventLoop,
) -> AsyncGenerator[None, None]:
    """Keep a pool open for as long as its event loop runs.

    An event loop closes the asynchronous generators that were started in it before it ends
    (`loop.shutdown_asyncgens`), which is the only moment when its connections can still be closed.
    """
    try:
        yield
    finally:
        pools.pop(loop, None)
        await pool.aclose()


def _core_request(request: HTTPRequest, deadline: Deadline) -> httpcore.Request:
    url = httpcore.URL(request.url)
    default_port = {b"https": 443, b"http": 80}[url.scheme]
    host = b"[%b]" % url.host if b":" in url.host else url.host
    headers = {
        "Host": (host if url.port in (None, default_port) else b"%b:%d" % (host, url.port or 0)).decode("ascii"),
        "Accept-Encoding": "identity",
        "User-Agent": _USER_AGENT,
        **request.headers,
    }
    if request.method != "GET":
        headers["Content-Length"] = str(len(request.body))
    limits = {
        "connect": min(deadline.remaining(), CONNECT_SECONDS),
        "pool": deadline.remaining(),
        "read": deadline,
        "write": deadline,
    }
    return httpcore.Request(
        request.method,
        url,
        headers=list(headers.items()),
        content=request.body,
        extensions={"timeout": limits},
    )


@contextmanager
def _transport_errors() -> Iterator[None]:
    try:
        yield
    except httpcore.TimeoutException as error:
        what = "no connection" if isinstance(error, httpcore.ConnectTimeout) else "no answer"
        raise TransportError(f"{what} in time", timed_out=True) from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, OSError) as error:
        raise TransportError(f"{type(error).__name__}: {error}".rstrip(": ")) from None


def _decoder(encoding: str) -> Any:
    """Return a function from a piece of the body to its decoded pieces, each of bounded size."""
    if encoding.strip().lower() in ("", "identity"):
        return lambda data: (data,)
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        raise TransportError(f"an answer in the encoding {encoding[:40]!r}, which was not asked for")
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def inflate(data: bytes) -> Iterator[bytes]:
        # In steps, so that a small piece that inflates to gigabytes meets the reader's own limit first.
        while data:
            try:
                piece = inflater.decompress(data, 1 << 16)
            except zlib.error as error:
                raise TransportError(f"an answer with broken compression: {error}") from None
            if piece:
                yield piece
            data = inflater.unconsumed_tail

    return inflate


_instances: weakref.WeakSet[SealedHTTP] = weakref.WeakSet()


def _forget_connections_of_parent() -> None:
    for instance in list(_instances):
        instance._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_connections_of_parent)
