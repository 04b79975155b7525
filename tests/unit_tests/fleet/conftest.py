"""Fixtures: Valkey servers, fleets in this process, and workers in others."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from pydantic import SecretStr

from langchain_nvgateway.breaker import BreakerState, SharedCircuitBreaker
from langchain_nvgateway.errors import CircuitOpenError
from langchain_nvgateway.fleet import Fleet

from .valkey import PATIENCE, Valkey
from .workers import Worker

NewBreaker = Callable[..., SharedCircuitBreaker]
Call = Callable[[SharedCircuitBreaker, BaseException | None], bool]

NAME = "nvidia-nim:fake-model"
FAILURE = ConnectionError("nobody is there")


@pytest.fixture(autouse=True, scope="session")
def no_blocking_calls_in_event_loops() -> Iterator[None]:
    """Make each blocking call of the package in an event loop an error, as LangGraph's server does."""
    with blockbuster_ctx("langchain_nvgateway"):
        yield


@pytest.fixture(scope="session")
def shared_valkey() -> Iterator[Valkey]:
    """The server of all tests that leave it as it is."""
    server = Valkey()
    yield server
    server.stop()


@pytest.fixture
def valkey(shared_valkey: Valkey) -> Valkey:
    """A server without data."""
    shared_valkey.client.flushall()
    return shared_valkey


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """A server that a test may stop."""
    server = Valkey()
    yield server
    server.stop()


@pytest.fixture
def new_breaker() -> Iterator[Callable[..., SharedCircuitBreaker]]:
    """Make breakers of this process, each as if in a process of its own."""
    made: list[tuple[Fleet, SharedCircuitBreaker]] = []

    def build(server: Valkey, **rules: Any) -> SharedCircuitBreaker:
        fleet = Fleet(SecretStr(server.url))
        breaker = fleet.breaker(NAME, place="here", **{"jitter": 0.0, **rules})
        made.append((fleet, breaker))
        return breaker

    yield build
    for fleet, breaker in made:
        fleet.detach([breaker])
    for thread in threading.enumerate():
        if thread.name == "nvgateway-fleet":
            thread.join(PATIENCE)
            assert not thread.is_alive(), "the thread of a fleet does not end"


@pytest.fixture
def new_workers(valkey: Valkey) -> Iterator[Callable[..., list[Worker]]]:
    """Start processes of one fleet."""
    workers: list[Worker] = []

    def start(count: int, **rules: Any) -> list[Worker]:
        workers.extend(Worker(valkey.url, **rules) for _ in range(count))
        return workers

    yield start
    for worker in workers:
        worker.close()


def call_in_thread(breaker: SharedCircuitBreaker, error: BaseException | None = None) -> bool:
    """Make a call that ends well or badly; return whether it went out."""
    try:
        permit = breaker.acquire()
    except CircuitOpenError:
        return False
    if error:
        permit.failure(error)
    else:
        permit.success()
    return True


def call_in_loop(breaker: SharedCircuitBreaker, error: BaseException | None = None) -> bool:
    """Do the same in an event loop."""

    async def call() -> bool:
        try:
            async with breaker.guard() as permit:
                if error:
                    permit.failure(error)
        except CircuitOpenError:
            return False
        return True

    return asyncio.run(call())


@pytest.fixture(params=[call_in_thread, call_in_loop], ids=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Call:
    """Both ways to call."""
    way: Call = request.param
    return way


def wait_until(is_so: Callable[[], bool], longest: float = PATIENCE) -> float:
    """Wait until something is so; return the seconds that it took."""
    start = time.monotonic()
    while not is_so():
        assert time.monotonic() - start < longest, "it never was so"
        time.sleep(0.005)
    return time.monotonic() - start


def is_open_or_was(breaker: SharedCircuitBreaker) -> Callable[[], bool]:
    """Return whether a breaker is not closed, as a question: an open time may be over before anybody looks."""
    return lambda: breaker.state is not BreakerState.CLOSED


def is_in(breaker: SharedCircuitBreaker, state: BreakerState) -> Callable[[], bool]:
    """Return whether a breaker is in a state, as a question."""
    return lambda: breaker.state is state
