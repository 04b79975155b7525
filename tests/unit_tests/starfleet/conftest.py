"""Fixtures: a scripted token endpoint, clocks that stand still, providers, and both ways to ask."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from blockbuster import blockbuster_ctx

from langchain_nvgateway.starfleet import StarfleetTokenProvider, exchange
from langchain_nvgateway.starfleet.sharing import clear_shared_providers

from .token_server import Clocks, TokenServer, wait_for_refreshes

Ask = Callable[[StarfleetTokenProvider], str]


@pytest.fixture(autouse=True, scope="session")
def no_blocking_calls_in_event_loops() -> Iterator[None]:
    """Make each blocking call of the package in an event loop an error, as LangGraph's server does."""
    with blockbuster_ctx("langchain_nvgateway"):
        yield


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the pauses between tries, which are real time, from taking most of the tests' time."""
    monkeypatch.setattr(exchange, "FIRST_PAUSE", 0.01)


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Let no refresh and no shared provider reach the next test."""
    yield
    wait_for_refreshes()
    clear_shared_providers()


@pytest.fixture
def server() -> Iterator[TokenServer]:
    """A token endpoint."""
    running = TokenServer()
    yield running
    running.stop()


@pytest.fixture
def clocks() -> Clocks:
    """Clocks that stand still."""
    return Clocks()


@pytest.fixture
def new_provider(server: TokenServer, clocks: Clocks) -> Iterator[Callable[..., StarfleetTokenProvider]]:
    """Build providers for the endpoint; `real_time=True` gives them real clocks."""
    built = []

    def build(*, real_time: bool = False, **changes: Any) -> StarfleetTokenProvider:
        arguments: dict[str, Any] = {
            "token_url": server.url,
            "client_id": "fake-id",
            "client_secret": "fake-secret",
            "clock": time.monotonic if real_time else lambda: clocks.monotonic,
            "wall_clock": time.time if real_time else lambda: clocks.wall,
        }
        provider = StarfleetTokenProvider(**(arguments | changes))
        built.append(provider)
        return provider

    yield build
    for provider in built:
        provider.close()


@pytest.fixture
def provider(new_provider: Callable[..., StarfleetTokenProvider]) -> StarfleetTokenProvider:
    """A provider without a token."""
    return new_provider()


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Ask a provider for a token, once in a thread and once in an event loop."""
    if request.param == "sync":
        return lambda provider: provider.get_token()
    return lambda provider: asyncio.run(provider.aget_token())
