"""One request for a token for the whole fleet, and a token of no use to who reads Redis."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import SecretStr

from langchain_nvgateway.errors import StarfleetAuthError, StarfleetError
from langchain_nvgateway.fleet import Fleet
from langchain_nvgateway.fleet.fleet import CALL_SECONDS
from langchain_nvgateway.fleet.schema import PREFIX
from langchain_nvgateway.fleet.sealed_token import TokenSeal
from langchain_nvgateway.fleet.token_store import _checked
from langchain_nvgateway.starfleet import SharedToken, StarfleetTokenProvider
from langchain_nvgateway.starfleet.shared_refresh import LONGEST_WAIT

from ..starfleet.token_server import PATIENCE, Clocks, TokenServer, answer, grant, wait_for_refreshes
from .conftest import wait_until
from .test_twenty_processes import COUNT, tell_all
from .valkey import Valkey
from .workers import Worker

Ask = Callable[[StarfleetTokenProvider], str]
NewProvider = Callable[..., StarfleetTokenProvider]


def ask_sync(provider: StarfleetTokenProvider) -> str:
    """Ask in a thread."""
    return provider.get_token()


def ask_async(provider: StarfleetTokenProvider) -> str:
    """Ask in an event loop."""
    return asyncio.run(provider.aget_token())


@pytest.fixture(params=[ask_sync, ask_async], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Both ways to ask."""
    way: Ask = request.param
    return way


@pytest.fixture
def server() -> Iterator[TokenServer]:
    """A token endpoint."""
    server = TokenServer()
    yield server
    server.stop()


@pytest.fixture
def new_provider(server: TokenServer) -> Iterator[NewProvider]:
    """Make providers, each as if in a process of its own."""
    made: list[StarfleetTokenProvider] = []

    def build(valkey: Valkey, secret: str = "fake-secret", **settings: Any) -> StarfleetTokenProvider:
        provider = StarfleetTokenProvider(server.url, "fake-id", secret, **settings)
        provider.share(Fleet(SecretStr(valkey.url)).tokens)
        made.append(provider)
        return provider

    yield build
    for provider in made:
        provider.close()
    wait_for_refreshes()


def on_clocks(new_provider: NewProvider, valkey: Valkey, clocks: Clocks) -> StarfleetTokenProvider:
    """Make a provider whose clocks stand still."""
    return new_provider(valkey, clock=lambda: clocks.monotonic, wall_clock=lambda: clocks.wall)


def entries(valkey: Valkey) -> list[str]:
    """Return the keys of the tokens that are kept."""
    return [key for key in valkey.client.scan_iter() if not key.endswith(":asking")]


def test_twenty_cold_processes_cost_one_request(
    valkey: Valkey, new_workers: Callable[..., list[Worker]], server: TokenServer
) -> None:
    """All at once, while the endpoint takes its time."""
    workers = new_workers(COUNT)
    gate = server.gate(grant("fake-token-of-all"))
    tell_all(workers, "token", server.url)
    gate.wait_for_request()
    wait_until(lambda: valkey.client.info("clients")["connected_clients"] > COUNT)
    gate.open()

    assert {worker.result() for worker in workers} == {"fake-token-of-all"}
    assert len(server.requests) == 1


def test_process_that_dies_while_it_asks_costs_the_others_one_lease(
    new_workers: Callable[..., list[Worker]], server: TokenServer
) -> None:
    """Then one of them asks, and no more."""
    workers = new_workers(4)
    server.gate()
    workers[0].tell("token", server.url)
    wait_until(lambda: len(server.requests) == 1)
    start = time.monotonic()
    tell_all(workers[1:], "token", server.url)
    workers[0].kill()

    assert len({worker.result() for worker in workers[1:]}) == 1
    assert time.monotonic() - start < LONGEST_WAIT + 1.0
    assert len(server.requests) == 2


def test_token_of_another_process_is_taken(
    valkey: Valkey, new_provider: NewProvider, server: TokenServer, ask: Ask
) -> None:
    """With what is left of its life."""
    first, second = new_provider(valkey), new_provider(valkey)
    token = ask(first)

    assert ask(second) == token
    assert second.expires_in == pytest.approx(first.expires_in, abs=1.0)
    assert len(server.requests) == 1


def test_one_of_all_refreshes_a_stale_token(
    valkey: Valkey, new_provider: NewProvider, server: TokenServer, ask: Ask
) -> None:
    """The others find the new one when theirs is due; meanwhile all have the old one at once."""
    clocks = [Clocks(), Clocks()]
    first, second = (on_clocks(new_provider, valkey, each) for each in clocks)
    old = ask(first)
    assert ask(second) == old
    for clock in clocks:
        clock.advance(700.0)

    assert ask(first) == old
    wait_for_refreshes()
    new = ask(first)
    assert ask(second) == old
    wait_for_refreshes()
    assert ask(second) == new != old
    assert len(server.requests) == 2


def test_refused_token_is_replaced_for_all(
    valkey: Valkey, new_provider: NewProvider, server: TokenServer, ask: Ask
) -> None:
    """Who had it refused does not take it again; who has it refused later takes the new one."""
    first, second = new_provider(valkey), new_provider(valkey)
    old = ask(first)
    ask(second)
    assert first.invalidate(old)
    new = ask(first)
    assert new != old

    assert second.invalidate(old)
    assert ask(second) == new
    assert len(server.requests) == 2


