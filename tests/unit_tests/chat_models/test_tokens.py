"""What the Gateway's models do with tokens: one for all, replaced when refused, never a storm."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.exceptions import ModelAuthenticationError, ModelTimeoutError

from langchain_nvgateway import ConfigurationError, StarfleetAuthError, StarfleetUnavailableError
from langchain_nvgateway.emulator import Fault

from .calling import STYLES, Call, Endpoint, error_of


def _bearers(gateway: Endpoint) -> list[str]:
    return [request.headers["authorization"] for request in gateway.chats]


def test_a_revoked_token_costs_one_attempt_and_one_token(gateway: Endpoint, call: Call) -> None:
    """The caller sees nothing of it, and `max_retries=0` does not forbid it."""
    model = gateway.model(max_retries=0)
    call(model)
    gateway.emu.starfleet.revoke()
    assert call(model).text
    assert [request.status for request in gateway.chats] == [200, 401, 200]
    assert len(gateway.emu.starfleet.requests) == 2


def test_a_token_that_expires_between_calls_costs_no_failed_attempt(gateway: Endpoint, call: Call) -> None:
    """The next call asks for another one before it sends anything."""
    gateway.emu.starfleet.expires_in = 0.5
    model = gateway.model()
    call(model)
    gateway.emu.starfleet.expires_in = 900.0
    # Time itself is what is tested here: the token is dead after half a second of it.
    threading.Event().wait(0.55)
    call(model)
    assert [request.status for request in gateway.chats] == [200, 200]
    assert len(set(_bearers(gateway))) == 2


def test_200_threads_from_a_cold_start_ask_for_one_token(gateway: Endpoint) -> None:
    """The first asks, the others wait for it."""
    gateway.emu.starfleet.latency = 0.1
    model = gateway.model(timeout=60)
    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda number: model.invoke(f"number {number}"), range(200)))
    assert len(gateway.emu.starfleet.requests) == 1
    assert [answer.text.endswith(f"number {number}") for number, answer in enumerate(answers)] == [True] * 200


def test_200_tasks_from_a_cold_start_ask_for_one_token(gateway: Endpoint) -> None:
    """Each gets its own answer."""
    gateway.emu.starfleet.latency = 0.1
    model = gateway.model(timeout=60)

    async def main() -> list[Any]:
        return await asyncio.gather(*(model.ainvoke(f"number {number}") for number in range(200)))

    answers = asyncio.run(main())
    assert len(gateway.emu.starfleet.requests) == 1
    assert [answer.text.endswith(f"number {number}") for number, answer in enumerate(answers)] == [True] * 200


def test_models_with_equal_settings_share_a_token(gateway: Endpoint, call: Call) -> None:
    """Copies, bindings, other models and other routes too."""
    for model in (
        gateway.model(),
        gateway.model(model="gpt-4o", route="flat"),
        gateway.model().model_copy(),
        gateway.model().bind(temperature=0),
    ):
        call(model)
    assert len(gateway.emu.starfleet.requests) == 1


def test_50_concurrent_refusals_cost_one_token(gateway: Endpoint) -> None:
    """All were sent with the same old token, and one replacement serves all."""
    model = gateway.model(timeout=60)
    model.invoke("first")
    gateway.emu.starfleet.revoke()

    async def main() -> None:
        await asyncio.gather(*(model.ainvoke("Hello") for _ in range(50)))

    asyncio.run(main())
    assert len(gateway.emu.starfleet.requests) == 2


def test_403_never_refreshes(gateway: Endpoint, call: Call) -> None:
    """Not entitled stays not entitled."""
    gateway.service.entitled = {"gpt-4o"}
    error_of(call, gateway.model(max_retries=3))
    assert len(gateway.chats) == 1
    assert len(gateway.emu.starfleet.requests) == 1


def test_a_gateway_that_always_says_401_gets_two_attempts(gateway: Endpoint, call: Call) -> None:
    """One refresh per call; more would not help."""
    gateway.service.fail_always("unauthorized", route="chat")
    assert isinstance(error_of(call, gateway.model(max_retries=3)), ModelAuthenticationError)
    assert len(gateway.chats) == 2
    assert len(gateway.emu.starfleet.requests) == 2


def test_a_gateway_that_always_says_401_causes_no_storm(gateway: Endpoint, call: Call) -> None:
    """Call after call, the token endpoint is left in peace."""
    gateway.service.fail_always("unauthorized", route="chat")
    model = gateway.model()
    for _ in range(20):
        error_of(call, model)
    assert len(gateway.emu.starfleet.requests) <= 6


def test_a_static_bearer_is_sent_as_it_is(gateway: Endpoint, call: Call) -> None:
    """`token_provider` may be a function, and Starfleet is not asked."""
    gateway.service.static_tokens.add("fake-static-bearer")
    call(gateway.model(token_provider=lambda: "fake-static-bearer"))
    assert _bearers(gateway) == ["Bearer fake-static-bearer"]
    assert gateway.emu.starfleet.requests == []


@pytest.fixture
def _nothing_unawaited() -> Iterator[None]:
    """Let a coroutine that nobody awaited fail its own test, not a later one."""
    yield
    gc.collect()


class AsyncSource:
    """A callable object whose call is a coroutine."""

    async def __call__(self) -> str:
        """Return the bearer."""
        return "fake-static-bearer"


async def _async_source() -> str:
    return "fake-static-bearer"


@pytest.mark.parametrize("source", [_async_source, AsyncSource(), AsyncSource().__call__, lambda: _async_source()])
@pytest.mark.parametrize("style", ["ainvoke", "astream"])
@pytest.mark.usefixtures("_nothing_unawaited")
def test_an_async_token_provider_serves_the_async_methods(source: Any, style: str, gateway: Endpoint) -> None:
    """Function, object, method and lambda alike."""
    gateway.service.static_tokens.add("fake-static-bearer")
    STYLES[style](gateway.model(token_provider=source))
    assert _bearers(gateway) == ["Bearer fake-static-bearer"]


@pytest.mark.parametrize("source", [_async_source, AsyncSource()])
@pytest.mark.parametrize("style", ["invoke", "stream"])
@pytest.mark.usefixtures("_nothing_unawaited")
def test_an_async_token_provider_is_refused_by_the_sync_methods(source: Any, style: str, gateway: Endpoint) -> None:
    """The message says which methods can use it; no coroutine is left unawaited."""
    error = error_of(STYLES[style], gateway.model(token_provider=source))
    assert isinstance(error, ConfigurationError)
    assert "ainvoke" in str(error)


@pytest.mark.parametrize("value", ["", "two words", "line\nbreak", "ü", None, 5, b"bytes"])
def test_a_token_provider_that_returns_no_token_is_a_configuration_error(
    value: Any, gateway: Endpoint, call: Call
) -> None:
    """Nothing is sent."""
    error = error_of(call, gateway.model(token_provider=lambda: value))
    assert isinstance(error, ConfigurationError)
    assert error.correlation_id
    assert gateway.chats == []


def test_a_token_provider_function_is_asked_again_after_a_401(gateway: Endpoint, call: Call) -> None:
    """It may have learned of another token."""
    gateway.service.static_tokens.add("fake-new-bearer")
    bearers = iter(["fake-old-bearer", "fake-new-bearer"])
    assert call(gateway.model(token_provider=lambda: next(bearers))).text
    assert [request.status for request in gateway.chats] == [401, 200]


def test_a_static_bearer_that_is_refused_is_sent_once(gateway: Endpoint, call: Call) -> None:
    """The same bearer again would be refused again."""
    error_of(call, gateway.model(token_provider=lambda: "fake-wrong-bearer"))
    assert len(gateway.chats) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("invalid_client_401", StarfleetAuthError), ("invalid_scope", StarfleetAuthError)],
)
def test_a_refusal_of_starfleet_carries_the_id_of_the_call(
    fault: str, kind: type[Exception], gateway: Endpoint, call: Call
) -> None:
    """It is the token endpoint's error, raised by this call."""
    gateway.emu.starfleet.fail_always(fault)
    error = error_of(call, gateway.model(), config={"metadata": {"correlation_id": "mine"}})
    assert isinstance(error, kind)
    assert error.correlation_id == "mine"
    assert gateway.chats == []


