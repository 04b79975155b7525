"""Rule 5: a token that a gateway refuses is replaced by compare-and-swap, without a storm."""

from __future__ import annotations

import asyncio
import importlib
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from langchain_nvgateway.errors import (
    ConfigurationError,
    EgressDeniedError,
    StarfleetAuthError,
    StarfleetError,
    StarfleetUnavailableError,
)
from langchain_nvgateway.http_family import FAMILY
from langchain_nvgateway.starfleet import StarfleetTokenProvider, TokenState
from langchain_nvgateway.starfleet.openai_errors import as_openai_error

from .conftest import Ask
from .token_server import PATIENCE, Clocks, Handler, TokenServer, answer, grant, refusal


class Gateway(TokenServer):
    """Answers 200 to the tokens that it accepts, 401 (or another status) to others."""

    def __init__(self) -> None:
        super().__init__()
        self.accepted: set[str] = set()
        self.refusal_status = 401
        self.always(self._judge)

    def _judge(self, handler: Handler) -> None:
        token = handler.headers["Authorization"].removeprefix("Bearer ")
        answer(200 if token in self.accepted else self.refusal_status)(handler)

    @property
    def tokens(self) -> list[str]:
        """The tokens that came, in order."""
        return [request.headers["authorization"].removeprefix("Bearer ") for request in self.requests]


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A service behind Starfleet tokens."""
    running = Gateway()
    yield running
    running.stop()


def test_refused_token_is_replaced(ask: Ask, provider: StarfleetTokenProvider) -> None:
    """After `invalidate` nothing is held, and the next caller gets another token."""
    assert provider.invalidate(ask(provider))

    assert provider.state is TokenState.ABSENT
    assert provider.expires_in is None
    assert ask(provider) == "fake-token-2"


def test_only_the_held_token_can_be_invalidated(provider: StarfleetTokenProvider, server: TokenServer) -> None:
    """A late 401 for the last token does not cost the new one."""
    first = provider.get_token()
    provider.invalidate(first)
    second = provider.get_token()

    assert not provider.invalidate(first)
    assert not provider.invalidate("")
    assert provider.get_token() == second
    assert len(server.requests) == 2


def test_nothing_to_invalidate_without_a_token(provider: StarfleetTokenProvider) -> None:
    """Not even by the empty text that stands for none."""
    assert not provider.invalidate("")
    assert not provider.invalidate("fake-token-1")


def test_many_refusals_of_one_token_cause_one_refresh(provider: StarfleetTokenProvider, server: TokenServer) -> None:
    """Twenty callers who were refused together invalidate once and share the new token."""
    token = provider.get_token()
    together = threading.Barrier(20)
    swapped, found = [], []

    def be_refused() -> None:
        together.wait(PATIENCE)
        swapped.append(provider.invalidate(token))
        found.append(provider.get_token())

    threads = [threading.Thread(target=be_refused) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert sum(swapped) == 1
    assert found == ["fake-token-2"] * 20
    assert len(server.requests) == 2


def test_gateway_that_refuses_every_token_causes_no_storm(
    provider: StarfleetTokenProvider, server: TokenServer
) -> None:
    """A hundred refused calls at once cost three token requests: the first, and two replacements."""
    for _ in range(100):
        provider.invalidate(provider.get_token())

    assert len(server.requests) == 3
    assert provider.state is TokenState.FRESH


def test_refusals_are_believed_again_after_growing_pauses(provider: StarfleetTokenProvider, clocks: Clocks) -> None:
    """1 s after the second, 2 s after the third, …, and at once after a quiet minute."""
    acted = []
    for pause in (0, 0, 0.5, 0.5, 1.5, 0.5, 60.5, 0, 0):
        clocks.advance(pause)
        acted.append(provider.invalidate(provider.get_token()))

    assert acted == [True, True, False, True, False, True, True, True, False]


def test_refresh_under_way_during_an_invalidation_is_accepted(
    provider: StarfleetTokenProvider, server: TokenServer, clocks: Clocks
) -> None:
    """Nobody asks twice for the same thing."""
    token = provider.get_token()
    gate = server.gate()
    clocks.at(700.0)
    provider.get_token()
    gate.wait_for_request()
    provider.invalidate(token)
    gate.open()

    assert provider.get_token() == "fake-token-2"
    assert len(server.requests) == 2


def test_server_that_repeats_a_refused_token_is_not_asked_again(
    provider: StarfleetTokenProvider, server: TokenServer
) -> None:
    """The caller gets the same token and can see that a retry is useless."""
    server.always(grant("fake-same"))
    provider.invalidate(provider.get_token())

    assert provider.get_token() == "fake-same"
    assert len(server.requests) == 2


@pytest.fixture(params=["httpx", "httpx2"])
def family(request: pytest.FixtureRequest) -> str:
    """Both HTTP libraries."""
    return str(request.param)


Post = Callable[..., int]


@pytest.fixture(params=["sync", "async"])
def post(request: pytest.FixtureRequest, family: str, gateway: Gateway) -> Post:
    """Send a signed request by either client of either library and return the status."""
    library: Any = importlib.import_module(family)

    def post_sync(provider: StarfleetTokenProvider, **body: Any) -> int:
        with library.Client(auth=provider.as_httpx_auth(family), trust_env=False) as client:
            return int(client.post(gateway.url, **body).status_code)

    async def post_in_loop(provider: StarfleetTokenProvider, **body: Any) -> int:
        async with library.AsyncClient(auth=provider.as_httpx_auth(family), trust_env=False) as client:
            return int((await client.post(gateway.url, **body)).status_code)

    if request.param == "sync":
        return post_sync
    return lambda provider, **body: asyncio.run(post_in_loop(provider, **body))


def test_request_is_signed(post: Post, provider: StarfleetTokenProvider, gateway: Gateway) -> None:
    """With a bearer token."""
    gateway.accepted.add("fake-token-1")

    assert post(provider, content=b"x") == 200
    assert gateway.requests[0].headers["authorization"] == "Bearer fake-token-1"


def test_401_is_tried_once_more_with_a_new_token(
    post: Post, provider: StarfleetTokenProvider, gateway: Gateway
) -> None:
    """With the same body."""
    gateway.accepted.add("fake-token-2")

    assert post(provider, content=b"hello") == 200
    assert gateway.tokens == ["fake-token-1", "fake-token-2"]
    assert [request.body for request in gateway.requests] == [b"hello"] * 2


def test_second_401_is_the_answer(post: Post, provider: StarfleetTokenProvider, gateway: Gateway) -> None:
    """Once more is once."""
    assert post(provider, content=b"x") == 401
    assert len(gateway.requests) == 2


def test_403_is_the_answer(post: Post, provider: StarfleetTokenProvider, gateway: Gateway, server: TokenServer) -> None:
    """A new token brings no other permissions."""
    gateway.refusal_status = 403

    assert post(provider, content=b"x") == 403
    assert len(gateway.requests) == 1
    assert provider.state is TokenState.FRESH
    assert len(server.requests) == 1


def test_same_token_is_not_tried_twice(
    post: Post, provider: StarfleetTokenProvider, gateway: Gateway, server: TokenServer
) -> None:
    """When Starfleet repeats it, the 401 is the answer."""
    server.always(grant("fake-same"))

    assert post(provider, content=b"x") == 401
    assert len(gateway.requests) == 1


def test_refused_calls_through_the_auth_cause_no_storm(
    post: Post, provider: StarfleetTokenProvider, gateway: Gateway, server: TokenServer
) -> None:
    """Ten refused calls, three token requests."""
    assert [post(provider, content=b"x") for _ in range(10)] == [401] * 10
    assert len(server.requests) == 3
    assert len(gateway.requests) <= 12


def test_token_failure_passes_through_the_auth(
    post: Post, provider: StarfleetTokenProvider, server: TokenServer, gateway: Gateway
) -> None:
    """As our error and an openai error, which the openai client neither wraps nor tries again."""
    server.then(refusal(401))

    with pytest.raises(StarfleetAuthError) as caught:
        post(provider, content=b"x")

    assert isinstance(caught.value, openai.OpenAIError)
    assert caught.value.status_code == 401
    assert not gateway.requests


def test_token_is_never_sent_in_the_clear(provider: StarfleetTokenProvider, family: str, server: TokenServer) -> None:
    """Neither is one fetched for it."""
    library: Any = importlib.import_module(family)

    with (
        library.Client(auth=provider.as_httpx_auth(family), trust_env=False) as client,
        pytest.raises(EgressDeniedError, match="in the clear"),
    ):
        client.get("http://gateway.test/")

    assert not server.requests


@pytest.mark.parametrize("family", ["httpx", "httpx2"])
def test_body_that_cannot_be_repeated_is_not(provider: StarfleetTokenProvider, gateway: Gateway, family: str) -> None:
    """A generated body is gone after the first try; the 401 is the answer."""
    library: Any = importlib.import_module(family)

    with library.Client(auth=provider.as_httpx_auth(family), trust_env=False) as client:
        response = client.post(gateway.url, content=iter([b"once"]), headers={"Content-Length": "4"})

    assert response.status_code == 401
    assert len(gateway.requests) == 1


def test_auth_fits_the_library_that_openai_runs_on(provider: StarfleetTokenProvider) -> None:
    """When nothing else is asked for."""
    assert isinstance(provider.as_httpx_auth(), importlib.import_module(FAMILY).Auth)


def test_unknown_library_is_a_configuration_error(provider: StarfleetTokenProvider) -> None:
    """It names those that are known."""
    with pytest.raises(ConfigurationError, match="'httpx' or 'httpx2'"):
        provider.as_httpx_auth("requests")


def test_openai_client_shows_the_token_failure_as_it_is(
    provider: StarfleetTokenProvider, server: TokenServer, gateway: Gateway
) -> None:
    """Not as a failed connection after three tries of its own."""
    server.then(*[answer(503, retry_after="60")])
    library: Any = importlib.import_module(FAMILY)
    http_client = library.Client(auth=provider.as_httpx_auth(), trust_env=False)

    with (
        openai.OpenAI(api_key="unused", base_url=gateway.url, http_client=http_client) as client,
        pytest.raises(StarfleetUnavailableError) as caught,
    ):
        client.models.list()

    assert caught.value.retry_after == 60
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", [StarfleetError, StarfleetAuthError, StarfleetUnavailableError, EgressDeniedError])
def test_errors_for_openai_can_be_pickled(kind: type[StarfleetError]) -> None:
    """With their class, text and data."""
    error = as_openai_error(kind("no", retry_after=3.0))
    again = pickle.loads(pickle.dumps(error))

    assert type(again) is type(error)
    assert isinstance(again, openai.OpenAIError)
    assert (str(again), again.retry_after) == ("no", 3.0)
    assert as_openai_error(again) is again


def test_token_failure_is_told_from_a_gateway_failure() -> None:
    """Rule 8: whoever counts failures of the gateway can see that these are none."""
    for kind in (StarfleetError, StarfleetAuthError, StarfleetUnavailableError):
        error = as_openai_error(kind("no"))
        assert isinstance(error, StarfleetError)
        assert not isinstance(error, openai.APIError)
