"""One provider for equal settings, and its end."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from langchain_nvgateway.errors import StarfleetAuthError, StarfleetError, StarfleetUnavailableError
from langchain_nvgateway.starfleet import StarfleetTokenProvider, TokenState, shared_provider
from langchain_nvgateway.starfleet.sharing import KEPT

from .conftest import Ask
from .token_server import PATIENCE, Clocks, TokenServer, answer, wait_for_refreshes

URL = "https://starfleet.test/token"


class Vault:
    """Something with a method that returns a secret."""

    def read(self) -> str:
        """Return the secret."""
        return "fake-secret"


def test_equal_settings_share_a_provider() -> None:
    """However the secret and the URL are written."""
    provider = shared_provider(URL, "fake-id", "fake-secret")

    assert shared_provider(URL + "/", "fake-id", SecretStr("fake-secret")) is provider


@pytest.mark.parametrize(
    "other",
    [
        {"token_url": "https://other.test/token"},
        {"client_id": "fake-other"},
        {"client_secret": "fake-other"},
        {"scope": "awsanthropic-readwrite"},
        {"auth_method": "post"},
        {"timeout": 5.0},
    ],
)
def test_other_settings_have_another_provider(other: dict[str, Any]) -> None:
    """Each of them makes a difference."""
    settings: dict[str, Any] = {"token_url": URL, "client_id": "fake-id", "client_secret": "fake-secret"}

    assert shared_provider(**(settings | other)) is not shared_provider(**settings)


def test_secret_functions_are_compared_by_identity() -> None:
    """A method of one object is one function, that of another object another."""
    vault, other = Vault(), Vault()
    provider = shared_provider(URL, "fake-id", vault.read)

    assert shared_provider(URL, "fake-id", vault.read) is provider
    assert shared_provider(URL, "fake-id", other.read) is not provider


def test_closed_provider_is_replaced() -> None:
    """Whoever closes it closes it for those who have it, not for those who come."""
    closed = shared_provider(URL, "fake-id", "fake-secret")
    closed.close()

    replacement = shared_provider(URL, "fake-id", "fake-secret")

    assert replacement is not closed
    assert shared_provider(URL, "fake-id", "fake-secret") is replacement


def test_provider_in_use_is_shared_however_many_others_come() -> None:
    """Only those that nobody uses are forgotten."""
    used = shared_provider(URL, "fake-id", "fake-secret")
    for number in range(KEPT + 1):
        shared_provider(URL, f"fake-id-{number}", "fake-secret")
    gc.collect()

    assert shared_provider(URL, "fake-id", "fake-secret") is used


def test_providers_that_nobody_uses_are_kept_up_to_a_limit() -> None:
    """A service that makes providers without end does not grow without end."""
    born = [weakref.ref(shared_provider(URL, f"fake-id-{number}", "fake-secret")) for number in range(KEPT + 5)]
    gc.collect()

    assert [ref() is not None for ref in born] == [False] * 5 + [True] * KEPT


def test_threads_that_come_together_share_a_provider() -> None:
    """Whoever is first."""
    together = threading.Barrier(16)
    found = []

    def share() -> None:
        together.wait(PATIENCE)
        found.append(shared_provider(URL, "fake-id", "fake-secret"))

    threads = [threading.Thread(target=share) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert len(found) == 16
    assert len(set(map(id, found))) == 1


def close_sync(provider: StarfleetTokenProvider) -> None:
    """Close it in a thread."""
    provider.close()


def close_async(provider: StarfleetTokenProvider) -> None:
    """Close it in an event loop."""
    asyncio.run(provider.aclose())


both_ways = pytest.mark.parametrize("close", [close_sync, close_async])


@both_ways
def test_closed_provider_gives_no_tokens(
    ask: Ask, provider: StarfleetTokenProvider, server: TokenServer, close: Callable[..., None]
) -> None:
    """Not even the one it had; closing twice is closing once."""
    ask(provider)
    close(provider)
    close(provider)

    with pytest.raises(StarfleetError, match="closed") as caught:
        ask(provider)
    assert not isinstance(caught.value, StarfleetAuthError | StarfleetUnavailableError)
    assert provider.state is TokenState.ABSENT
    assert provider.expires_in is None
    assert len(server.requests) == 1


@both_ways
def test_closing_frees_those_who_wait(
    provider: StarfleetTokenProvider, server: TokenServer, close: Callable[..., None]
) -> None:
    """At once, although the request still stands at the endpoint; what comes of it is dropped."""
    gate = server.gate()
    failed: list[StarfleetError] = []

    def wait() -> None:
        with pytest.raises(StarfleetError, match="closed") as caught:
            provider.get_token()
        failed.append(caught.value)

    async def wait_in_task() -> None:
        with pytest.raises(StarfleetError, match="closed") as caught:
            await provider.aget_token()
        failed.append(caught.value)

    waiting = [threading.Thread(target=wait), threading.Thread(target=lambda: asyncio.run(wait_in_task()))]
    for thread in waiting:
        thread.start()
    gate.wait_for_request()
    close(provider)
    for thread in waiting:
        thread.join(PATIENCE)
    gate.open()
    wait_for_refreshes()

    assert len(failed) == 2
    assert provider.state is TokenState.ABSENT


def test_closing_ends_the_tries_of_a_refresh(
    provider: StarfleetTokenProvider, server: TokenServer, clocks: Clocks
) -> None:
    """A request that fails after the end is not sent again."""
    provider.get_token()
    gate = server.gate(answer(503, retry_after="5"))
    clocks.at(700.0)
    provider.get_token()
    gate.wait_for_request()
    provider.close()
    gate.open()
    wait_for_refreshes()

    assert len(server.requests) == 2
