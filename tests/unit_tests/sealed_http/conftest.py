"""Fixtures: both ways to send a request, servers of raw bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import pytest
import uvloop
from blockbuster import blockbuster_ctx

from langchain_nvgateway.deadlines import Deadline
from langchain_nvgateway.sealed_http import HTTPRequest, HTTPResponse, SealedHTTP

from .raw_server import RawServer, Script


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """Send requests through a `SealedHTTP` in this thread, or in one event loop that stays the same."""

    def __init__(self, runner: asyncio.Runner | None) -> None:
        self.runner = runner
        self._built: list[SealedHTTP] = []

    def http(self, *urls: str, **options: Any) -> SealedHTTP:
        """Build a `SealedHTTP` that is closed at the end of the test."""
        self._built.append(SealedHTTP(urls, **options))
        return self._built[-1]

    def get(self, http: SealedHTTP, url: str, *, seconds: float = 20.0, limit: int | None = None) -> Answer:
        """Get a URL and read up to `limit` bytes of its body."""
        return self.send(http, HTTPRequest("GET", url), Deadline(seconds), limit=limit)

    def send(
        self,
        http: SealedHTTP,
        request: HTTPRequest,
        deadline: Deadline,
        *,
        limit: int | None = None,
        after_head: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Send a request and read up to `limit` bytes of its body."""
        if self.runner:
            return self.runner.run(self.asend(http, request, deadline, limit=limit, after_head=after_head))
        body = b""
        with http.stream(request, deadline) as response:
            after_head()
            for piece in response.chunks():
                body += piece
                if limit is not None and len(body) > limit:
                    break
        return Answer(response.status, response.headers, body)

    def close(self, http: SealedHTTP) -> None:
        """Close a `SealedHTTP`."""
        if self.runner:
            self.runner.run(http.aclose())
        else:
            http.close()

    def close_all(self) -> None:
        """Close all that were built."""
        for http in self._built:
            self.close(http)
        if self.runner:
            self.runner.close()

    @staticmethod
    async def asend(
        http: SealedHTTP,
        request: HTTPRequest,
        deadline: Deadline,
        *,
        limit: int | None = None,
        after_head: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Do what `send` does, in the running event loop."""
        body = b""
        async with http.astream(request, deadline) as response, aclosing(response.achunks()) as pieces:
            after_head()
            async for piece in pieces:
                body += piece
                if limit is not None and len(body) > limit:
                    break
        return Answer(response.status, response.headers, body)


async def read_all(response: HTTPResponse) -> bytes:
    """Read a body to its end and close it."""
    try:
        async with aclosing(response.achunks()) as pieces:
            return b"".join([piece async for piece in pieces])
    finally:
        await response.aclose()


@pytest.fixture(autouse=True, scope="session")
def no_blocking_calls_in_event_loops() -> Iterator[None]:
    """Make each blocking call of the package in an event loop an error, as LangGraph's server does."""
    with blockbuster_ctx("langchain_nvgateway"):
        yield


@pytest.fixture
def serve() -> Iterator[Callable[..., RawServer]]:
    """Start servers of raw bytes."""
    running = []

    def start(*scripts: Script, **options: object) -> RawServer:
        running.append(RawServer(*scripts, **options))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture(params=["sync", "async", "uvloop"])
def client(request: pytest.FixtureRequest, serve: Callable[..., RawServer]) -> Iterator[Client]:
    """Send requests in a thread, in asyncio's own event loop, and in the one of LangGraph's server."""
    loops = {"sync": None, "async": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    factory = loops[request.param]
    client = Client(asyncio.Runner(loop_factory=factory) if factory else None)
    yield client
    client.close_all()
