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
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from .deadlines import CONNECT_SECONDS, AsyncDeadlineBackend, Deadline, DeadlineBackend, close_inherited_sockets
from .egress import Origins
from .http_family import default_ssl_context, httpcore

__all__ = ["HTTPRequest", "HTTPResponse", "SealedHTTP", "TransportError"]

KEEPALIVE_SECONDS = 30.0
"""An idle connection is reused for this long; many load balancers close theirs after 60 s."""

_USER_AGENT = "langchain-nvgateway"

_SAFE_TO_TELL = (
    "Server disconnected without sending a response",
    "peer closed connection without sending complete message body",
)


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

    def __init__(self, core: httpcore.Response, owner: SealedHTTP) -> None:
        self._core = core
        self._owner = owner  # Whose end would close the connection.
        self.status: int = core.status
        self.headers: dict[str, str] = {}
        for name, value in core.headers:
            key = name.decode("latin-1").lower()
            text = value.decode("latin-1")
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it arrives, decoded."""
        with _transport_errors():
            decoder = _Decoder(self.headers.get("content-encoding", ""))
            for data in self._core.iter_stream():
                yield from decoder.feed(data)
            decoder.end()

    async def achunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives, decoded."""
        with _transport_errors():
            decoder = _Decoder(self.headers.get("content-encoding", ""))
            async for data in self._core.aiter_stream():
                for piece in decoder.feed(data):
                    yield piece
            decoder.end()

    def close(self) -> None:
        """Give the connection back, or close it if the body was not read to its end."""
        if _has_leftover(self._core):
            self._core.extensions["network_stream"].close()
        self._core.close()

    async def aclose(self) -> None:
        """Give the connection back, or close it if the body was not read to its end."""
        if _has_leftover(self._core):
            await self._core.extensions["network_stream"].aclose()
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
        with _transport_errors():
            return HTTPResponse(self._sync_pool().handle_request(_core_request(request, deadline)), self)

    async def aopen(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Do what `open` does, in the running event loop."""
        self.origins.check(request.url)
        pool = await self._async_pool()
        with _transport_errors():
            return HTTPResponse(await pool.handle_async_request(_core_request(request, deadline)), self)

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
        # Connections and locks of the parent are the parent's; a pool that is dropped would look for its lock.
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
    own = {
        "Host": (host if url.port in (None, default_port) else b"%b:%d" % (host, url.port or 0)).decode("ascii"),
        "Accept-Encoding": "identity",
        "User-Agent": _USER_AGENT,
    }
    given = {name.lower() for name in request.headers}
    headers = {name: value for name, value in own.items() if name.lower() not in given} | dict(request.headers)
    if request.method != "GET":
        headers["Content-Length"] = str(len(request.body))
    limits = {
        "connect": Deadline(min(deadline.remaining(), CONNECT_SECONDS)),
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
    except httpcore.ProtocolError as error:
        # Its text quotes what was sent or received, in Python's notation, where no secret is found again.
        told = next((told for told in _SAFE_TO_TELL if str(error).startswith(told)), "the exchange is not valid HTTP")
        raise TransportError(told) from None
    except (httpcore.NetworkError, httpcore.ProxyError, OSError) as error:
        raise TransportError(f"{type(error).__name__}: {error}".rstrip(": ")) from None
    except (TypeError, UnicodeError):
        # What an HTTP library raises for a URL or header that is not ASCII.
        raise TransportError("the request has a URL or header that HTTP cannot carry") from None


class _Decoder:
    """Undo the compression of a body, in pieces of bounded size."""

    def __init__(self, encoding: str) -> None:
        encoding = encoding.strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise TransportError(f"an answer in the encoding {encoding[:40]!r}, which was not asked for")
        self._inflater = None if encoding in ("", "identity") else zlib.decompressobj(zlib.MAX_WBITS | 32)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what a piece of the body holds."""
        if self._inflater is None:
            yield data
            return
        # In steps, so that a small piece that inflates to gigabytes meets the reader's own limit first.
        while data:
            if self._inflater.eof:  # Another member follows, RFC 1952 §2.2.
                self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
            try:
                piece = self._inflater.decompress(data, 1 << 16)
            except zlib.error as error:
                raise TransportError(f"an answer with broken compression: {error}") from None
            if piece:
                yield piece
            data = self._inflater.unconsumed_tail or self._inflater.unused_data

    def end(self) -> None:
        """Make sure that the body was whole."""
        if self._inflater is not None and not self._inflater.eof:
            raise TransportError("an answer with broken compression: it is cut")


def _has_leftover(core: httpcore.Response) -> bool:
    """Whether the server sent more than its answer, which would be taken for the answer to the next request."""
    stream = getattr(core.stream, "_stream", None)
    state = getattr(getattr(stream, "_connection", None), "_h11_state", None)
    return state is not None and bool(state.trailing_data[0])


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
    close_inherited_sockets()
    for instance in list(_instances):
        instance._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_connections_of_parent)
