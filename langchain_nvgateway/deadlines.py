"""Limits of time that hold for a whole exchange, not for each single read.

An HTTP library's timeout starts anew with each byte, so a server that sends one byte a second is never
timed out. A `Deadline` is a moment instead; it travels through `httpcore` in the place of a timeout and is
turned into the seconds that are left at each read and write.
"""

from __future__ import annotations

import ssl
import time
import weakref
from collections.abc import Iterable
from typing import Any, Self

from .http_family import httpcore

__all__ = ["CONNECT_SECONDS", "AsyncDeadlineBackend", "Deadline", "DeadlineBackend", "close_inherited_sockets"]

CONNECT_SECONDS = 10.0
"""Longest wait for a connection; a host that does not answer by then is down."""

_LONGEST_SECONDS = 1_000_000.0
"""A socket's timeout has to fit into a C `int` of milliseconds."""

_WRITTEN_AT_ONCE = 64 * 1024

SocketOptions = Iterable[Any] | None


class Deadline(float):
    """The moment at which to give up, as a reading of `time.monotonic`; may be moved while it is in use."""

    at: float

    def __new__(cls, seconds: float) -> Self:
        """Make a deadline that is `seconds` away."""
        deadline = super().__new__(cls, seconds)
        deadline.at = time.monotonic() + seconds
        return deadline

    def remaining(self) -> float:
        """Return the seconds that are left, at least 0."""
        return max(self.at - time.monotonic(), 0.0)

    def move(self, seconds: float) -> None:
        """Put the deadline `seconds` away from now."""
        self.at = time.monotonic() + seconds


def _seconds(timeout: float | None, expired: type[Exception]) -> float | None:
    if not isinstance(timeout, Deadline):
        return timeout
    remaining = timeout.remaining()
    if remaining <= 0:
        raise expired
    return min(remaining, _LONGEST_SECONDS)


class DeadlineBackend(httpcore.NetworkBackend):
    """Plain sockets whose reads and writes understand a `Deadline`."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> httpcore.NetworkStream:
        """Connect within `timeout` seconds."""
        seconds = _seconds(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._inner.connect_tcp(host, port, seconds, local_address, socket_options))


_streams: weakref.WeakSet[_DeadlineStream] = weakref.WeakSet()


def close_inherited_sockets() -> None:
    """Close a forked child's copies of its parent's sockets, which the parent does not notice."""
    for stream in list(_streams):
        stream.get_extra_info("socket").close()


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        _streams.add(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _seconds(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # In slices: the inner stream grants the whole time anew for each piece that the peer takes.
        for start in range(0, len(buffer), _WRITTEN_AT_ONCE):
            self._inner.write(buffer[start : start + _WRITTEN_AT_ONCE], _seconds(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = _seconds(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._inner.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class AsyncDeadlineBackend(httpcore.AsyncNetworkBackend):
    """Sockets of the running event loop whose reads and writes understand a `Deadline`."""

    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect within `timeout` seconds."""
        seconds = _seconds(timeout, httpcore.ConnectTimeout)
        stream = await self._inner.connect_tcp(host, port, seconds, local_address, socket_options)
        return _AsyncDeadlineStream(stream)

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking the event loop."""
        await self._inner.sleep(seconds)


class _AsyncDeadlineStream(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._inner.read(max_bytes, _seconds(timeout, httpcore.ReadTimeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, _seconds(timeout, httpcore.WriteTimeout))

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        seconds = _seconds(timeout, httpcore.ConnectTimeout)
        return _AsyncDeadlineStream(await self._inner.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