def test_token_in_redis_is_of_no_use_to_who_reads_it(valkey: Valkey, new_provider: NewProvider, ask: Ask) -> None:
    """Neither token nor secret nor client nor endpoint is anywhere; and it ends with the life of the token."""
    provider = new_provider(valkey)
    token = ask(provider)
    (key,) = entries(valkey)
    raw = valkey.raw(key)

    for hidden in (token, "fake-secret", "fake-id", "127.0.0.1"):
        assert hidden not in key
        assert hidden.encode() not in raw
    assert key.startswith(PREFIX)
    assert 0 < valkey.client.pttl(key) <= 1000 * (provider.expires_in or 0.0) + 100


@pytest.mark.parametrize("change", ["cut", "bit", "text", "list", "another's"])
def test_entry_that_does_not_open_is_ignored_and_replaced(
    valkey: Valkey, new_provider: NewProvider, server: TokenServer, ask: Ask, change: str
) -> None:
    """Whoever changed it, or put something else there."""
    ask(new_provider(valkey))
    (key,) = entries(valkey)
    raw = valkey.raw(key)
    if change == "list":
        valkey.client.delete(key)
        valkey.client.lpush(key, "x")
    else:
        other = TokenSeal("fake-other", "x").seal(SharedToken("fake-bad", 900.0, 900.0), server_ms=0)
        changed = {"cut": raw[:20], "bit": raw[:-1] + bytes([raw[-1] ^ 1]), "text": b"hello", "another's": other}
        valkey.client.set(key, changed[change])

    assert ask(new_provider(valkey)) == "fake-token-2"
    assert ask(new_provider(valkey)) == "fake-token-2"
    assert len(server.requests) == 2


def test_token_that_is_over_is_not_made_to_last(
    valkey: Valkey, new_provider: NewProvider, server: TokenServer, ask: Ask
) -> None:
    """Its end is inside: whoever writes to Redis cannot move it."""
    server.then(grant("fake-short", expires_in=1))
    ask(new_provider(valkey))
    (key,) = entries(valkey)
    valkey.client.persist(key)

    wait_until(lambda: ask(new_provider(valkey)) == "fake-token-1")


def test_other_secret_shares_nothing(valkey: Valkey, new_provider: NewProvider, server: TokenServer, ask: Ask) -> None:
    """Who does not know the secret gets no token."""
    assert ask(new_provider(valkey)) != ask(new_provider(valkey, "fake-other"))
    assert len(server.requests) == 2
    assert len(entries(valkey)) == 2


def test_refusal_lets_the_next_one_ask_at_once(
    valkey: Valkey, new_provider: NewProvider, server: TokenServer, ask: Ask
) -> None:
    """Nobody waits for the lease of a process that failed."""
    server.then(answer(401))
    with pytest.raises(StarfleetAuthError):
        ask(new_provider(valkey))
    start = time.monotonic()

    assert ask(new_provider(valkey)) == "fake-token-1"
    assert time.monotonic() - start < 1.0


@pytest.mark.parametrize("trouble", ["terminate", "freeze"])
def test_without_redis_each_process_asks_for_itself(
    own_valkey: Valkey, new_provider: NewProvider, server: TokenServer, ask: Ask, trouble: str
) -> None:
    """Within the stated bound."""
    first, second = new_provider(own_valkey), new_provider(own_valkey)
    getattr(own_valkey, trouble)()
    start = time.monotonic()

    assert {ask(first), ask(second)} == {"fake-token-1", "fake-token-2"}
    assert time.monotonic() - start < 2 * (CALL_SECONDS + 0.5)


def test_flush_costs_one_more_request_at_most(
    valkey: Valkey, new_provider: NewProvider, server: TokenServer, ask: Ask
) -> None:
    """Who has a token goes on with it; who comes asks for one."""
    first, second, third = (new_provider(valkey) for _ in range(3))
    token = ask(first)
    valkey.client.flushall()

    assert ask(first) == token
    assert ask(second) == ask(third) != token
    assert len(server.requests) == 2


def test_closing_ends_the_wait_for_another_process(
    valkey: Valkey, new_provider: NewProvider, server: TokenServer
) -> None:
    """At once."""
    asking, waiting = new_provider(valkey), new_provider(valkey)
    gate = server.gate()
    with ThreadPoolExecutor(2) as threads:
        asked = threads.submit(asking.get_token)
        gate.wait_for_request()
        waited = threads.submit(waiting.get_token)
        wait_until(lambda: [thread.name for thread in threading.enumerate()].count("starfleet-refresh") == 2)
        waiting.close()
        assert isinstance(waited.exception(1.0), StarfleetError)
        gate.open()
        assert asked.result(PATIENCE) == "fake-token-1"


@pytest.mark.parametrize("found", [None, 10**12, "text", [b"x"]], ids=repr)
def test_reply_of_another_kind_of_server_is_no_token(found: object) -> None:
    """Not even a number, of which Python would make so many bytes."""
    with pytest.raises(ValueError, match="not a token"):
        _checked([b"token", 1, found, 1])
