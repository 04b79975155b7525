"""Tokens of a fleet that the Gateway refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr

from langchain_nvgateway import ChatNVGateway, StarfleetTokenProvider
from langchain_nvgateway.chat_models.error_classes import UnauthorizedError
from langchain_nvgateway.emulator import Emulator
from langchain_nvgateway.fleet import Fleet

from .valkey import Valkey

Call = Callable[[ChatNVGateway], object]


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Call:
    """Both ways to ask a model."""
    if request.param == "sync":
        return lambda model: model.invoke("hello")
    return lambda model: asyncio.run(model.ainvoke("hello"))


@pytest.fixture
def models(emu: Emulator, valkey: Valkey) -> Iterator[list[ChatNVGateway]]:
    """Models that share their tokens as processes do, and have the same one."""
    made = []
    providers = []
    for _ in range(3):
        provider = StarfleetTokenProvider(emu.env["STARFLEET_TOKEN_URL"], "fake-id", "fake-secret")
        provider.share(Fleet(SecretStr(valkey.url)).tokens)
        providers.append(provider)
        model = ChatNVGateway(token_provider=provider, base_url=emu.env["LLM_GATEWAY_BASE_URL"], max_retries=0)
        made.append(model)
        provider.get_token()
    assert len(emu.starfleet.requests) == 1
    yield made
    for provider in providers:
        provider.close()


def test_one_new_token_serves_all_when_one_is_revoked(emu: Emulator, models: list[ChatNVGateway], call: Call) -> None:
    """Each calls once more, and one of them asks for a token."""
    emu.starfleet.revoke()
    for model in models:
        call(model)

    assert len(emu.starfleet.requests) == 2
    assert [request.status for request in emu.gateway.requests] == [401, 200] * 3


def test_call_survives_that_the_token_of_the_fleet_is_refused_as_well(
    emu: Emulator, models: list[ChatNVGateway], call: Call
) -> None:
    """Where all tokens are revoked, the one in Redis is no better than the one in the process."""
    first, second, third = models
    emu.starfleet.revoke()
    call(first)
    emu.starfleet.revoke()
    call(second)
    call(third)

    assert [request.status for request in emu.gateway.requests] == [401, 200, 401, 401, 200, 401, 200]
    assert len(emu.starfleet.requests) == 3


def test_gateway_that_refuses_all_tokens_causes_no_storm(
    emu: Emulator, models: list[ChatNVGateway], call: Call
) -> None:
    """Two new tokens are tried at most, and only where the first of them was another's."""
    emu.gateway.fail_always("token_expired")
    for model in models:
        with pytest.raises(UnauthorizedError):
            call(model)

    assert len(emu.gateway.requests) <= 2 + 3 + 3
    assert len(emu.starfleet.requests) <= 1 + 3
