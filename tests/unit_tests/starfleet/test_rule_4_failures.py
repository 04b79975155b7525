"""Rule 4: transient failures are tried again within limits, refused credentials are left alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from langchain_nvgateway.errors import ConfigurationError, StarfleetAuthError, StarfleetUnavailableError
from langchain_nvgateway.starfleet import StarfleetTokenProvider, TokenState

from .conftest import Ask
from .token_server import (
    Clocks,
    Reply,
    TokenServer,
    answer,
    answer_json,
    drip,
    elapsed_since,
    grant,
    hang,
    raw,
    refusal,
    reset,
    wait_for_refreshes,
)

BROKEN: dict[str, Reply] = {
    **{f"status {status}": answer(status, "sorry") for status in (408, 425, 429, 500, 502, 503, 504, 529)},
    "html": answer(200, "<html>Sign in</html>", content_type="text/html"),
    "empty": answer(200),
    "huge": answer(200, b" " * 70_000),
    "redirected": answer(302, location="/elsewhere"),
    "no object": answer_json(["fake-token"]),
    "no token": answer_json({"token_type": "bearer"}),
    "odd type": answer_json({"access_token": "fake-token", "token_type": "mac"}),
    "odd life": grant("fake-token", "soon"),
    "header injection": grant("fake\r\nX-Evil: 1"),
    "deep": answer(200, "[" * 60_000),
    "reset": reset,
    "closed": raw(b""),
    "not http": raw(b"\x16\x03\x01 what?\r\n\r\n"),
    "cut": raw(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"access'),
    "bad gzip": answer(200, b"not gzip", content_encoding="gzip"),
    "odd encoding": answer(200, b"x", content_encoding="br"),
    "bad chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"),
}


@pytest.mark.parametrize("failure", BROKEN.values(), ids=BROKEN)
def test_transient_failure_is_tried_again(
    provider: StarfleetTokenProvider, server: TokenServer, failure: Reply
) -> None:
    """Whatever is broken about one answer, the next may be good."""
    server.then(failure)

    assert provider.get_token() == "fake-token-1"
    assert len(server.requests) == 2


def test_there_are_three_tries(ask: Ask, provider: StarfleetTokenProvider, server: TokenServer) -> None:
    """Then the failure is one that a later call may overcome."""
    server.always(answer(503))

    with pytest.raises(StarfleetUnavailableError) as caught:
        ask(provider)

    assert caught.value.is_retryable
    assert len(server.requests) == 3


def test_redirect_is_never_followed(provider: StarfleetTokenProvider, server: TokenServer) -> None:
    """The credentials go where they were meant to go."""
    server.always(answer(307, location="/elsewhere"))

    with pytest.raises(StarfleetUnavailableError, match="redirect"):
        provider.get_token()

    assert {request.path for request in server.requests} == {"/token"}


def test_unreachable_endpoint_is_a_transient_failure(
    ask: Ask, new_provider: Callable[..., StarfleetTokenProvider], server: TokenServer
) -> None:
    """Its host is named."""
    server.stop()

    with pytest.raises(StarfleetUnavailableError, match=f"127.0.0.1:{server.server_port}"):
        ask(new_provider())


@pytest.mark.parametrize("stall", [hang, drip], ids=["hang", "drip"])
def test_all_tries_together_keep_to_the_timeout(
    new_provider: Callable[..., StarfleetTokenProvider], server: TokenServer, stall: Reply
) -> None:
    """Against an endpoint that says nothing, and one that says it byte by byte."""
    server.always(stall)
    provider = new_provider(timeout=0.8)
    start = time.monotonic()

    with pytest.raises(StarfleetUnavailableError, match="in time"):
        provider.get_token()

    assert 0.4 < elapsed_since(start) < 0.8 + 2.0  # The two seconds are for a machine that is busy.
    assert len(server.requests) >= 2


def test_connection_that_hangs_leaves_time_for_another(
    ask: Ask, new_provider: Callable[..., StarfleetTokenProvider], server: TokenServer
) -> None:
    """A try has half of the time that is left, so that a timeout can be tried again."""
    server.then(hang)

    assert ask(new_provider(timeout=1.0)) == "fake-token-1"


def test_retry_after_that_fits_is_waited_for(
    new_provider: Callable[..., StarfleetTokenProvider], server: TokenServer
) -> None:
    """The next try comes no earlier."""
    server.then(answer(429, retry_after="0.4"))
    start = time.monotonic()

    assert new_provider().get_token() == "fake-token-1"
    assert elapsed_since(start) >= 0.4


@pytest.mark.parametrize("status", [408, 425, 429, 503])
def test_retry_after_that_does_not_fit_fails_now(
    ask: Ask, provider: StarfleetTokenProvider, server: TokenServer, clocks: Clocks, status: int
) -> None:
    """Nobody waits for it here; it holds for later callers and is on the error."""
    server.then(answer(status, retry_after="120"))

    with pytest.raises(StarfleetUnavailableError) as caught:
        ask(provider)
    assert caught.value.retry_after == 120
    assert caught.value.status_code == status

    clocks.advance(119.5)
    with pytest.raises(StarfleetUnavailableError) as again:
        ask(provider)
    assert again.value.retry_after == 0.5
    assert len(server.requests) == 1

    clocks.advance(0.5)
    assert ask(provider) == "fake-token-1"


def test_retry_after_as_a_date_is_on_the_wall_clock(provider: StarfleetTokenProvider, server: TokenServer) -> None:
    """The wall clock of the provider, which stands at 2**30 here."""
    server.then(answer(503, retry_after="Sat, 10 Jan 2004 13:38:04 GMT"))

    with pytest.raises(StarfleetUnavailableError) as caught:
        provider.get_token()

    assert caught.value.retry_after == 60


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 422])
def test_refusal_is_not_tried_again(
    ask: Ask, provider: StarfleetTokenProvider, server: TokenServer, status: int
) -> None:
    """Once is enough to know."""
    server.then(refusal(status))

    with pytest.raises(StarfleetAuthError, match=r"invalid_client: no such client.*call update_secret") as caught:
        ask(provider)

    assert caught.value.status_code == status
    assert caught.value.retry_after == 30
    assert not caught.value.is_retryable
    assert len(server.requests) == 1


def test_refused_credentials_are_held_off_30_s_doubling_to_300_s(
    ask: Ask, provider: StarfleetTokenProvider, server: TokenServer, clocks: Clocks
) -> None:
    """At the exact end of each hold-off one request is sent, and none before."""
    server.always(refusal())
    holds: list[float | None] = []
    for _ in range(6):
        with pytest.raises(StarfleetAuthError) as caught:
            ask(provider)
        holds.append(caught.value.retry_after)
        clocks.advance((caught.value.retry_after or 0) - 0.5)
        with pytest.raises(StarfleetAuthError) as held:
            ask(provider)
        assert held.value.retry_after == 0.5
        clocks.advance(0.5)

    assert holds == [30, 60, 120, 240, 300, 300]
    assert len(server.requests) == 6


def test_new_secret_ends_the_hold_off(ask: Ask, provider: StarfleetTokenProvider, server: TokenServer) -> None:
    """And it is the one that is sent."""
    server.then(refusal())
    with pytest.raises(StarfleetAuthError):
        ask(provider)

    provider.update_secret("fake-new")

    assert ask(provider) == "fake-token-1"
    assert server.requests[0].headers["authorization"] != server.requests[1].headers["authorization"]


def test_new_secret_keeps_the_held_token(ask: Ask, provider: StarfleetTokenProvider, server: TokenServer) -> None:
    """It is still good."""
    ask(provider)
    provider.update_secret("fake-new")

    assert ask(provider) == "fake-token-1"
    assert len(server.requests) == 1


def test_new_secret_is_checked_like_the_first(provider: StarfleetTokenProvider) -> None:
    """And the old one stays when the new one is unusable."""
    with pytest.raises(ConfigurationError, match="STARFLEET_SECRET"):
        provider.update_secret("fake-new\n")

    assert provider.get_token() == "fake-token-1"


def test_refusal_of_an_old_secret_is_tried_again_with_the_new_one(
    ask: Ask, provider: StarfleetTokenProvider, server: TokenServer
) -> None:
    """A secret that is replaced while its request is under way costs its waiters nothing."""
    gate = server.gate(refusal())
    found: list[str] = []
    waiting = threading.Thread(target=lambda: found.append(ask(provider)))
    waiting.start()
    gate.wait_for_request()
    provider.update_secret("fake-new")
    gate.open()
    waiting.join()

    assert found == ["fake-token-1"]


def test_refusal_of_an_old_secret_in_the_background_holds_off_nothing(
    provider: StarfleetTokenProvider, server: TokenServer, clocks: Clocks
) -> None:
    """The next caller gets a token with the new one."""
    provider.get_token()
    gate = server.gate(refusal())
    clocks.at(700.0)
    provider.get_token()
    gate.wait_for_request()
    provider.update_secret("fake-new")
    gate.open()
    wait_for_refreshes()

    assert provider.get_token() == "fake-token-2"
    assert len(server.requests) == 3


def test_failure_of_an_old_secret_without_time_left_holds_off_nothing(
    new_provider: Callable[..., StarfleetTokenProvider],
) -> None:
    """When the time of the refresh is over it is not tried again, but the next caller need not wait either."""

    def replaced_while_it_is_read() -> str:
        provider.update_secret("fake-new")
        threading.Event().wait(0.2)  # Longer than the whole refresh may take.
        msg = "the old secret is gone"
        raise LookupError(msg)

    provider = new_provider(client_secret=replaced_while_it_is_read, timeout=0.1)
    with pytest.raises(StarfleetUnavailableError, match="raised LookupError"):
        provider.get_token()

    assert provider.get_token() == "fake-token-1"


def test_refused_refresh_serves_the_old_token(
    ask: Ask, provider: StarfleetTokenProvider, server: TokenServer, clocks: Clocks
) -> None:
    """As long as it is good."""
    ask(provider)
    server.always(refusal())
    clocks.at(845.0)

    assert ask(provider) == "fake-token-1"
    assert provider.state is TokenState.STALE

    clocks.at(890.0)
    with pytest.raises(StarfleetAuthError):
        ask(provider)
    assert len(server.requests) == 3


def test_secret_function_is_called_once_per_refresh(
    ask: Ask, new_provider: Callable[..., StarfleetTokenProvider], server: TokenServer, clocks: Clocks
) -> None:
    """In a thread of the refresh, not for each try, and its current value is sent."""
    called_in: list[str] = []

    def secret() -> str:
        called_in.append(threading.current_thread().name)
        return f"fake-secret-{len(called_in)}"

    provider = new_provider(client_secret=secret, auth_method="post")
    server.then(answer(503))
    ask(provider)
    clocks.at(895.0)
    ask(provider)

    assert called_in == ["starfleet-refresh"] * 2
    assert [request.form["client_secret"][-1] for request in server.requests] == ["1", "1", "2"]


def _raise() -> Any:
    msg = "canary-secret"
    raise KeyError(msg)


def _exit() -> Any:
    raise SystemExit


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        (_raise, "raised KeyError"),
        (_exit, "SystemExit"),
        (lambda: "", "is empty"),
        (lambda: None, "NoneType"),
        (lambda: "canary-secret\n", "a line break"),
    ],
)
def test_secret_function_that_fails_is_a_typed_failure(
    ask: Ask, new_provider: Callable[..., StarfleetTokenProvider], server: TokenServer, secret: Any, shown: str
) -> None:
    """It says what the function did and shows nothing of it; nothing is sent."""
    with pytest.raises(StarfleetUnavailableError, match=shown) as caught:
        ask(new_provider(client_secret=secret))

    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None
    assert not server.requests