def test_a_starfleet_that_is_down_is_unavailable(gateway: Endpoint, call: Call) -> None:
    """With the wait that Starfleet asks for, and the id of the call."""
    gateway.emu.starfleet.fail_always(Fault("rate_limited", retry_after=120))
    error = error_of(call, gateway.model(), config={"metadata": {"correlation_id": "mine"}})
    assert isinstance(error, StarfleetUnavailableError)
    assert error.correlation_id == "mine"
    assert error.retry_after == pytest.approx(120, abs=5)


def test_calls_that_share_a_failed_refresh_have_errors_of_their_own(gateway: Endpoint) -> None:
    """The id on an error is that of its own call."""
    gateway.emu.starfleet.fail_always("invalid_client_401")
    gateway.emu.starfleet.latency = 0.1
    model = gateway.model()

    async def one(name: str) -> Any:
        try:
            await model.ainvoke("Hello", {"metadata": {"correlation_id": name}})
        except StarfleetAuthError as error:
            return name, error.correlation_id

    async def main() -> list[Any]:
        return await asyncio.gather(*(one(f"call-{number}") for number in range(20)))

    assert all(name == found for name, found in asyncio.run(main()))


def test_a_token_that_comes_too_late_is_a_typed_error(gateway: Endpoint, call: Call) -> None:
    """The token endpoint's or the timeout's, in threads and tasks the same, and never a connection error."""
    gateway.emu.starfleet.latency = 0.6
    error = error_of(call, gateway.model(timeout=0.3))
    assert isinstance(error, ModelTimeoutError | StarfleetUnavailableError)
    assert error.correlation_id
    assert gateway.chats == []
