"""Rule 3: a failed refresh is shared, and nobody becomes the next leader in a row."""

from __future__ import annotations

import asyncio
import threading

import pytest

from langchain_nvgateway.errors import StarfleetError, StarfleetUnavailableError
from langchain_nvgateway.starfleet import StarfleetTokenProvider, TokenState

from .conftest import Ask
from .token_server import PATIENCE, Clocks, TokenServer, answer, grant, wait_for_refreshes


def test_all_who_waited_get_exceptions_of_their_own(provider: StarfleetTokenProvider, server: TokenServer) -> None:
    """Thirty waiters, threads and tasks, one refresh, thirty exceptions without a cause."""
    gate = server.gate(answer(400))
    errors: list[StarfleetError] = []

    def ask_in_thread() -> None:
        try:
            provider.get_token()
        except StarfleetError as error:
            errors.append(error)

    async def ask_in_tasks() -> None:
        errors.extend(await asyncio.gather(*(provider.aget_token() for _ in range(10)), return_exceptions=True))  # type: ignore[arg-type]

    threads = [threading.Thread(target=ask_in_thread) for _ in range(20)]
    threads.append(threading.Thread(target=lambda: asyncio.run(ask_in_tasks())))
    for thread in threads:
        thread.start()
    gate.wait_for_request()
    gate.open()
    for thread in threads:
        thread.join(PATIENCE)

    assert len(server.requests) == 1
    assert len({id(error) for error in errors}) == 30
    assert {error.status_code for error in errors} == {400}
    assert {(error.__cause__, error.__context__) for error in errors} == {(None, None)}


def test_later_callers_get_the_failure_without_a_request(
    ask: Ask, provider: StarfleetTokenProvider, server: TokenServer, clocks: Clocks
) -> None:
    """For a second; what is left of it is on the error."""
    server.then(*[answer(503)] * 3)
    with pytest.raises(StarfleetUnavailableError) as first:
        ask(provider)
    clocks.advance(0.75)
    with pytest.raises(StarfleetUnavailableError) as second:
        ask(provider)

    assert len(server.requests) == 3
    assert first.value.retry_after == 1.0
    assert second.value.retry_after == 0.25
    assert str(second.value) == str(first.value)
    assert second.value is not first.value
    assert second.value.__context__ is None


def test_hold_off_doubles_until_a_success(
    provider: StarfleetTokenProvider, server: TokenServer, clocks: Clocks
) -> None:
    """1 s, 2 s, and after a success 1 s again; at its exact end the next request is sent."""

    def fail() -> float | None:
        server.then(*[answer(503)] * 3)
        with pytest.raises(StarfleetUnavailableError) as caught:
            provider.get_token()
        return caught.value.retry_after

    assert fail() == 1.0
    clocks.advance(1.0)
    assert fail() == 2.0
    clocks.advance(2.0)
    assert provider.get_token() == "fake-token-1"
    clocks.advance(900.0)
    assert fail() == 1.0
    assert len(server.requests) == 10


def test_held_off_refresh_sends_nothing_while_the_old_token_is_good(
    ask: Ask, provider: StarfleetTokenProvider, server: TokenServer, clocks: Clocks
) -> None:
    """The old token is served at once, then refreshed after the hold-off."""
    ask(provider)
    server.then(*[answer(503)] * 3)
    clocks.at(700.0)
    assert ask(provider) == "fake-token-1"
    wait_for_refreshes()

    assert [ask(provider) for _ in range(5)] == ["fake-token-1"] * 5
    wait_for_refreshes()
    assert len(server.requests) == 4
    assert provider.state is TokenState.STALE

    clocks.advance(1.0)
    ask(provider)
    wait_for_refreshes()
    assert ask(provider) == "fake-token-2"


def test_held_off_refresh_holds_up_nobody_near_the_end(
    ask: Ask, provider: StarfleetTokenProvider, server: TokenServer, clocks: Clocks
) -> None:
    """Where callers would wait for a refresh, they do not wait for a hold-off."""
    ask(provider)
    server.always(answer(429, retry_after="300"))
    clocks.at(850.0)
    assert ask(provider) == "fake-token-1"
    sent = len(server.requests)

    assert ask(provider) == "fake-token-1"
    assert len(server.requests) == sent


def test_token_that_is_over_when_it_comes_is_returned_to_those_who_waited(
    ask: Ask, provider: StarfleetTokenProvider, server: TokenServer, clocks: Clocks
) -> None:
    """Asking again would go on forever."""

    def too_late(handler: object) -> None:
        clocks.advance(100.0)
        grant("fake-late", 1)(handler)  # type: ignore[arg-type]

    server.then(too_late)

    assert ask(provider) == "fake-late"
    assert provider.state is TokenState.EXPIRED
    assert provider.expires_in == 0
